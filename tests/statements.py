"""Statements compiled once for all databases of a run, and not for each anew.

Nearly every test has a database of its own, and with it an engine: a third of the processor time of
the suite went into compiling the same statements again and again.
"""

from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

_compiled: dict[type[Any], LRUCache[Any, Any]] = {}


def _is_alike(dialect: Any, other: object) -> bool:
    return type(dialect) is type(other)


def _hash(dialect: Any) -> int:
    return hash(type(dialect))


def _shared(engine: Engine) -> LRUCache[Any, Any]:
    return _compiled.setdefault(type(engine.dialect), LRUCache(5000))


def _keep_none(engine: Engine, own: object) -> None:
    """Have no use for the cache that an engine makes for itself."""


def share() -> None:
    """Let all engines of this process that speak alike keep what they compiled in one place."""
    # SQLAlchemy reads off Engine.__init__ which options there are: that stays as it is.
    Engine._compiled_cache = property(_shared, _keep_none)  # type: ignore[assignment]
    # What was compiled is found by the dialect that compiled it, among other things.
    DefaultDialect.__eq__ = _is_alike  # type: ignore[method-assign]
    DefaultDialect.__hash__ = _hash  # type: ignore[method-assign, assignment]
