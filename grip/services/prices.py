"""Prices as people read and type them: the word of each unit, and US dollars, exactly.

Owns the list of units that a price can be per. Refuses to know whose price it is.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from grip.money.amounts import PER_MILLION, usd
from grip.money.pricing import Rates

BUY = "cost_"
"""What comes before the word of a unit where the operator's own cost is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit: the field of `Rates`, how many of it a price is for, and what they are called."""

    rate: str
    per: int
    words: str


UNITS: Mapping[str, Unit] = MappingProxyType(
    {
        "input": Unit(rate="input_nano", per=PER_MILLION, words="million input tokens"),
        "output": Unit(rate="output_nano", per=PER_MILLION, words="million output tokens"),
        "cached_input": Unit(
            rate="cached_input_nano", per=PER_MILLION, words="million input tokens from a cache"
        ),
        "cache_write": Unit(
            rate="cache_write_nano", per=PER_MILLION, words="million input tokens put in a cache"
        ),
        "per_image": Unit(rate="image_nano", per=1, words="image"),
        "per_second": Unit(rate="second_nano", per=1, words="second"),
        "per_character": Unit(rate="character_nano", per=1, words="character"),
        "per_request": Unit(rate="request_nano", per=1, words="request"),
    }
)
"""By the word that is typed and shown; nano-credits of one unit times `per` are the price."""


def shown(rates: Rates, before: str = "") -> dict[str, str | None]:
    """Return the price of every unit in US dollars, None where nobody named one."""
    return {
        before + word: None if (rate := getattr(rates, unit.rate)) is None else usd(rate, unit.per)
        for word, unit in UNITS.items()
    }


def merged(rates: Rates, named: Mapping[str, int | None]) -> Rates:
    """Return `rates` with the nano-credits that `named` holds by word; None takes a price away."""
    return dataclasses.replace(rates, **{UNITS[word].rate: rate for word, rate in named.items()})
