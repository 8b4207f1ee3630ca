"""`grip drill` itself, in a short run: the real command, real gateways, both engines."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

import grip
from grip.drill import kinds

ROOT = str(Path(grip.__file__).parents[1])
COMMAND = [sys.executable, "-m", "grip", "drill"]
SHORT = ["--seconds", "3", "--seed", "1"]
ALWAYS = [kinds.WHOLE, kinds.STREAMED, kinds.HUNG_UP, kinds.PARALLEL, kinds.LATER, kinds.EMPTY]


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Where a drill makes its scratch folders."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def environ(tmp_path: Path, scratch: Path) -> dict[str, str]:
    """An operator's environment, whose own configuration and database nobody may touch."""
    (tmp_path / "grip.toml").write_text("[server]\nthis is no configuration\n")
    return {
        "PATH": os.environ["PATH"],  # noqa: TID251 - what a shell would pass on
        "PYTHONPATH": ROOT,
        "TMPDIR": str(scratch),
        "GRIP_DATABASE_URL": f"sqlite:///{tmp_path / 'mine.db'}",
        "GRIP_SERVER_WORKERS": "no number",
    }


def _run(
    words: list[str], environ: dict[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], env=environ, cwd=folder, capture_output=True, text=True, check=False
    )


def _left(scratch: Path) -> list[str]:
    """What a drill has left: its files, and processes that name its folder."""
    processes = []
    for found in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = found.read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it ended between two looks
            continue
        if str(scratch) in words:
            processes.append(words)
    return [*(path.name for path in scratch.iterdir()), *processes]


async def test_a_short_drill_on_both_engines_loses_nothing(
    environ: dict[str, str], tmp_path: Path, scratch: Path, postgres_server: str
):
    """The form that a pipeline runs: one JSON value, and nothing left behind."""
    done = _run([*SHORT, "--postgres", postgres_server, "--json"], environ, tmp_path)
    said = json.loads(done.stdout)
    lost = [check for engine in said["engines"] for check in engine["checks"] if not check["ok"]]

    assert (done.returncode, done.stderr, lost) == (0, "", [])
    assert list(said) == ["ok", "seed", "seconds", "engines"]
    assert (said["ok"], said["seed"], said["seconds"]) == (True, 1, 3)
    assert [engine["engine"] for engine in said["engines"]] == ["sqlite", "postgres"]
    for engine, troubles in zip(
        said["engines"],
        [(kinds.QUEUED, kinds.LOCKED), (kinds.CUT, kinds.CLOSED)],
        strict=True,
    ):
        rows = {row["what"]: row for row in engine["tried"]}
        assert list(rows) == [*kinds.ATTEMPTS, kinds.KILLED, *troubles, kinds.CREDITED]
        for what in (*ALWAYS, kinds.KILLED, *troubles, kinds.CREDITED):
            assert rows[what]["count"] > 0, what
        assert not any(row["lost"] for row in rows.values())
    assert not (tmp_path / "mine.db").exists()
    assert _left(scratch) == []
    assert await _databases(postgres_server) == []


def test_a_drill_that_is_told_to_keep_its_scratch_says_where(
    environ: dict[str, str], tmp_path: Path, scratch: Path
):
    """The notes of the clients are there to be held against the books again."""
    done = _run(["--seconds", "1", "--seed", "2", "--keep"], environ, tmp_path)
    (folder,) = scratch.iterdir()
    attempts = (folder / "attempts.jsonl").read_text().splitlines()

    assert (done.returncode, done.stderr) == (0, "")
    assert f"The files of this drill are in {folder}" in done.stdout
    assert done.stdout.startswith("sqlite, 1 s, seed 2\n")
    assert re.search(r"^whole answers +\d+ +0 *$", done.stdout, re.MULTILINE)
    assert re.search(r"^(\d+) of \1 checks and invariants hold\.$", done.stdout, re.MULTILINE)
    assert {"grip.db", "grip.toml", "server.log", "charges.jsonl"} <= {
        path.name for path in folder.iterdir()
    }
    assert "whole" in {json.loads(line)["ending"] for line in attempts}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_drill_that_is_interrupted_leaves_nothing(
    environ: dict[str, str], tmp_path: Path, scratch: Path, number: signal.Signals
):
    """Neither a process nor a file; the progress bar tells when it is in full swing."""
    terminal, tty = os.openpty()
    with subprocess.Popen(
        [*COMMAND, "--seconds", "60"],
        env=environ | {"TERM": "xterm", "COLUMNS": "100"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=tty,
    ) as process:
        os.close(tty)
        screen = _screen(terminal)
        assert any(b"breaking things" in shown for shown in screen)
        process.send_signal(number)
        for _ in screen:
            pass
        assert process.wait() == 130
        assert process.stdout is not None
        assert process.stdout.read() == b""
    os.close(terminal)

    assert _left(scratch) == []


def test_a_server_that_cannot_be_reached_is_told_before_anything_is_drilled(
    environ: dict[str, str], tmp_path: Path, scratch: Path
):
    """Nobody waits a minute for SQLite to learn that PostgreSQL is not there."""
    away = f"postgresql://nobody@/none?host={scratch}"
    done = _run(["--postgres", away, "--json"], environ, tmp_path)
    refused = json.loads(done.stderr)["error"]

    assert (done.returncode, done.stdout) == (1, "")
    assert refused["code"] == "drill_impossible"
    assert "--postgres names a server" in refused["message"]
    assert _left(scratch) == []


@pytest.mark.parametrize(
    "words",
    [
        ["--postgres", "sqlite:///other.db"],
        ["--postgres", "mysql://somewhere/else"],
        ["--workers", "1"],
        ["--seconds", "0"],
    ],
)
def test_what_cannot_be_drilled_is_refused(
    environ: dict[str, str], tmp_path: Path, scratch: Path, words: list[str]
):
    """Wrong usage, in one line that names the option."""
    done = _run(words, environ, tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert words[0] in done.stderr
    assert done.stderr.count("\n") == 1
    assert _left(scratch) == []


def test_the_table_has_a_word_for_every_kind_of_trouble():
    """No two of them look alike."""
    words = [*kinds.ATTEMPTS, kinds.KILLED, kinds.QUEUED, kinds.LOCKED, kinds.CUT, kinds.CLOSED]

    assert len(set(words)) == len(words)


def _screen(terminal: int) -> Iterator[bytes]:
    """Yield what a program shows on its terminal, until it ends."""
    while True:
        try:
            yield os.read(terminal, 65536)
        except OSError:  # the other side is closed
            return


async def _databases(server: str) -> list[str]:
    connection = await asyncpg.connect(server)
    try:
        rows = await connection.fetch("SELECT datname FROM pg_database")
    finally:
        await connection.close()
    return [row["datname"] for row in rows if row["datname"].startswith("grip_drill_")]
