"""The one sink: what a command answers, as one JSON value for programs or as Rich for people.

Owns standard output: with `as_json` exactly one value goes there, without it tables and sentences,
coloured on a terminal only. Refuses to know what it prints.
"""

import contextlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

# Where nobody looks, nothing is cut to a width: the reader is a pipe or a file.
_WIDTH_OF_A_PIPE = 10_000
_NOTHING = "-"
_GAP = 2
_LONG = 80
_EIGHTHS: Sequence[str] = ("", *"▏▎▍▌▋▊▉")
_FRACTION = re.compile(r"\.\d+Z$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table: a key of the JSON objects, its title, and how it is set."""

    key: str
    title: str
    is_number: bool = False
    is_moment: bool = False
    is_long: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether its values are never broken: numbers, and ids, which people copy."""
        return self.is_number or self.key == "id" or self.key.endswith("_id")

    @property
    def width_min(self) -> int:
        """The width of its title, broken into words."""
        return max(map(len, self.title.split()))


def text(key: str, title: str | None = None) -> Column:
    """Return a column of words."""
    return Column(key=key, title=_title(key, title))


def number(key: str, title: str | None = None) -> Column:
    """Return a column of numbers, aligned to the right."""
    return Column(key=key, title=_title(key, title), is_number=True)


def moment(key: str, title: str | None = None) -> Column:
    """Return a column of times, shown to the second."""
    return Column(key=key, title=_title(key, title), is_moment=True)


def longer(key: str, title: str | None = None) -> Column:
    """Return a column of words that may be many: a terminal shows how they begin."""
    return Column(key=key, title=_title(key, title), is_long=True)


def rows(
    found: Sequence[Mapping[str, Any]], columns: Sequence[Column], *, as_json: bool, empty: str
) -> None:
    """Print a list: an array of all keys, or a table of `columns`; `empty` is said of no rows."""
    if as_json:
        _json(found)
    elif not found:
        _console().print(Text(empty))
    else:
        cells = [[_cell(row[column.key], column) for column in columns] for row in found]
        console = _console()
        # Wider than the terminal, where nothing can be folded any more: Rich would cut it off.
        console.width = max(console.width, _width_min(cells, columns))
        console.print(_table(cells, columns))


def is_on_terminal() -> bool:
    """Return whether a person looks at it."""
    return sys.stdout.isatty()


@contextlib.contextmanager
def live(
    columns: Sequence[Column], *, empty: str
) -> Iterator[Callable[[Sequence[Mapping[str, Any]]], None]]:
    """Yield what shows rows in the place of those before, for people alone; the last ones stay."""
    with Live(console=_console(), auto_refresh=False) as screen:

        def put(found: Sequence[Mapping[str, Any]]) -> None:
            cells = [[_cell(row[column.key], column) for column in columns] for row in found]
            screen.update(_table(cells, columns) if found else Text(empty), refresh=True)

        yield put


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a page: a line, or a table of rows under it."""

    line: str
    rows: Sequence[Mapping[str, Any]] = ()
    columns: Sequence[Column] = ()


@contextlib.contextmanager
def screen() -> Iterator[Callable[[Sequence[Part]], None]]:
    """Yield what shows a page in the place of the one before, on the whole terminal."""
    with Live(console=_console(), auto_refresh=False, screen=True) as shown:

        def put(parts: Sequence[Part]) -> None:
            shown.update(Group(*_drawn(parts)), refresh=True)

        yield put


def pages(parts: Sequence[Part]) -> None:
    """Print a page, for people alone."""
    for drawn in _drawn(parts):
        _console().print(drawn)


def bar(part: int, whole: int, width: int = 12) -> str:
    """Return a bar as long as a part is of the whole, in eighths of a letter."""
    eighths = 8 * width * part // whole if whole > 0 else 0
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8]


