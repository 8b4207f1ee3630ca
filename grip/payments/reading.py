"""Members of JSON that others wrote, each read with its kind and its bounds.

Owns the one way in which a provider's words become values. Refuses floats, endless texts, and
characters that a database could not keep.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec

from grip.money.currencies import MAX_MINOR

Json: TypeAlias = Mapping[str, Any]

_TEXT_MAX: Final = 255
_CURRENCY_LETTERS: Final = 3


class Unreadable(Exception):
    """It is not what it should be; the message says which member, never its value."""


def json_object(raw: bytes) -> Json:
    """Return the JSON object that `raw` is."""
    try:
        return as_object(msgspec.json.decode(raw), "the body")
    except (msgspec.MsgspecError, RecursionError):
        raise Unreadable("the body is no JSON") from None


def as_object(value: object, what: str) -> Json:
    """Return `value` where it is an object."""
    if not isinstance(value, dict):
        raise Unreadable(f"{what} is no object")
    return value


def child(of: Json, key: str) -> Json:
    """Return the object under `key`."""
    return as_object(of.get(key), key)


def objects(of: Json, key: str) -> list[Json]:
    """Return the list of objects under `key`."""
    found = of.get(key)
    if not isinstance(found, list):
        raise Unreadable(f"{key} is no list")
    return [as_object(each, key) for each in found]


def text(of: Json, key: str) -> str:
    """Return the short, printable text under `key`."""
    found = maybe_text(of, key)
    if found is None:
        raise Unreadable(f"{key} is no short text")
    return found


def maybe_text(of: Json, key: str) -> str | None:
    """Return the text under `key`, or None where it is none that could be an id."""
    found = of.get(key)
    return found if isinstance(found, str) and is_short(found) else None


def is_short(found: str) -> bool:
    """Tell whether a text is printable, not empty, and no longer than ids are."""
    return 0 < len(found) <= _TEXT_MAX and found.isprintable()


def ref(of: Json, key: str) -> str | None:
    """Return the id under `key`, which may be there as an object that has it."""
    found = of.get(key)
    return maybe_text(found, "id") if isinstance(found, dict) else maybe_text(of, key)


def amount(of: Json, key: str) -> int:
    """Return the whole amount of zero or more under `key`."""
    found = of.get(key)
    if type(found) is not int or not 0 <= found <= MAX_MINOR:
        raise Unreadable(f"{key} is no amount")
    return found


def currency(of: Json) -> str:
    """Return the currency in capitals, three letters, known or not."""
    found = of.get("currency")
    if not (isinstance(found, str) and len(found) == _CURRENCY_LETTERS):
        raise Unreadable("currency is no currency")
    if not (found.isascii() and found.isalpha()):
        raise Unreadable("currency is no currency")
    return found.upper()


def seconds(of: Json, key: str) -> int:
    """Return the unix seconds under `key`."""
    found = of.get(key)
    if type(found) is not int or not 0 <= found < 2**40:
        raise Unreadable(f"{key} is no time")
    return found


def link(of: Json, key: str) -> str:
    """Return the address of a page under `key`."""
    found = of.get(key)
    if not (isinstance(found, str) and len(found) <= 8192 and found.isprintable()):  # noqa: PLR2004
        raise Unreadable(f"{key} is no address")
    if not found.startswith(("https://", "http://")):
        raise Unreadable(f"{key} is no address")
    return found
