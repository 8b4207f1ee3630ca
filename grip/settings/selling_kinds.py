"""The kinds of value that selling needs: countries, prices, rates of tax and of exchange, days.

Owns how they are written: exact, and never as a float. Refuses to know which of them go together;
`selling_checks` does.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from grip.money import countries, currencies, exchange
from grip.settings.addresses import Amount, AmountText
from grip.settings.kinds import Kind, Shaped, ValueRefused, kind_name, list_of, text_of

_PERCENT: Final = re.compile(r"([0-9]{1,2})(?:\.([0-9]{1,2}))?|100")
_DECIMAL: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,4})?")
_LINES_MAX: Final = 4
_WHOLE_BP: Final = 10_000

LINE: Final = Shaped(shape=re.compile(r".{1,200}"), wanted="a text of at most 200 characters")
"""A short text, or nothing."""

EMAIL: Final = Shaped(
    shape=re.compile(r"(?=.{3,254}$)[^@\s]+@[^@\s.]+(\.[^@\s.]+)*"), wanted="an e-mail address"
)
"""An e-mail address, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Country(Kind[str]):
    """A country by its two letters; the empty string where it may be left out."""

    is_needed: bool = True

    def from_toml(self, value: object) -> str:
        """Accept codes of ISO 3166, and the EU's EL for Greece."""
        text = text_of(value)
        if not text and not self.is_needed:
            return ""
        try:
            return countries.country(text)
        except ValueError as refused:
            raise ValueRefused(str(refused)) from None


class Currency(Kind[str]):
    """A currency by its three letters."""

    def from_toml(self, value: object) -> str:
        """Accept what people can pay in."""
        code = text_of(value).strip()
        try:
            currencies.exponent(code)
        except ValueError as refused:
            raise ValueRefused(str(refused)) from None
        return code


class Lines(Kind[tuple[str, ...]]):
    """A few lines of text, possibly none."""

    def from_toml(self, value: object) -> tuple[str, ...]:
        """Accept a list of short texts."""
        lines = tuple(LINE.from_toml(line) for line in list_of(value))
        if len(lines) > _LINES_MAX or not all(lines):
            raise ValueRefused(f"must list {_LINES_MAX} lines at most, none of them empty")
        return lines

    def from_text(self, text: str) -> tuple[str, ...]:
        """Accept lines: they may have commas."""
        return self.from_toml([line for line in text.splitlines() if line])

    def to_toml(self, value: tuple[str, ...]) -> object:
        """Write a list."""
        return list(value)


class Price(AmountText):
    """What something costs: above zero, and no finer than its currency."""

    def from_toml(self, value: object) -> Amount:
        """Accept an amount that can be paid."""
        amount = super().from_toml(value)
        try:
            minor = currencies.minor(amount.value, amount.currency)
        except ValueError as refused:
            raise ValueRefused(str(refused)) from None
        if minor == 0:
            raise ValueRefused("must be above 0")
        return amount


class Plain(Kind[Decimal]):
    """An exact amount above zero, whose currency stands elsewhere."""

    def from_toml(self, value: object) -> Decimal:
        """Accept digits in quotes."""
        text = text_of(value).strip()
        if not _DECIMAL.fullmatch(text) or not (found := Decimal(text)):
            raise ValueRefused('must be an amount above 0, such as "5.00"')
        return found

    def to_toml(self, value: Decimal) -> object:
        """Write it as it was typed."""
        return str(value)


class Percent(Kind[int]):
    """A rate in percent with at most two decimals, kept in basis points: "8.1" is 810."""

    def from_toml(self, value: object) -> int:
        """Accept digits in quotes, from 0 to 100."""
        text = text_of(value).strip()
        if not _PERCENT.fullmatch(text):
            raise ValueRefused('must be percent with at most two decimals, such as "19" or "8.1"')
        return int(Decimal(text) * 100)

    def to_toml(self, value: int) -> object:
        """Write it without needless zeros."""
        whole, part = divmod(value, 100)
        return f"{whole}.{part:02}".rstrip("0") if part else str(whole)


class Day(Kind[str]):
    """A day, kept as its ISO text."""

    def from_toml(self, value: object) -> str:
        """Accept "2026-01-31", and TOML's own dates."""
        if isinstance(value, date) and not isinstance(value, datetime):
            return value.isoformat()
        if not isinstance(value, str):
            raise ValueRefused(f"must be a day such as 2026-01-31, not {kind_name(value)}")
        text = text_of(value).strip()
        try:
            day = date.fromisoformat(text).isoformat()
        except ValueError:
            day = ""
        # Other spellings of ISO 8601, as 20260131, are right and read wrongly.
        if day != text:
            raise ValueRefused("must be a day such as 2026-01-31")
        return day


class Rate(Kind[str]):
    """What one unit of a currency is worth in US dollars, as exact text."""

    def from_toml(self, value: object) -> str:
        """Accept digits in quotes, above zero."""
        text = text_of(value).strip()
        try:
            exchange.rate(text)
        except ValueError as refused:
            raise ValueRefused(str(refused)) from None
        return text


def exchange_kind(key: str) -> Kind[Any] | None:
    """Return the kind of a key of [exchange]; None for what is no currency, or needs no rate."""
    return Rate() if key in currencies.CURRENCIES - {exchange.USD} else None
