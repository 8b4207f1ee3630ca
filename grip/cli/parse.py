"""From the words of a command line to values: times, prices, lists, mappings.

Every refusal is an `InvalidRequest` that names the option. An empty word stands for nothing, so
that an option can be cleared. Refuses floats.
"""

import re
from collections.abc import Sequence
from decimal import Decimal

from grip import clock
from grip.errors import InvalidRequest
from grip.money import amounts
from grip.settings.addresses import Amount, AmountText
from grip.settings.kinds import ValueRefused

_WHOLE = re.compile(r"[0-9]{1,19}")
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")


def moment(words: str | None, option: str) -> int | None:
    """Return the unix microseconds of an ISO 8601 date or time; without an offset it is UTC."""
    if not words:
        return None
    try:
        return clock.from_iso(words)
    except ValueError:
        raise _refused(
            option, f"{words!r} is no time, such as 2026-01-31 or 2026-01-31T12:00:00Z"
        ) from None


def price(words: str | None, option: str, per: int = 1) -> int | None:
    """Return the nano-credits of one unit, for a price in US dollars per `per` units."""
    if not words:
        return None
    try:
        return amounts.rate_nano(words, per)
    except ValueError as refused:
        raise _refused(option, str(refused)) from None


def money(words: str, option: str) -> Amount:
    """Return an amount with its currency, written "49 USD"."""
    try:
        return AmountText().from_toml(words)
    except ValueRefused as refused:
        raise _refused(option, str(refused)) from None


def whole(words: str | None, option: str, minimum: int = 1) -> int | None:
    """Return a whole number of `minimum` or more."""
    if not words:
        return None
    if not _WHOLE.fullmatch(words) or not minimum <= int(words) < 2**63:
        raise _refused(option, f"{words!r} is no whole number of {minimum} or more")
    return int(words)


def milliseconds(words: str | None, option: str) -> int | None:
    """Return the milliseconds of a time in seconds above zero, such as 10 or 0.5."""
    if not words:
        return None
    if not _SECONDS.fullmatch(words) or not Decimal(words):
        raise _refused(option, f"{words!r} is no number of seconds above 0, such as 10 or 0.5")
    return int(Decimal(words) * 1000)


def choice(words: str | None, option: str, among: Sequence[str]) -> str:
    """Return one of the words that are allowed; nothing is the first."""
    if words and words not in among:
        raise _refused(option, f"{words!r} is not one of {', '.join(among)}")
    return words or among[0]


def several(words: Sequence[str] | None) -> list[str] | None:
    """Return the parts of an option that is repeated, holds commas, or both."""
    if not words:
        return None
    return [part.strip() for word in words for part in word.split(",") if part.strip()]


def mapping(words: Sequence[str] | None, option: str) -> dict[str, str] | None:
    """Return the pairs of an option that is repeated and holds NAME=VALUE."""
    parts = several(words)
    if parts is None:
        return None
    pairs: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition("=")
        if not name or not value:
            raise _refused(option, f"{part!r} is not of the form NAME=VALUE")
        if name in pairs:
            raise _refused(option, f"{name!r} is there twice")
        pairs[name] = value
    return pairs


def _refused(option: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"{option}: {why}", param=option)
