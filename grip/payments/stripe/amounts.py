"""Between ISO 4217's minor units and the units in which Stripe counts.

They differ in places: https://docs.stripe.com/currencies. Refuses to round: what Stripe cannot take
exactly is refused by name.
"""

from typing import Final

from grip import errors
from grip.money.currencies import CURRENCIES, major
from grip.payments.reading import Unreadable

_TENS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
"""Three decimals, the last of which has to be 0."""

_WITHOUT_CENTS: Final = frozenset({"MGA"})
"""Two decimals by ISO, and none at Stripe."""

_WITH_CENTS: Final = frozenset({"ISK"})
"""No decimals by ISO, and two zeros at Stripe."""

_CONTRADICTED: Final = frozenset({"UGX"})
"""Stripe's page lists it among the currencies without decimals, and among those sent with two."""


def to_stripe(amount_minor: int, currency: str) -> int:
    """Return what Stripe calls this amount; raises AmountUnpayable where it has no name for it."""
    if currency not in CURRENCIES or currency in _CONTRADICTED:
        raise errors.AmountUnpayable(
            f"payments in {currency} cannot be made through Stripe", param="currency"
        )
    if currency in _TENS and amount_minor % 10:
        raise _unpayable(amount_minor, currency, "whose last decimal is 0")
    if currency in _WITH_CENTS:
        return amount_minor * 100
    if currency not in _WITHOUT_CENTS:
        return amount_minor
    if amount_minor % 100:
        raise _unpayable(amount_minor, currency, "without decimals")
    return amount_minor // 100


def from_stripe(amount: int, currency: str) -> int:
    """Return Stripe's amount in minor units; raises Unreadable for one that ISO cannot write."""
    if currency in _WITHOUT_CENTS:
        return amount * 100
    if currency not in _WITH_CENTS:
        return amount
    if amount % 100:
        raise Unreadable(f"the amount is finer than {currency} goes")
    return amount // 100


def _unpayable(amount_minor: int, currency: str, which: str) -> errors.AmountUnpayable:
    return errors.AmountUnpayable(
        f"Stripe takes amounts of {currency} {which}, and {major(amount_minor, currency)} is none",
        param="amount",
    )
