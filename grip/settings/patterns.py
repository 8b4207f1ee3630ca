"""Regular expressions in the configuration: each compiled, and none that may take for ever.

A repetition that has another one inside, as in `(a+)+`, takes time that doubles with each letter of
a text that strangers send. Refuses those, and knows no other way to be slow.
"""

import re
from collections.abc import Iterator

from grip.settings.kinds import Kind, ValueRefused, list_of, text_of

_BOUNDED = re.compile(r"\{\d*,?\d+\}|\?")
_ENDLESS = re.compile(r"[*+]|\{\d*,\}")
_LONGEST = 1_000
_MOST = 100
_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?[^)=!:>]*[=!:>)]?)?|\)|.", re.DOTALL)


class Patterns(Kind[tuple[str, ...]]):
    """A list of regular expressions, possibly empty."""

    def from_toml(self, value: object) -> tuple[str, ...]:
        """Accept a list of regular expressions."""
        patterns = tuple(_checked(text_of(pattern)) for pattern in list_of(value))
        if len(patterns) > _MOST:
            raise ValueRefused(f"must list {_MOST} regular expressions at most")
        return patterns

    def from_text(self, text: str) -> tuple[str, ...]:
        """Accept one for each line: they may have commas."""
        return self.from_toml([line for line in text.splitlines() if line])

    def to_toml(self, value: tuple[str, ...]) -> object:
        """Write a list."""
        return list(value)


def _checked(pattern: str) -> str:
    if not pattern or len(pattern) > _LONGEST:
        raise ValueRefused(f"must list regular expressions of 1 to {_LONGEST} characters")
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueRefused(f'"{pattern}" is not a regular expression: {error}') from None
    if compiled.match(""):
        raise ValueRefused(f'"{pattern}" matches nothing at all, and so everywhere')
    if _repeats_inside(pattern):
        raise ValueRefused(
            f'"{pattern}" repeats what repeats inside, which may take for ever; write it flat'
        )
    return pattern


def _repeats_inside(pattern: str) -> bool:
    """Tell whether a group is repeated without end that has such a repetition in it."""
    groups = [False]
    for atom, is_endless in _atoms(pattern):
        if atom.startswith("(") and not atom.endswith(")"):
            groups.append(False)
            continue
        has_inside = groups.pop() if atom == ")" and len(groups) > 1 else False
        if has_inside and is_endless:
            return True
        groups[-1] = groups[-1] or has_inside or is_endless
    return False


def _atoms(pattern: str) -> Iterator[tuple[str, bool]]:
    """Yield each part of a pattern, and whether it is repeated without end."""
    at = 0
    while found := _ATOM.match(pattern, at):
        at = found.end()
        endless = _ENDLESS.match(pattern, at)
        if repeated := endless or _BOUNDED.match(pattern, at):
            at = repeated.end()
            at += pattern[at : at + 1] in ("?", "+")
        yield found[0], endless is not None
