"""What the words of the catalog may be: names of channels, models and groups, and lists of them.

Owns the rules alike for channels and models; every refusal is an `InvalidRequest` with its param.
"""

import re
from collections.abc import Collection, Sequence

from grip.errors import InvalidRequest

_NAME_MAX = 200
_GROUP = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,62}[A-Za-z0-9])?")


def refused(param: str, why: str) -> InvalidRequest:
    """Return the refusal of what was given for `param`."""
    return InvalidRequest(f"{param}: {why}", param=param)


def check_name(name: str, param: str) -> None:
    """Check a name: one printable word, free of commas, which separate names in lists."""
    fits = 0 < len(name) <= _NAME_MAX and name.isprintable()
    if not fits or name.startswith("-") or any(letter.isspace() for letter in name) or "," in name:
        raise refused(param, f"{name!r} is no name: one word, without commas or blanks")


def check_groups(groups: Sequence[str]) -> None:
    """Check a list of channel groups: one at least."""
    check_list(groups, "group")
    for group in groups:
        if not _GROUP.fullmatch(group):
            raise refused("group", f"{group!r} is not made of letters, digits, - and _ only")


def check_list(words: Sequence[str], param: str) -> None:
    """Check that a list is not empty and holds nothing twice."""
    if not words:
        raise refused(param, "name one at least")
    check_unique(words, param)


def check_unique(words: Sequence[str], param: str) -> None:
    """Check that a list holds nothing twice."""
    twice = sorted({word for word in words if words.count(word) > 1})
    if twice:
        raise refused(param, f"{twice[0]!r} is there twice")


def check_known(words: Collection[str], known: Collection[str], param: str) -> None:
    """Check that every word is one of those that are known."""
    for word in words:
        if word not in known:
            raise refused(param, f"{word!r} is not one of {', '.join(known)}")
