"""`grip top`, as a person and a script meet it."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import grip as package
from grip.cli.output import bar

Grip = Callable[..., Any]


def test_on_a_pipe_it_looks_once(grip: Grip):
    """With --json it is one object."""
    grip("channels", "add", "one", "--kind", "sandbox")
    person = grip("top").stdout
    told = grip("top", "--json").json

    assert "0 calls charged" in person
    assert "one" in person
    assert (told["window_s"], told["calls"], told["models"]) == (60, 0, [])
    assert [channel["channel"] for channel in told["channels"]] == ["one"]


def test_on_a_terminal_it_goes_on_until_ctrl_c(anywhere: Path):
    """On a screen of its own, which it leaves; it ends with 0."""
    ours, theirs = pty.openpty()
    environ = {
        **os.environ,  # noqa: TID251 - what a shell would pass on
        "COLUMNS": "200",
        "TERM": "xterm",
        "PYTHONPATH": str(Path(package.__file__).parents[1]),
        "GRIP_DATABASE_URL": f"sqlite:///{anywhere}/grip.db",
    }
    command = [sys.executable, "-m", "grip", "top", "--every", "0.2"]
    with subprocess.Popen(
        command, env=environ, cwd=anywhere, stdout=theirs, stderr=subprocess.PIPE
    ) as process:
        seen = b""
        while seen.count(b"calls charged") < 2:
            seen += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.read() == b""
    os.close(theirs)
    os.close(ours)

    assert process.returncode == 0


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(0, 0, ""), (0, 5, ""), (5, 5, "████"), (1, 2, "██"), (1, 32, "▏"), (3, 8, "█▌")],
)
def test_a_bar_is_as_long_as_its_part(part: int, whole: int, shown: str):
    """In eighths of a letter."""
    assert bar(part, whole, 4) == shown


def test_a_summary_of_usage_has_a_chart_for_people(grip: Grip):
    """And without a call, or by what there is not, one sentence."""
    assert grip("usage", "summary").stdout == "No charged calls.\n"
    assert grip("usage", "summary", "--by", "model", "--json").json == []
    assert "one of day, month, model" in grip("usage", "summary", "--by", "colour").stderr