def item(value: Mapping[str, Any], *, as_json: bool, title: str) -> None:
    """Print one thing with all that is known of it."""
    if as_json:
        _json(value)
        return
    table = Table(title=Text(title), title_justify="left", box=box.ROUNDED, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, content in value.items():
        table.add_row(key, Text("\n".join(_printable(line) for line in _lines(content))))
    _console().print(table)


def done(value: Mapping[str, Any], sentence: str, *, as_json: bool) -> None:
    """Print what a change led to: the value, or one sentence about it."""
    if as_json:
        _json(value)
    else:
        _console().print(Text(_printable(sentence)))


def message(value: Mapping[str, Any], lines: Sequence[str], *, as_json: bool) -> None:
    """Print an object, or lines that stay as they are, so that they can be copied whole."""
    if as_json:
        _json(value)
        return
    sys.stdout.write("\n".join(map(_printable, lines)) + "\n")
    sys.stdout.flush()


def page(heading: str, text: str | None) -> None:
    """Print a long text under its heading, in its own lines, for people alone."""
    lines = [] if text is None else text.splitlines()
    sys.stdout.write("\n".join(map(_printable, [heading, *lines])) + "\n")
    sys.stdout.flush()


def table(title: str, found: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    """Print one table of a page, for people alone; nothing where there are no rows."""
    if found:
        sys.stdout.write(f"\n{_printable(title)}\n")
        sys.stdout.flush()
        rows(found, columns, as_json=False, empty="")


def _drawn(parts: Sequence[Part]) -> Iterator[RenderableType]:
    for part in parts:
        yield Text(_printable(part.line), style="bold" if part.rows else "")
        if part.rows:
            cells = [
                [_cell(row[column.key], column) for column in part.columns] for row in part.rows
            ]
            yield _table(cells, part.columns)
            yield Text()


def _json(value: object) -> None:
    # Bytes, as JSON is UTF-8 whatever the locale says.
    sys.stdout.flush()
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def _console() -> Console:
    on_terminal = is_on_terminal()
    return Console(
        file=sys.stdout,
        force_terminal=on_terminal,
        width=None if on_terminal else _WIDTH_OF_A_PIPE,
        highlight=False,
    )


def _table(cells: Sequence[Sequence[Text]], columns: Sequence[Column]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, header_style="bold", show_edge=False, padding=(0, _GAP - 1, 0, 0)
    )
    for column in columns:
        table.add_column(
            column.title,
            justify="right" if column.is_number else "left",
            no_wrap=column.is_whole,
            min_width=column.width_min,
            overflow="fold",
        )
    for row in cells:
        table.add_row(*row)
    return table


def _width_min(cells: Sequence[Sequence[Text]], columns: Sequence[Column]) -> int:
    width = 0
    for index, column in enumerate(columns):
        widths = [row[index].cell_len for row in cells] if column.is_whole else []
        width += max([column.width_min, *widths]) + _GAP
    return width


def _cell(value: Any, column: Column | None = None) -> Text:
    if column is not None and column.is_moment and value is not None:
        return Text(_FRACTION.sub("Z", value))
    words = _printable(_words(value))
    if column is not None and column.is_long and len(words) > _LONG and is_on_terminal():
        words = f"{words[:_LONG]}…"
    return Text(words)


def _lines(value: Any) -> list[str]:
    """Return the lines of a cell, one for each part of an object of objects or a list of them."""
    if isinstance(value, dict) and any(map(_has_parts, value.values())):
        return [f"{key}: {_nested(held)}" for key, held in value.items()]
    if _has_parts(value) and isinstance(value, list):
        return [_nested(each) for each in value]
    return [_words(value)]


def _has_parts(value: Any) -> bool:
    """Return whether a value is an object, or a list that has any."""
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(each, dict) for each in value)
    )


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_nested, value)) or _NOTHING
    return _words(value)


def _words(value: Any) -> str:
    match value:
        case None | "" | []:
            return _NOTHING
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value))
        case dict():
            return ", ".join(f"{key}={_words(held)}" for key, held in value.items()) or _NOTHING
        case _:
            return str(value)


def _printable(words: str) -> str:
    # A customer's name must not steer the operator's terminal.
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words
    )


def _title(key: str, title: str | None) -> str:
    return key.replace("_", " ") if title is None else title
