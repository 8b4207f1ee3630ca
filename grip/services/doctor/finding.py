"""What a check found: fine, risky or wrong, in a sentence, with its remedy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

OK: Final = "ok"
WARNING: Final = "warning"
ERROR: Final = "error"

_NAMED_MAX: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at; `remedy` is empty where nothing is to be done."""

    name: str
    state: str
    sentence: str
    remedy: str = ""


def fine(name: str, sentence: str) -> Finding:
    """Return that there is nothing to be done."""
    return Finding(name=name, state=OK, sentence=sentence)


def warning(name: str, sentence: str, remedy: str) -> Finding:
    """Return that something is risky, or will be wrong before long."""
    return Finding(name=name, state=WARNING, sentence=sentence, remedy=remedy)


def error(name: str, sentence: str, remedy: str) -> Finding:
    """Return that something is wrong."""
    return Finding(name=name, state=ERROR, sentence=sentence, remedy=remedy)


def unless(found: list[Finding], name: str, sentence: str) -> list[Finding]:
    """Return what was found, or that all is fine."""
    return found or [fine(name, sentence)]


def listed(names: Sequence[str]) -> str:
    """Return names in a sentence: the first few, and how many more there are."""
    shown = ", ".join(names[:_NAMED_MAX])
    more = len(names) - _NAMED_MAX
    return f"{shown} and {more} more" if more > 0 else shown


def describe(found: Finding) -> dict[str, Any]:
    """Return a finding as it is shown."""
    return {
        "name": found.name,
        "state": found.state,
        "sentence": found.sentence,
        "remedy": found.remedy or None,
    }
