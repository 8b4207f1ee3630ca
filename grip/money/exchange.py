"""Rates to US dollars, and what money of any currency is worth in dollars and in credits.

A rate is the exact decimal text of what one unit of a currency is worth in dollars: `0.14`. Refuses
floats, and to know today's rates: they are configured, and frozen on each order.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from grip.money.currencies import exponent, share

USD: Final = "USD"
_PLAIN: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,12})?")
_CREDITS_PER_USD: Final = 1000


def rate(text: str) -> Fraction:
    """Return a rate exactly; raises ValueError where it is no plain number above zero."""
    if not _PLAIN.fullmatch(text) or not (found := Fraction(text)):
        raise ValueError(f"{text!r} is no rate above 0 with at most 12 decimals, such as 0.14")
    return found


def with_dollars(rates: Mapping[str, str]) -> dict[str, str]:
    """Return the configured rates with that of the dollar itself, to be frozen on an order."""
    return {**rates, USD: "1"}


def usd(amount_minor: int, currency: str, rate_text: str) -> Fraction:
    """Return what minor units are worth in dollars, exactly."""
    return rate(rate_text) * Fraction(amount_minor, int(10 ** exponent(currency)))


def price_of(credits_: int, currency: str, rate_text: str) -> int:
    """Return what credits cost at $0.001 each, in minor units, rounded half up."""
    exact = Fraction(credits_, _CREDITS_PER_USD) / rate(rate_text) * 10 ** exponent(currency)
    return share(exact.numerator, 1, exact.denominator)


def credits_for(amount_minor: int, currency: str, rate_text: str) -> int:
    """Return the whole credits that an amount buys at $0.001 each, rounded down."""
    return int(usd(amount_minor, currency, rate_text) * _CREDITS_PER_USD)
