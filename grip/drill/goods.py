"""What the drill's gateway sells: sandbox models that behave, and one for each way not to. Pure."""

from dataclasses import dataclass
from typing import Final

from grip.drill.kinds import UPSTREAM
from grip.money.pricing import Rates
from grip.providers.sandbox.behaviour import parse

RATES: Final = Rates(input_nano=41_234_567, output_nano=98_765_432)
"""Nano-credits per token that leave a rest in every wallet's carry."""

MAX_OUTPUT: Final = 400
QUICK: Final = "quick"
SLOW: Final = "slow"
FLOWING: Final = "flowing"
LONG: Final = "long"

SOUND: Final = {
    QUICK: "chunks=8",
    SLOW: "delay_s=0.25&chunks=12",
    FLOWING: "chunks=24&chunk_delay_s=0.02",
    LONG: "chunks=120&chunk_delay_s=0.02",
}
"""The models that behave, with what they are told."""

_SAVED: Final = "chunks=10&chunk_delay_s=0.01"
_TROUBLED: Final = f"drill?{_SAVED}&"
_USAGES: Final = ("none", "zero")
_STALL_MS: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A channel of the sandbox: what it calls each model, and in which groups it serves."""

    name: str
    groups: tuple[str, ...]
    priority: int
    models: dict[str, str]
    first_byte_timeout_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """A model for sale and the group of channels that serves it."""

    name: str
    group: str


def words(model: str) -> int:
    """Return how many words a whole answer of this model has."""
    return parse(f"drill?{SOUND.get(model, _SAVED)}").chunks


def failing(way: str) -> str:
    """Return the model whose only channel misbehaves in this way."""
    return f"fails-{way}"


def saved(way: str) -> str:
    """Return the model whose first channel misbehaves, and whose second one answers."""
    return f"saved-{way}"


def shelves() -> list[Shelf]:
    """Return the two channels: one that is sound, and one that fails and is tried first."""
    sound = {name: f"drill?{told}" for name, told in SOUND.items()}
    sound |= {saved(way): f"drill?{_SAVED}" for way in UPSTREAM}
    troubled = {name(way): _told(way) for way in UPSTREAM for name in (failing, saved)}
    return [
        Shelf(name="sound", groups=("sound", "saved"), priority=0, models=sound),
        Shelf(
            name="troubled",
            groups=("failing", "saved"),
            priority=10,
            models=troubled,
            first_byte_timeout_ms=_STALL_MS,
        ),
    ]


def goods() -> list[Good]:
    """Return everything that is for sale."""
    return [
        *(Good(name=name, group="sound") for name in SOUND),
        *(Good(name=failing(way), group="failing") for way in UPSTREAM),
        *(Good(name=saved(way), group="saved") for way in UPSTREAM),
    ]


def _told(way: str) -> str:
    return f"{_TROUBLED}usage={way}" if way in _USAGES else f"{_TROUBLED}fail={way}"
