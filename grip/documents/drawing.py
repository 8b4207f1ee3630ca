"""Pieces onto a sheet, and the foot of each page. Refuses to know what they say."""

from grip.documents.layout import LEFT, RIGHT, SMALL_PT, Pages, Rule, Text, wrap
from grip.documents.sheet import Sheet

_FOOT = 284.0
_NAME = 70.0
"""Of a longer name, the foot has the first line."""
_INK, _QUIET, _HAIR = 20, 100, 190
"""Greys, of 255."""


def draw(sheet: Sheet, pages: Pages, *, seller: str, title: str) -> None:
    """Draw pages, each with its foot: what it belongs to, and which page of how many."""
    name = next(wrap(sheet, seller, _NAME, size_pt=SMALL_PT), "")
    foot = sheet.shown("  ·  ".join(filter(None, (name, title))))
    for number, pieces in enumerate(pages.pages, start=1):
        sheet.add_page()
        for piece in pieces:
            _draw(sheet, piece)
        sheet.set_text_color(_QUIET)
        sheet.write_at(LEFT, _FOOT, foot, SMALL_PT)
        told = f"Page {number} of {len(pages.pages)}"
        sheet.write_at(RIGHT - sheet.measure(told, SMALL_PT), _FOOT, told, SMALL_PT)


def _draw(sheet: Sheet, piece: Text | Rule) -> None:
    if isinstance(piece, Rule):
        sheet.set_draw_color(_INK if piece.strong else _HAIR)
        sheet.set_line_width(0.2)
        sheet.line(piece.left, piece.y, piece.right, piece.y)
    else:
        sheet.set_text_color(_QUIET if piece.quiet else _INK)
        sheet.write_at(piece.x, piece.y, piece.text, piece.size_pt, bold=piece.bold)
