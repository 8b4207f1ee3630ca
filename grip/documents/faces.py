"""The faces that ship with grip, and which of them shows a character.

A face is loaded only where a document needs it, and only for the characters that it needs: the
large ones take a tenth of a second each. Refuses to show an empty box: what no face has becomes a
replacement character, and the XML still has the true name.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

FONTS: Final = Path(__file__).with_name("fonts")
REPLACEMENT: Final = "\ufffd"
TEXT: Final = "noto"
"""Latin, Greek and Cyrillic, in regular and bold; all others are regular."""
TEXT_FILES: Final = {"": "NotoSans-Regular.ttf", "B": "NotoSans-Bold.ttf"}
_HAN: Final = tuple(f"DroidSansFallback-{part}.ttf" for part in range(1, 5))
_SCRIPTS: Final = (
    ((0x0530, 0x058F), ("NotoSansArmenian-Regular.ttf",)),
    ((0x0590, 0x05FF), ("NotoSansHebrew-Regular.ttf",)),
    ((0x0600, 0x08FF), ("NotoSansArabic-Regular.ttf",)),
    ((0x0900, 0x097F), ("NotoSansDevanagari-Regular.ttf",)),
    ((0x0980, 0x09FF), ("NotoSansBengali-Regular.ttf",)),
    ((0x0B80, 0x0BFF), ("NotoSansTamil-Regular.ttf",)),
    ((0x0E00, 0x0E7F), ("NotoSansThai-Regular.ttf",)),
    ((0x10A0, 0x10FF), ("NotoSansGeorgian-Regular.ttf",)),
    ((0x1100, 0x11FF), ("NanumSquareR.ttf",)),
    ((0x2E80, 0x312F), _HAN),
    ((0x3130, 0x318F), ("NanumSquareR.ttf",)),
    ((0x3190, 0x9FFF), _HAN),
    ((0xAC00, 0xD7AF), ("NanumSquareR.ttf",)),
    ((0xF900, 0xFAFF), _HAN),
    ((0xFB13, 0xFB17), ("NotoSansArmenian-Regular.ttf",)),
    ((0xFB1D, 0xFB4F), ("NotoSansHebrew-Regular.ttf",)),
    ((0xFB50, 0xFDFF), ("NotoSansArabic-Regular.ttf",)),
    ((0xFE70, 0xFEFF), ("NotoSansArabic-Regular.ttf",)),
    ((0xFF00, 0xFFEF), _HAN),
)
_SHAPED: Final = ((0x0590, 0x08FF), (0x0900, 0x0DFF), (0x0E00, 0x0E7F), (0xFB1D, 0xFEFF))
"""Scripts whose letters join, stack or run from right to left."""


def candidates(char: str) -> tuple[str, ...]:
    """Return the files that may have a character that the text face has not."""
    code = ord(char)
    return next((files for (first, last), files in _SCRIPTS if first <= code <= last), ())


def is_shaped(text: str) -> bool:
    """Tell whether a text needs more than one glyph after the other."""
    return not text.isascii() and any(_in_shaped(ord(char)) for char in text)


def wanted(texts: Iterable[str]) -> set[str]:
    """Return the characters of texts, and those that every page needs."""
    return set().union(*texts, REPLACEMENT, " ")


def _in_shaped(code: int) -> bool:
    return any(first <= code <= last for first, last in _SHAPED)
