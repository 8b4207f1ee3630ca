"""A step of maintenance: what it is handed, and what it says that it did.

Every step is idempotent, works in bounded transactions, goes on where a killed one stopped, and may
run on several nodes at once.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_NOTHING: Mapping[str, int] = MappingProxyType({})


def _nobody(_done: int, _of: int | None) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a step is to be run. `told` hears how far it is: so many done, of how many if known.

    In a `dry_run` it changes nothing, and returns what it would do. With `trusts_clock` the
    machine's clock is right, whatever the database has seen of time (`clock.py`).
    """

    dry_run: bool = False
    trusts_clock: bool = False
    told: Callable[[int, int | None], None] = _nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a step did: numbers by what they count. `problems` are for the operator to see to."""

    did: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step by its name; `what` is one line about it."""

    name: str
    what: str
    run: Callable[[Run], Awaitable[Done]]
