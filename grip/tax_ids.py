"""Tax ids: whether a number can be one of its country's, by form and check digits.

Owns the spelling that is kept, and which of a country's numbers counts. Refuses to ask any
register: a right number may be nobody's, or a stranger's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from stdnum.exceptions import ValidationError
from stdnum.util import get_cc_module

from grip.money.countries import EU

# Ireland has had + and *, Mexico has & and Ñ.
_PLAIN: Final = re.compile(r"([ ./-]*[A-Za-z0-9&+*Ññ]){4,40}[ ./-]*")
_NEEDLESS: Final = re.compile(r"[ ./-]")

# Whose numbers are those of another country.
_OF: Final = {
    "AX": "FI",
    "IM": "GB",
    "LI": "CH",
    "PR": "US",
    **dict.fromkeys(("BL", "GF", "GP", "MF", "MQ", "RE", "YT"), "FR"),
}
# Not what stands first: the library's own choice takes social security numbers too.
_OTHER_NAMES: Final = {"US": ("ein",)}
# People leave out what the library demands, and add what it does not know.
_ENDINGS: Final = {"CH": "MWST", "NO": "MVA"}
_BEGINNINGS: Final = {"JP": "T"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxId:
    """A tax id as it is kept; `kind` is its check's name, None where no check of it is known."""

    number: str
    kind: str | None


def read(country: str, text: str) -> TaxId:
    """Return the tax id that somebody in a country typed; raises ValueError where it is none."""
    whose = _OF.get(country, country)
    return _read(whose, _OTHER_NAMES.get(whose, ("vat", "tin")), text)


def read_sellers(country: str, text: str) -> TaxId:
    """Return the tax id of a seller in a country, who may be registered there from outside the EU.

    Numbers of the one-stop shop for sellers from elsewhere begin with EU. Raises ValueError.
    """
    if country in EU and text.strip().upper().startswith("EU"):
        return _read("EU", ("oss",), text)
    return read(country, text)


def _read(whose: str, names: tuple[str, ...], text: str) -> TaxId:
    typed = text.strip().upper()
    if not _PLAIN.fullmatch(text.strip()):
        raise ValueError(f"{text.strip()[:40]!r} is no tax id: letters, digits, dots and dashes")
    modules = (get_cc_module(whose.lower(), name) for name in names)
    module = next(filter(None, modules), None)
    if module is None:
        return TaxId(number=_NEEDLESS.sub("", typed), kind=None)
    why = ""
    for number in _spellings(whose, typed):
        try:
            found = module.validate(number)
        except ValidationError as refused:
            why = why or str(refused).rstrip(".").lower()
            continue
        kind = str(vars(module)["__name__"]).removeprefix("stdnum.").replace("_", "")
        return TaxId(number=_kept(whose, typed, found), kind=kind)
    raise ValueError(f"{text.strip()[:40]!r} is no tax id of {whose}: {why}")


def _spellings(country: str, typed: str) -> Iterator[str]:
    yield typed
    if country in EU:
        # The library takes dots from some of them, and not from others.
        yield _NEEDLESS.sub("", typed)
    if ending := _ENDINGS.get(country):
        yield typed + ending
    if beginning := _BEGINNINGS.get(country):
        yield typed.removeprefix(beginning)


def _kept(country: str, typed: str, number: str) -> str:
    """Return the number with the letters of its country, where invoices name it with them."""
    if country in EU:
        prefix = "EL" if country == "GR" else country
    elif country == "GB":
        prefix = "XI" if typed.startswith("XI") else "GB"
    else:
        return number
    # The library leaves Romania's letters where they are; those of a French number may be its own.
    return number if country == "RO" and number.startswith(prefix) else prefix + number
