"""Pages made of pieces: texts and rules at places, measured before anything is drawn.

Owns margins, columns and where a page ends. Refuses to draw: pieces are values, so a footer can
know how many pages there are.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

LEFT: Final = 20.0
RIGHT: Final = 190.0
TOP: Final = 20.0
BOTTOM: Final = 272.0
"""Millimetres of an A4 page, from its upper left corner."""
BODY_PT: Final = 9.0
SMALL_PT: Final = 7.5
TITLE_PT: Final = 20.0
STEP: Final = 4.6
"""From one line of the body to the next, in mm."""
_HAN: Final = 0x2E80


class Measuring(Protocol):
    """What layout has to know of the faces."""

    def shown(self, text: str) -> str:
        """Return a text as it can be set."""

    def measure(self, text: str, size_pt: float, *, bold: bool = False) -> float:
        """Return the width of a shown text, in mm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A shown text whose left end is at `x`, and the middle of its line at `y`, in mm."""

    x: float
    y: float
    text: str
    size_pt: float
    bold: bool
    quiet: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A line from `left` to `right` at `y`, in mm."""

    left: float
    right: float
    y: float
    strong: bool


@dataclass(slots=True, kw_only=True)
class Pages:
    """Pages that fill from top to bottom; `y` is where the next line goes."""

    faces: Measuring
    y: float = TOP
    pages: list[list[Text | Rule]] = field(default_factory=lambda: [[]])

    def text(
        self,
        x: float,
        text: str,
        *,
        most: float = RIGHT,
        size_pt: float = BODY_PT,
        bold: bool = False,
        quiet: bool = False,
    ) -> None:
        """Put one line at `y`, from `x` to the right; smaller where it is wider than `most`."""
        shown = self.faces.shown(text)
        size_pt, _ = self._fitting(shown, most, size_pt, bold=bold)
        self._put(Text(x=x, y=self.y, text=shown, size_pt=size_pt, bold=bold, quiet=quiet))

    def number(
        self,
        column: tuple[float, float],
        text: str,
        *,
        size_pt: float = BODY_PT,
        bold: bool = False,
        quiet: bool = False,
    ) -> None:
        """Put one line at `y` up to the end of a column; smaller where it is wider, never cut."""
        end, most = column
        shown = self.faces.shown(text)
        size_pt, wide = self._fitting(shown, most, size_pt, bold=bold)
        x = end - wide
        self._put(Text(x=x, y=self.y, text=shown, size_pt=size_pt, bold=bold, quiet=quiet))

    def rule(self, left: float = LEFT, right: float = RIGHT, *, strong: bool = False) -> None:
        """Draw a line half a step above the next line of text."""
        self._put(Rule(left=left, right=right, y=self.y - STEP / 2, strong=strong))

    def wrapped(
        self, text: str, width: float, *, size_pt: float = BODY_PT, bold: bool = False
    ) -> list[str]:
        """Return a text in lines of a width."""
        return list(wrap(self.faces, text, width, size_pt=size_pt, bold=bold))

    def down(self, steps: float = 1.0) -> None:
        """Go down by so many lines of the body."""
        self.y += STEP * steps

    def need(self, steps: float, head: Callable[[], None] | None = None) -> None:
        """Begin a new page, and its `head`, unless so many lines still fit."""
        if self.y + STEP * steps <= BOTTOM:
            return
        self.pages.append([])
        self.y = TOP
        if head is not None:
            head()

    def _fitting(
        self, shown: str, most: float, size_pt: float, *, bold: bool
    ) -> tuple[float, float]:
        """Return the size at which a text is no wider than `most`, and how wide it is then."""
        wide = self.faces.measure(shown, size_pt, bold=bold)
        if wide <= most:
            return size_pt, wide
        smaller = size_pt * most / wide
        return smaller, self.faces.measure(shown, smaller, bold=bold)

    def _put(self, piece: Text | Rule) -> None:
        self.pages[-1].append(piece)


def wrap(
    faces: Measuring, text: str, width: float, *, size_pt: float = BODY_PT, bold: bool = False
) -> Iterator[str]:
    """Yield a text in lines that are no wider than `width`, broken at spaces where there are some.

    Measured as they are shown: letters that join are as wide as they join.
    """
    shown = faces.shown(text)
    if faces.measure(shown, size_pt, bold=bold) <= width:
        yield from filter(None, [shown])
        return
    line = ""
    for part in _parts(shown):
        if not line or faces.measure((line + part).rstrip(), size_pt, bold=bold) <= width:
            line += part
        else:
            yield line.rstrip()
            line = part.lstrip()
        while faces.measure(line.rstrip(), size_pt, bold=bold) > width and len(line) > 1:
            cut = _cut(faces, line, width, size_pt=size_pt, bold=bold)
            yield line[:cut]
            line = line[cut:]
    if line.strip():
        yield line.rstrip()


def _parts(text: str) -> Iterator[str]:
    """Yield what may not be broken, with the spaces behind it."""
    part = ""
    for char in text:
        if part and (part[-1] == " " or ord(char) >= _HAN or ord(part[-1]) >= _HAN):
            yield part
            part = ""
        part += char
    if part:
        yield part


def _cut(faces: Measuring, word: str, width: float, *, size_pt: float, bold: bool) -> int:
    """Return how many characters of a word fit a width; one at least."""
    fits, over = 1, len(word)
    while over - fits > 1:
        middle = (fits + over) // 2
        if faces.measure(word[:middle], size_pt, bold=bold) <= width:
            fits = middle
        else:
            over = middle
    return fits
