"""Money of the world in whole minor units: cents, yen, fils.

Each amount is an integer of the smallest unit of its currency, as ISO 4217 has it. Refuses floats,
currencies that nobody can pay in (metals, funds, tests), and amounts that are finer than their
currency.
"""

import re
from decimal import Decimal
from types import MappingProxyType
from typing import Final

# ruff: noqa: SIM905  # a table of words

MAX_MINOR: Final = 10**14
"""The most minor units in one amount: sums of many still fit 63 bits."""

_EXPONENTS: Final = MappingProxyType(
    dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(),
        0,
    )
    | dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3)
)
_HUNDREDTHS: Final = frozenset(
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF "
    "CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD "
    "HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA "
    "MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN "
    "QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP "
    "TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG".split()
)
CURRENCIES: Final = frozenset(_EXPONENTS) | _HUNDREDTHS
_PLAIN: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")


def exponent(currency: str) -> int:
    """Return how many decimals a currency has; raises ValueError for one that is unknown."""
    if currency not in CURRENCIES:
        raise ValueError(f"{currency!r} is no currency of ISO 4217, such as USD")
    return _EXPONENTS.get(currency, 2)


def minor(amount: str | Decimal, currency: str) -> int:
    """Return an amount in minor units.

    Raises ValueError where it is no plain number of zero or more, finer than its currency, or too
    much; TypeError for a float.
    """
    if not isinstance(amount, Decimal) and not _PLAIN.fullmatch(amount):
        raise ValueError(f"{amount!r} is not an amount of zero or more, such as 49.00")
    scaled = Decimal(amount).scaleb(exponent(currency))
    if not scaled.is_finite() or scaled < 0:
        raise ValueError(f"{amount} is not an amount of zero or more")
    if scaled > MAX_MINOR:
        raise ValueError(f"{amount} {currency} is more than an amount can be")
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} {currency} is finer than {currency} goes")
    return int(scaled)


def major(amount_minor: int, currency: str) -> str:
    """Return minor units as people write them, with all decimals: `49.00`, `4900`, `4.900`."""
    decimals = exponent(currency)
    if not decimals:
        return str(amount_minor)
    sign = "-" if amount_minor < 0 else ""
    whole, part = divmod(abs(amount_minor), 10**decimals)
    return f"{sign}{whole}.{part:0{decimals}}"


def share(amount: int, part: int, whole: int) -> int:
    """Return `amount` x `part` / `whole` of zero or more, rounded half up."""
    if amount < 0 or part < 0 or whole <= 0:
        raise ValueError("a share is of zero or more")
    return (2 * amount * part + whole) // (2 * whole)
