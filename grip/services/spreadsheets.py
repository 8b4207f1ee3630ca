"""Text for spreadsheets, which run what looks like a formula.

Refuses to know what is in a file: whoever writes one passes each text that others chose through it.
"""

from typing import Final

BYTE_ORDER_MARK: Final = "\ufeff"
"""Begins a file, so that spreadsheets read it as UTF-8."""

_FORMULA: Final = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: with an apostrophe, where it would."""
    return f"'{text}" if text.lstrip(" ")[:1] in _FORMULA else text
