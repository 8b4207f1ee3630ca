"""Processes that begin as forks: from outside they are what a start would have made."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forks

ROOT = str(Path(forks.__file__).parents[1])
MIRROR = [sys.executable, "-m", "tests.house.mirror"]


def start(folder: Path, *words: str) -> forks.Popen:
    pipe = subprocess.PIPE
    return forks.Popen(
        [*MIRROR, *words], env={"NAME": "ana"}, cwd=folder, stdin=pipe, stdout=pipe, stderr=pipe
    )


def test_a_fork_has_its_words_environment_folder_and_pipes_and_nothing_else(tmp_path: Path):
    """It is our child, as what we start is; its status is its own."""
    with start(tmp_path, "one", "two") as process:
        told, complained = process.communicate("7\n")

    assert (process.returncode, complained) == (7, "")
    assert json.loads(told) == {
        "words": ["one", "two"],
        "name": "ana",
        "cwd": str(tmp_path),
        "parent": os.getpid(),
        "files": [0, 1, 2],
    }


def test_a_fork_that_is_killed_tells_by_which_signal(tmp_path: Path):
    """And those beside it go on."""
    with start(tmp_path) as killed, start(tmp_path) as other:
        assert killed.stdout is not None
        killed.stdout.readline()
        killed.kill()
        assert killed.wait() == -signal.SIGKILL
        other.communicate("0\n")

    assert other.returncode == 0


@pytest.mark.parametrize("option", [{"start_new_session": True}, {"umask": 0o77}])
def test_what_would_change_a_process_before_it_begins_is_refused(
    option: dict[str, object], tmp_path: Path
):
    """A fork has no such moment."""
    with pytest.raises(AssertionError):
        forks.Popen(MIRROR, env={}, cwd=tmp_path, **option)


def test_a_variable_for_the_loader_is_for_a_process_that_is_started(tmp_path: Path):
    """A preloaded library has nothing to be loaded into where nothing is loaded."""
    environ = {"PYTHONPATH": ROOT, "PYTHONMALLOC": "malloc"}
    pipe = subprocess.PIPE
    process = forks.Popen(MIRROR, env=environ, cwd=tmp_path, stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    process.stdout.readline()
    program = Path(f"/proc/{process.pid}/cmdline").read_text()
    process.communicate("0\n")

    assert program.split("\0")[1:3] == MIRROR[1:]
