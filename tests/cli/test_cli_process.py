"""The real program, as a process: what only a process can show."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import grip

COMMAND = [sys.executable, "-m", "grip"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The environment of a process that has its own database."""
    root = str(Path(grip.__file__).parents[1])
    return {
        "PATH": os.environ["PATH"],  # noqa: TID251 - what a shell would pass on
        "PYTHONPATH": root,
        "GRIP_DATABASE_URL": f"sqlite:///{tmp_path / 'grip.db'}",
    }


def _run(
    words: list[str], environ: dict[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], env=environ, cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_command_writes_one_json_value_and_nothing_else(environ: dict[str, str], tmp_path: Path):
    """Even the first one, which makes the database."""
    done = _run(["channels", "list", "--json"], environ, tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == []


def test_a_refusal_exits_1_and_wrong_usage_2(environ: dict[str, str], tmp_path: Path):
    """One line on standard error each, without a traceback."""
    refused = _run(["channels", "show", "nobody"], environ, tmp_path)
    misused = _run(["channels", "shw"], environ, tmp_path)

    assert (refused.returncode, misused.returncode) == (1, 2)
    assert refused.stdout == misused.stdout == ""
    assert refused.stderr == (
        "error: not_found: there is no channel 'nobody'; see: grip channels list\n"
    )
    assert misused.stderr.startswith("error: usage: ")
    assert misused.stderr.count("\n") == 1


def test_a_pipe_has_no_colours(environ: dict[str, str], tmp_path: Path):
    """Tables of a pipe are plain text, whatever the variables say."""
    _run(["channels", "add", "one", "--kind", "sandbox"], environ, tmp_path)
    done = _run(["channels", "list"], {**environ, "FORCE_COLOR": "1"}, tmp_path)

    assert "one" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_reader_who_leaves_early_is_no_error(environ: dict[str, str], tmp_path: Path):
    """`grip … | head -0` says nothing on standard error."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "channels", "list"],
        env=environ,
        cwd=tmp_path,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (1, "")


def test_help_and_version_do_not_load_the_database(environ: dict[str, str], tmp_path: Path):
    """They answer at once: SQLAlchemy stays on disk."""
    helped = _run(["--help"], {**environ, "PYTHONPROFILEIMPORTTIME": "1"}, tmp_path)
    version = _run(["--version"], environ, tmp_path)

    assert "channels" in helped.stdout
    assert "typer" in helped.stderr
    assert "sqlalchemy" not in helped.stderr
    assert version.stdout == f"grip {grip.__version__}\n"
    assert not (tmp_path / "grip.db").exists()


def test_a_database_that_cannot_be_opened_leaves_one_line(environ: dict[str, str], tmp_path: Path):
    """The driver's own thread ends as quietly as the command."""
    away = {**environ, "GRIP_DATABASE_URL": "sqlite:////nowhere/at/all.db"}
    done = _run(["channels", "list"], away, tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: service_unavailable: ")
    assert done.stderr.count("\n") == 1
