"""What a billing profile may say: names of every script, real countries, tax ids that can be.

Owns the cleaning and the limits of its words; every refusal is an `InvalidRequest` with its param.
"""

import unicodedata
from collections.abc import Sequence
from typing import Final

from grip import tax_ids
from grip.money import countries
from grip.services.catalog_checks import refused

NAME_MAX: Final = 200
CITY_MAX: Final = 100
POSTCODE_MAX: Final = 20
LINES_MAX: Final = 4

# Persian, Indic scripts and emoji join and part their letters with these two. All else that cannot
# be seen steers terminals and pages, or turns the direction of what stands beside it.
_JOINERS: Final = frozenset("\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def words(text: str, param: str, longest: int) -> str:
    """Return a text as it is kept: composed, with single blanks and none around it.

    Raises InvalidRequest for characters that cannot be seen, and for too many.
    """
    for letter in text:
        if letter not in _JOINERS and unicodedata.category(letter) in _UNSEEN:
            raise refused(param, f"must not hold the character U+{ord(letter):04X}")
    kept = " ".join(unicodedata.normalize("NFC", text).split())
    if len(kept) > longest:
        raise refused(param, f"has at most {longest} characters")
    return kept


def needed(text: str, param: str, longest: int) -> str:
    """Return a text that may not be empty."""
    kept = words(text, param, longest)
    if not any(letter.isalnum() for letter in kept):
        raise refused(param, "must not be empty")
    return kept


def lines(given: Sequence[str]) -> tuple[str, ...]:
    """Return the lines of an address; raises InvalidRequest where there are none, or too many."""
    kept = tuple(needed(line, "address", NAME_MAX) for line in given)
    if not 1 <= len(kept) <= LINES_MAX:
        raise refused("address", f"has 1 to {LINES_MAX} lines")
    return kept


def country(text: str) -> str:
    """Return a country's code; raises InvalidRequest where it is none."""
    try:
        return countries.country(text)
    except ValueError as wrong:
        raise refused("country", str(wrong)) from None


def region(country: str, text: str) -> str:
    """Return a region, which the tax of some countries needs; raises InvalidRequest."""
    kept = words(text, "region", CITY_MAX)
    try:
        return countries.region(country, kept)
    except ValueError as wrong:
        raise refused("region", str(wrong)) from None


def tax_id(country: str, text: str) -> tax_ids.TaxId:
    """Return a tax id with the check that it has passed; raises InvalidRequest."""
    try:
        return tax_ids.read(country, text)
    except ValueError as wrong:
        raise refused("tax-id", str(wrong)) from None
