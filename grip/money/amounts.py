"""Units of money: credits, nano-credits and US dollars, exact in every direction.

1 credit = $0.001 and 1 nano-credit = 10⁻⁹ credit = $10⁻¹². Refuses floats, and refuses to round
a price that somebody typed.
"""

import re
from decimal import Decimal
from typing import Final

NANO: Final = 1_000_000_000
"""Nano-credits in a credit."""

NANO_PER_USD: Final = 1000 * NANO
"""Nano-credits in a US dollar."""

MAX_CREDITS: Final = 9_000_000_000
"""The most credits in one amount ($9 million): in nano-credits it still fits 63 bits."""

PER_MILLION: Final = 1_000_000

_PLAIN: Final = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
_DIGITS_MAX: Final = 24


def ceil_credits(cost_nano: int) -> int:
    """Return the whole credits that cover `cost_nano`: what a hold takes."""
    return -(-cost_nano // NANO)


def draw(carry_nano: int, cost_nano: int) -> tuple[int, int]:
    """Return the whole credits to draw and the new carry, for a cost on top of a carry.

    A hold of `ceil_credits(cost_nano)` always covers the draw, whatever the carry: as
    carry ≤ NANO - 1, floor((carry + cost) / NANO) ≤ ceil(cost / NANO).
    """
    return divmod(carry_nano + cost_nano, NANO)


def rate_nano(usd: str, per: int = 1) -> int:
    """Return the nano-credits of one unit, for a price of `usd` US dollars per `per` units.

    Raises ValueError where `usd` is no plain non-negative number, finer than a nano-credit per
    unit (a price per million tokens has six decimals at the most), or more than `MAX_CREDITS`;
    TypeError for a float.
    """
    # No exponents: the smallest ones would round to a price of nothing.
    if not _PLAIN.fullmatch(usd):
        raise ValueError(f"{usd!r} is not an amount of zero or more US dollars, such as 2.50")
    amount = Decimal(usd)
    if len(usd) > _DIGITS_MAX or amount * 1000 > MAX_CREDITS * per:
        raise ValueError(f"{usd!r} is more than a price can be")
    rate = amount * NANO_PER_USD / per
    if rate != rate.to_integral_value():
        raise ValueError(f"{usd!r} is finer than one nano-credit ($0.000000000001) per unit")
    return int(rate)


def usd(nano: int, per: int = 1) -> str:
    """Return `nano` nano-credits per unit as plain US dollars per `per` units, exactly."""
    amount = (Decimal(nano) * per / NANO_PER_USD).normalize()
    return f"{amount:f}"
