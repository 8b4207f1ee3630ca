"""The page for who makes tasks: its commands work in their order, its tables are the program's."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grip import settings
from grip.providers import task_input
from grip.providers.task_port import ERROR_CODES, LIFETIMES_S
from grip.services.tasks import STATUSES
from grip.tasks import phases
from grip.tasks.hooks import keys
from grip.web import calls

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
FLOWING = " ".join(PAGE.split())
COMMANDS = re.findall(r"^\$ (.+)$", PAGE, re.MULTILINE)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The shell of a reader: a demo that runs, `$GRIP`, `$KEY`, and `grip` on the path."""
    program = tmp_path / "bin" / "grip"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m grip "$@"\n')
    program.chmod(0o755)
    environ = {
        "PATH": f"{program.parent}{os.pathsep}{os.defpath}",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    with subprocess.Popen(
        ["grip", "serve", "--demo", "--port", "0", "--json"],
        env=environ,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as server:
        assert server.stdout is not None
        try:
            told = json.loads(server.stdout.readline())
            yield {**environ, "GRIP": told["url"], "KEY": told["key"]}
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait() == 0


def _run(command: str, shell: dict[str, str], place: Path) -> str:
    done = subprocess.run(
        ["/bin/sh", "-ec", command],
        env=shell,
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def _wait(shell: dict[str, str], place: Path) -> None:
    """Ask, as the page says, until the task is over."""
    pause = threading.Event()
    look = next(command for command in COMMANDS if command.startswith("curl -s $GRIP/v1/tasks/$T"))
    while json.loads(_run(look, shell, place))["completed_at"] is None:
        pause.wait(0.2)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's lines are for curl")
def test_every_command_of_the_page_works_in_its_order(shell: dict[str, str], tmp_path: Path):
    """Each curl line is answered with what the page says, and each command ends with 0."""
    answers: dict[str, Any] = {}
    for command in COMMANDS:
        if "results/0" in command or "content" in command:
            _wait(shell, tmp_path)
        said = _run(command, shell, tmp_path)
        if command.startswith("curl") and "-o film.mp4" not in command:
            answers[command] = json.loads(said)
            assert "error" not in answers[command] or answers[command]["error"] is None, said
        if "--json '" in command:
            shell["TASK"] = answers[command]["id"]
        if "-o film.mp4" in command:
            assert (tmp_path / "film.mp4").read_bytes()[4:8] == b"ftyp"
            (tmp_path / "film.mp4").unlink()

    begun, shown = list(answers.values())[:2]
    (example,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert begun["id"] == shown["id"]
    assert list(shown) == list(json.loads(example))
    (deletion,) = [command for command in COMMANDS if "-X DELETE" in command]
    assert answers[deletion]["deleted"] is True


def _column(heading: str) -> list[str]:
    """Return the words in the first column of the table that has this heading."""
    table = PAGE.partition(f"| {heading} |")[2].partition("\n\n")[0]
    firsts = [line.split("|")[1] for line in table.splitlines()[2:]]
    return [word for first in firsts for word in re.findall(r"`([\w.]+)`", first)]


def test_the_tables_of_the_page_are_whole():
    """No status, code, phase or word of the input is missing, and none is made up."""
    assert _column("status") == list(STATUSES)
    assert set(_column("`error.code`")) == ERROR_CODES
    assert set(_column("phase")) == set(phases.LEADS_TO)
    assert set(_column("word")) == task_input.WORDS - {"image"}


def test_the_numbers_of_the_page_are_those_of_the_program():
    """Bounds, defaults and times."""
    assert task_input.DEFAULTS["video"] == {"seconds": 4}
    assert "films have 4 unless told" in FLOWING
    assert task_input.DEFAULTS["image"]["size"] == "1024x1024"
    assert f"up to {task_input.MAX_SECONDS:,}; films" in FLOWING
    assert f"up to {task_input.MAX_CHARACTERS:,} characters" in FLOWING
    assert f"how many, up to {task_input.MAX_IMAGES};" in FLOWING
    assert f"up to {task_input.MAX_SOURCES} URLs" in FLOWING
    assert LIFETIMES_S == {"image": 600, "audio": 600, "video": 3600}
    assert "10 minutes for a picture or a sound, an hour for a film" in FLOWING
    assert settings.load(environ={}).results.keep_days == 30
    assert "keeps results for 30 days" in FLOWING
    assert (keys.KEPT_US, keys.ASKED_EVERY_US) == (24 * 3600 * 10**6, 60 * 10**6)
    assert "kept for a day, and asked for again at most once a minute" in FLOWING
    assert calls.MAX_BODY_BYTES == 2**20
    assert "A body above 1 MB is answered with 413" in FLOWING


def test_the_page_tells_the_money_in_five_sentences():
    """Held, never more, charged, given back, and nothing for what failed."""
    told = PAGE.partition("## What it costs\n")[2].partition("\n## ")[0]

    assert len(re.findall(r"\.(?:\s|$)", told)) == 5
