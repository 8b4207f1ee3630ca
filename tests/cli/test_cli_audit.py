"""`grip audit`: filters, and the log written out."""

import asyncio
import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grip.cli import output
from grip.cli.serve import _prepare
from grip.settings import load

Grip = Callable[..., Any]


@pytest.fixture
def changes(grip: Grip) -> None:
    """Five changes by two people; one of them would be a formula."""
    grip("channels", "add", "one", "--kind", "sandbox", "--actor", "eve", "--reason", "=1+1")
    grip("channels", "set", "one", "--weight", "2", "--actor", "eve")
    grip("models", "add", "gpt", "--type", "chat", "--actor", "eve")
    grip("channels", "cost", "one", "gpt", "--input", "1", "--actor", "=cmd()")
    grip("models", "disable", "gpt", "--actor", "=cmd()", "--reason", "over\nnow")


def _actions(grip: Grip, *words: str) -> list[str]:
    return [row["action"] for row in grip("audit", "list", *words, "--json").json]


@pytest.mark.usefixtures("changes")
def test_the_log_is_filtered_by_who_what_and_when(grip: Grip):
    """All filters hold at once; a noun stands for all of its actions, and for no other noun."""
    every = grip("audit", "list", "--json").json
    middle = every[2]["at"]

    assert _actions(grip, "--actor", "=cmd()") == ["model.disable", "channel.cost"]
    assert _actions(grip, "--action", "channel.set") == ["channel.set"]
    assert _actions(grip, "--action", "channel") == ["channel.cost", "channel.set", "channel.add"]
    assert _actions(grip, "--action", "chan%") == _actions(grip, "--action", "c_annel") == []
    assert _actions(grip, "--action", "channel", "--actor", "eve", "--limit", "1") == [
        "channel.set"
    ]
    assert _actions(grip, "--subject", "gpt") == ["model.disable", "model.add"]
    assert _actions(grip, "--from", middle) == ["model.disable", "channel.cost", "model.add"]
    assert _actions(grip, "--to", middle) == ["channel.set", "channel.add"]
    assert grip("audit", "list", "--actor", "nobody").stdout == "No such changes.\n"


@pytest.mark.usefixtures("changes")
def test_the_log_is_written_out_oldest_first(grip: Grip, anywhere: Path):
    """As JSON, and as CSV in which no spreadsheet finds a formula; filters hold for both."""
    rows = grip("audit", "export", "--json").json
    told = grip("audit", "export", "--csv", "audit.csv", "--json").json
    written = (anywhere / "audit.csv").read_bytes()
    lines = list(csv.DictReader(io.StringIO(written.decode("utf-8-sig"), newline="")))
    some = grip("audit", "export", "--action", "model", "--json").json

    assert [row["action"] for row in rows] == _actions(grip)[::-1]
    assert [row["number"] for row in rows] == sorted(row["number"] for row in rows)
    assert told == {"file": "audit.csv", "rows": 5}
    assert written.startswith(b"\xef\xbb\xbfnumber,time,actor,")
    assert [line["actor"] for line in lines] == ["eve"] * 3 + ["'=cmd()"] * 2
    assert (lines[0]["reason"], lines[4]["reason"]) == ("'=1+1", "over\nnow")
    assert (lines[1]["before"], lines[1]["after"]) == ('{"weight":1}', '{"weight":2}')
    assert [row["action"] for row in some] == ["model.add", "model.disable"]


@pytest.mark.usefixtures("changes")
def test_more_than_a_page_is_written_out_whole(grip: Grip, monkeypatch: pytest.MonkeyPatch):
    """Each row once, where the last page is full and where it is not."""
    for size in (1, 2, 5):
        monkeypatch.setattr("grip.store.audit._PAGE", size)
        assert len(grip("audit", "export", "--json").json) == 5


def test_what_cannot_be_asked_or_written_is_refused(grip_alone: Grip):
    """In one line, which says what to do; a full disk is no trouble of the database."""
    cases = [
        (("export",), "say --csv FILE, or --json"),
        (("export", "--csv", "gone/audit.csv"), "--csv: gone/audit.csv cannot be written"),
        (("export", "--csv", "/dev/full"), "--csv: /dev/full cannot be written: No space left"),
        (("list", "--from", "2026-02-01", "--to", "2026-01-01"), "end before it begins"),
        (("list", "--from", "soon"), "--from: 'soon' is no time"),
    ]
    grip_alone("models", "add", "gpt", "--type", "chat")
    for words, told in cases:
        refused = grip_alone("audit", *words)
        assert (refused.status, refused.stdout) == (2, ""), words
        assert told in refused.stderr


def test_a_start_does_not_fill_the_terminal(
    grip: Grip, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    """Its row holds all settings; --json has them."""
    asyncio.run(_prepare(load(environ={"GRIP_DATABASE_URL": database_url}), (), demo=False))
    (row,) = grip("audit", "list", "--json").json
    monkeypatch.setattr(output, "is_on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    shown = grip("audit", "list").stdout

    assert len(row["after"]) > 50
    assert len(shown.splitlines()) < 25
