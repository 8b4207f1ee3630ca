import io
import json

import pytest

from grip.cli import output
from grip.cli.output import longer, moment, number, text

COLUMNS = (text("name"), number("count"), moment("at", "since"), text("parts"))
ROW = {"name": "a", "count": 5, "at": "2026-11-21T06:31:12.123456Z", "parts": ["x", "y"]}


class Terminal(io.StringIO):
    """A standard output that somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_json_is_one_value_with_all_keys(capsys: pytest.CaptureFixture[str]):
    """Columns are for people; programs get what there is, in UTF-8."""
    row = {**ROW, "name": "ÄÖ 名", "more": None}
    output.rows([row], COLUMNS, as_json=True, empty="none")

    assert json.loads(capsys.readouterr().out) == [row]


def test_an_empty_list_is_a_friendly_line_or_an_empty_array(capsys: pytest.CaptureFixture[str]):
    """Nothing to show is no empty table."""
    output.rows([], COLUMNS, as_json=False, empty="There is nothing yet.")
    output.rows([], COLUMNS, as_json=True, empty="There is nothing yet.")

    assert capsys.readouterr().out == "There is nothing yet.\n[]\n"


def test_a_table_shows_titles_numbers_to_the_right_and_times_to_the_second(
    capsys: pytest.CaptureFixture[str],
):
    """Numbers line up at their last digit."""
    output.rows([ROW, {**ROW, "count": 12345}], COLUMNS, as_json=False, empty="none")
    head, _, first, second = capsys.readouterr().out.splitlines()

    assert head.split() == ["name", "count", "since", "parts"]
    assert first.split() == ["a", "5", "2026-11-21T06:31:12Z", "x,", "y"]
    assert first.index("5") == second.index("12345") + 4


def test_a_pipe_gets_whole_lines_without_colour(capsys: pytest.CaptureFixture[str]):
    """A value is never cut or wrapped where nobody has a width, nor coloured."""
    output.rows([{**ROW, "name": "n" * 500}], COLUMNS, as_json=False, empty="none")
    written = capsys.readouterr().out

    assert "n" * 500 in written
    assert "\x1b" not in written


def test_a_terminal_shows_how_a_long_value_begins(monkeypatch: pytest.MonkeyPatch):
    """A row of the audit log may hold all settings, and would fill it alone; a pipe gets all."""
    many = {f"key{number}": "v" * 50 for number in range(100)}
    columns = (text("name"), longer("parts"))
    monkeypatch.setattr("sys.stdout", terminal := Terminal())
    output.rows([{"name": "a", "parts": many}], columns, as_json=False, empty="none")
    monkeypatch.setattr("sys.stdout", pipe := io.StringIO())
    output.rows([{"name": "a", "parts": many}], columns, as_json=False, empty="none")

    assert len(terminal.getvalue().splitlines()) < 10
    assert "…" in terminal.getvalue()
    assert "key99=" in pipe.getvalue()


def test_a_pipe_has_no_colour_even_where_it_is_forced(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """Only a terminal has colours."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    output.rows([ROW], COLUMNS, as_json=False, empty="none")

    assert "\x1b" not in capsys.readouterr().out


def test_a_terminal_gets_colour_within_its_width(monkeypatch: pytest.MonkeyPatch):
    """Long values are folded, and none is lost."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    output.rows([{**ROW, "name": "n" * 100}], COLUMNS, as_json=False, empty="none")

    assert "\x1b[" in terminal.getvalue()
    assert terminal.getvalue().count("n") >= 100


def test_ids_and_numbers_stay_whole_and_no_column_is_cut_off(monkeypatch: pytest.MonkeyPatch):
    """A terminal too narrow for them breaks the lines itself."""
    monkeypatch.setenv("COLUMNS", "30")
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    row = {"id": "ch_" + "x" * 26, "name": "word " * 30, "count": 123_456_789, "last": "end"}
    columns = (text("id"), text("name"), number("count"), text("last"))
    output.rows([row], columns, as_json=False, empty="none")

    assert "ch_" + "x" * 26 in terminal.getvalue()
    assert "123456789" in terminal.getvalue()
    assert terminal.getvalue().count("word") == 30
    assert "last" in terminal.getvalue()
    assert "end" in terminal.getvalue()


def test_markup_and_control_characters_of_customers_are_inert(
    capsys: pytest.CaptureFixture[str],
):
    """A name can neither colour a table nor steer the terminal."""
    output.rows([{**ROW, "name": "[red]\x1b[2J"}], COLUMNS, as_json=False, empty="none")
    output.done({}, "Added [bold]\x1b[2J.", as_json=False)
    written = capsys.readouterr().out

    assert "[red]" in written
    assert "[bold]" in written
    assert "\x1b" not in written


def test_one_thing_is_shown_with_every_key(capsys: pytest.CaptureFixture[str]):
    """Truths, nothings and mappings read as words."""
    output.item(
        {"id": "x", "on": True, "off": False, "limit": None, "map": {"a": "b"}, "none": {}},
        as_json=False,
        title="Thing x",
    )
    lines = [line.strip("│ ").split("│") for line in capsys.readouterr().out.splitlines()[2:-1]]

    assert [[part.strip() for part in line] for line in lines] == [
        ["id", "x"],
        ["on", "yes"],
        ["off", "no"],
        ["limit", "-"],
        ["map", "a=b"],
        ["none", "-"],
    ]


def test_one_thing_and_what_was_done_are_objects_with_json(capsys: pytest.CaptureFixture[str]):
    """The title and the sentence are for people."""
    output.item({"id": "x"}, as_json=True, title="Thing")
    output.done({"id": "x"}, "Done.", as_json=True)

    assert capsys.readouterr().out == '{"id":"x"}\n{"id":"x"}\n'
