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


def share() -> None:
    """Let all engines of this process that speak alike keep what they compiled in one place."""
    begin = Engine.__init__

    def init(engine: Engine, *args: Any, **options: Any) -> None:
        begin(engine, *args, **options)
        engine._compiled_cache = _compiled.setdefault(type(engine.dialect), LRUCache(5000))

    Engine.__init__ = init  # type: ignore[method-assign, assignment]
    # What was compiled is found by the dialect that compiled it, among other things.
    DefaultDialect.__eq__ = _is_alike  # type: ignore[method-assign]
    DefaultDialect.__hash__ = _hash  # type: ignore[method-assign, assignment]
