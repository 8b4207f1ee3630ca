"""Tax ids: whether a number can be one of its country's, by form and check digits.

Owns the spelling that is kept, and which of a country's numbers counts. Refuses to ask any
register: a right number may be nobody's, or a stranger's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stdnum.exceptions import ValidationError
from stdnum.util import get_cc_module

from grip.money.countries import EU

if TYPE_CHECKING:
    from stdnum.util import NumberValidationModule  # it is nothing at run time

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
_OTHER_NAMES: Final = {"US": "ein"}
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
    typed = text.strip().upper()
    if not _PLAIN.fullmatch(text.strip()):
        raise ValueError(f"{text.strip()[:40]!r} is no tax id: letters, digits, dots and dashes")
    whose = _OF.get(country, country)
    module = _module(whose)
    if module is None:
        return TaxId(number=_NEEDLESS.sub("", typed), kind=None)
    for number in _spellings(whose, typed):
        try:
            found = module.validate(number)
        except ValidationError:
            continue
        kind = str(vars(module)["__name__"]).removeprefix("stdnum.").replace("_", "")
        return TaxId(number=_kept(whose, typed, found), kind=kind)
    raise ValueError(f"{text.strip()[:40]!r} is no tax id of {whose}: {_why(module, typed)}")


def _module(country: str) -> "NumberValidationModule | None":
    named = _OTHER_NAMES.get(country)
    for name in (named,) if named else ("vat", "tin"):
        if module := get_cc_module(country.lower(), name):
            return module
    return None


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


def _why(module: "NumberValidationModule", typed: str) -> str:
    try:
        module.validate(typed)
    except ValidationError as refused:
        return str(refused)[:1].lower() + str(refused)[1:].rstrip(".")
    raise AssertionError("it is valid after all")
