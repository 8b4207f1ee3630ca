"""What a call costs: one price version, one usage, one integer.

The only place with cost arithmetic. A usage's `input_tokens` include those read from and written
to a cache, as OpenAI counts them; a provider that counts them apart is normalised by its adapter,
since the two shapes cannot be told apart from the numbers.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple


class Usage(NamedTuple):
    """What one call used; every number is a count of zero or more."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    images: int = 0
    seconds: int = 0
    characters: int = 0
    requests: int = 1

    @property
    def tokens(self) -> int:
        """What counts against a limit on tokens."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Nano-credits per unit. None means that nobody named a price for the unit.

    Cached input and cache writes without a price of their own cost what input costs.
    """

    input_nano: int | None = None
    output_nano: int | None = None
    cached_input_nano: int | None = None
    cache_write_nano: int | None = None
    image_nano: int | None = None
    second_nano: int | None = None
    character_nano: int | None = None
    request_nano: int | None = None

    @property
    def named(self) -> bool:
        """Whether anybody named a price at all; zero is a price."""
        return self != _UNNAMED


_UNNAMED = Rates()

RATE_NAMES: tuple[str, ...] = tuple(Rates.__dataclass_fields__)

_TOKENS: Final = frozenset({"input_nano", "output_nano"})

UNITS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "chat": _TOKENS | {"request_nano"},
        "embedding": frozenset({"input_nano", "request_nano"}),
        "moderation": frozenset({"input_nano", "request_nano"}),
        "rerank": frozenset({"input_nano", "request_nano"}),
        "image": _TOKENS | {"image_nano", "request_nano"},
        "audio": _TOKENS | {"second_nano", "character_nano", "request_nano"},
        "video": _TOKENS | {"second_nano", "image_nano", "request_nano"},
    }
)
"""What a model of each type can be sold by: the names of the rates that count for it."""

SPOKEN_UNITS: Final = UNITS["audio"] - {"second_nano"}
"""What speech is sold by: nobody knows how long it is before it has been spoken."""

HEARD_UNITS: Final = UNITS["audio"] - {"character_nano"}
"""What transcripts are sold by."""


def cost_nano(rates: Rates, usage: Usage) -> int:
    """Return what `usage` costs, in nano-credits; a unit without a price adds nothing."""
    input_nano = rates.input_nano or 0
    cached_nano = input_nano if rates.cached_input_nano is None else rates.cached_input_nano
    write_nano = input_nano if rates.cache_write_nano is None else rates.cache_write_nano
    cached = min(usage.cached_input_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - cached)
    return (
        (usage.input_tokens - cached - written) * input_nano
        + cached * cached_nano
        + written * write_nano
        + usage.output_tokens * (rates.output_nano or 0)
        + usage.images * (rates.image_nano or 0)
        + usage.seconds * (rates.second_nano or 0)
        + usage.characters * (rates.character_nano or 0)
        + usage.requests * (rates.request_nano or 0)
    )


class Line(NamedTuple):
    """A line of a charge: so many units at so many nano-credits each (0 where none is named)."""

    unit: str
    units: int
    rate_nano: int

    @property
    def nano(self) -> int:
        """What the line comes to."""
        return self.units * self.rate_nano


def cost_lines(rates: Rates, usage: Usage) -> list[Line]:
    """Return the lines whose sum is `cost_nano`, for people.

    Those of no units are left out, and the request itself where nobody named a price for it.
    """
    input_nano = rates.input_nano or 0
    cached = min(usage.cached_input_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - cached)
    counted: tuple[tuple[str, int, int | None], ...] = (
        ("input", usage.input_tokens - cached - written, input_nano),
        ("cached_input", cached, _or(rates.cached_input_nano, input_nano)),
        ("cache_write", written, _or(rates.cache_write_nano, input_nano)),
        ("output", usage.output_tokens, rates.output_nano),
        ("image", usage.images, rates.image_nano),
        ("second", usage.seconds, rates.second_nano),
        ("character", usage.characters, rates.character_nano),
        ("request", 0 if rates.request_nano is None else usage.requests, rates.request_nano),
    )
    return [Line(unit, count, rate or 0) for unit, count, rate in counted if count]


def _or(rate_nano: int | None, input_nano: int) -> int:
    return input_nano if rate_nano is None else rate_nano


def dearest_input(rates: Rates) -> int:
    """Return the highest nano-credits that one input token can cost: what a hold assumes."""
    input_nano = rates.input_nano or 0
    return max(input_nano, rates.cached_input_nano or 0, rates.cache_write_nano or 0)


def bound_nano(rates: Rates, usage: Usage) -> int:
    """Return the most that a call of so many units can cost: what a hold takes.

    Nobody knows before the call how much of its input is read from a cache or written to one.
    """
    dearest_nano = usage.input_tokens * dearest_input(rates)
    return dearest_nano + cost_nano(rates, usage._replace(input_tokens=0))


def is_priced(rates: Rates, units: Collection[str]) -> bool:
    """Return whether a call that uses these units, by the names of their rates, can be charged.

    One unit must have a price at least. Input without output, or the reverse, would give the other
    side away: a price of zero that nobody typed.
    """
    if _TOKENS.issubset(units) and (rates.input_nano is None) != (rates.output_nano is None):
        return False
    return any(getattr(rates, unit) is not None for unit in units)


def prices_tokens(rates: Rates) -> bool:
    """Return whether tokens cost anything by name: who sells by the image counts none."""
    return rates.input_nano is not None or rates.output_nano is not None
