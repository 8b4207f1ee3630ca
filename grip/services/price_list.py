"""A price list in a file: TOML, with a table for each model and US dollars as commands take them.

Owns what such a file may say; whatever is not known is refused by name. Refuses floats: a number
without quotes is read as it is written.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grip.errors import InvalidRequest
from grip.money import amounts
from grip.services.prices import UNITS

_TABLE = "models"


def read(path: Path) -> dict[str, dict[str, int | None]]:
    """Return the nano-credits by model and unit that the file names; None takes a price away.

    Raises InvalidRequest where it cannot be read or says what no price list can.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _refused(f"{path}: cannot be read: {reason}") from None
    except UnicodeDecodeError:
        raise _refused(f"{path}: is not UTF-8 text") from None
    try:
        return parse(text)
    except InvalidRequest as refused:
        raise _refused(f"{path}: {refused.message}") from None


def parse(text: str) -> dict[str, dict[str, int | None]]:
    """Return the same of a text."""
    try:
        found = tomllib.loads(text, parse_float=str)
    except RecursionError:
        raise _refused("is nested too deeply") from None
    except ValueError as error:
        raise _refused(f"is no TOML: {error}") from None
    for key in found:
        if key != _TABLE:
            raise _refused(f"{key!r} is not known; a price list has tables [{_TABLE}.NAME] only")
    named = found.get(_TABLE, {})
    if not isinstance(named, dict) or not named:
        raise _refused(f"names no model; a price list has tables [{_TABLE}.NAME]")
    return {model: _prices(model, table) for model, table in named.items()}


def _prices(model: str, table: object) -> dict[str, int | None]:
    if not isinstance(table, Mapping):
        raise _refused(f"{_TABLE}.{model}: is no table [{_TABLE}.NAME] of prices")
    return {word: _price(f"{_TABLE}.{model}.{word}", word, said) for word, said in table.items()}


def _price(key: str, word: str, said: Any) -> int | None:
    if word not in UNITS:
        known = ", ".join(UNITS)
        dots = "; a name with dots is quoted" if isinstance(said, dict) else ""
        raise _refused(f"{key}: is not known; a price is one of {known}{dots}")
    if isinstance(said, bool) or not isinstance(said, str | int):
        raise _refused(f'{key}: is no price in US dollars, such as "2.50"')
    if said == "":
        return None
    try:
        return amounts.rate_nano(str(said), UNITS[word].per)
    except ValueError as refused:
        raise _refused(f"{key}: {refused}") from None


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(why, param="FILE")
