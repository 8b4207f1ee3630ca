"""Texts of strangers, made fit to be printed and embedded.

A name may hold anything that a form lets through. What has no look of its own is dropped here:
control characters, marks that turn the direction of text, halves of characters. XML cannot hold
the first and the last, and the second can make a page say what its bytes do not.
"""

import unicodedata
from typing import Final

JOINERS: Final = "\u200c\u200d"
"""They shape Persian and the scripts of India, and glue emoji together."""
_NO_CHARACTER: Final = 0xFFFE
"""The last two places of each plane; XML refuses those of the first."""
_JOINED: Final = ((0x0600, 0x08FF), (0x0900, 0x0DFF))


def plain(text: str) -> str:
    """Return a text on one line: composed, with single spaces, without anything unseen."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    composed = unicodedata.normalize("NFC", text)
    seen = (_seen(composed, place) for place in range(len(composed)))
    return " ".join("".join(seen).split())


def _seen(text: str, place: int) -> str:
    char = text[place]
    if char in JOINERS:
        return char if _joins(text[place - 1 : place]) and text[place + 1 :] else ""
    category = unicodedata.category(char)
    if category == "Cc" or category in {"Zl", "Zp"}:
        return " "
    if category in {"Cf", "Cs"} or ord(char) & _NO_CHARACTER == _NO_CHARACTER:
        return ""
    return char


def _joins(before: str) -> bool:
    return bool(before) and any(first <= ord(before) <= last for first, last in _JOINED)
