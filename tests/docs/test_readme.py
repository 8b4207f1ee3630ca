"""Every command of the documentation does what the page says, in the order of the page."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grip.drill import judge, purses
from grip.drill.media import judge as of_tasks

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DRILL = (ROOT / "docs" / "drill.md").read_text()


def _blocks(kind: str, page: str = README) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def _commands(page: str) -> list[str]:
    return [
        line.removeprefix("$ ")
        for block in _blocks("console", page)
        for line in block.splitlines()
        if line.startswith("$ ")
    ]


COMMANDS = _commands(README)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the tour is gone through in."""
    return tmp_path_factory.mktemp("tour")


@pytest.fixture(scope="module")
def shell(place: Path) -> dict[str, str]:
    """The environment of a newcomer's shell, with `grip` on the path and no secret set."""
    bin_folder = place / "bin"
    bin_folder.mkdir()
    grip = bin_folder / "grip"
    grip.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m grip "$@"\n')
    grip.chmod(0o755)
    return {
        "PATH": f"{bin_folder}{os.pathsep}{os.defpath}",
        "HOME": str(place),
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="module")
def toured(shell: dict[str, str], place: Path) -> tuple[dict[str, str], str]:
    """The shell after the tour, and the first key that was made on it; it is gone through once."""
    keys = []
    for command in COMMANDS:
        if command.startswith("grip ") and not command.startswith("grip serve"):
            said = _run(command, shell, place)
            keys += re.findall(r"sk-grip-[\w-]+", said)
    return shell, keys[0]


def test_the_readme_has_two_commands_of_make():
    """One starts the demo, the other runs all tests; `make -n` tells what they would run."""
    targets = [command for command in COMMANDS if command.startswith("make ")]
    told = subprocess.run(
        ["make", "-n", "serve", "test"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout

    assert targets == ["make serve", "make test"]
    assert "grip serve --demo" in told
    assert "-m pytest" in told


def test_every_command_of_the_tour_works_in_its_order(toured: tuple[dict[str, str], str]):
    """The tour is run by the fixture; none of its commands failed, and it made a key."""
    _, key = toured

    assert key.startswith("sk-grip-")


def test_the_python_of_the_readme_gets_an_answer(toured: tuple[dict[str, str], str], place: Path):
    """With no secret for OpenAI, the second channel serves: the sandbox."""
    shell, key = toured
    (program,) = _blocks("python")
    with _served(shell, place) as url:
        program = program.replace("http://127.0.0.1:8000", url).replace("sk-grip-…", key)
        said = subprocess.run(
            [sys.executable, "-c", program],
            env=shell,
            check=True,
            capture_output=True,
            text=True,
            cwd=place,
        ).stdout

    assert said.startswith("Hello from the sandbox")


@pytest.mark.parametrize("command", _commands(DRILL))
def test_every_command_of_the_drill_loses_nothing(
    command: str, shell: dict[str, str], tmp_path: Path, postgres_server: str
):
    """As the page has them, but in a second, and on the server of the tests."""
    server = shlex.quote(postgres_server)
    command = command.replace("postgresql://grip@localhost/postgres", server)
    said = _run(f"{command} --seconds 1", shell, tmp_path)

    assert "checks and invariants hold." in said or '"ok":true' in said


def test_the_page_of_the_drill_names_every_rule():
    """No check is told at the terminal that the page does not explain."""
    for rule in (*judge.RULES, *purses.RULES, *of_tasks.RULES):
        assert f"| `{rule}` |" in DRILL


def test_every_file_that_the_readme_links_is_there():
    """No link of the page leads nowhere."""
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)

    assert [link for link in links if not (ROOT / link).exists()] == []


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


@contextlib.contextmanager
def _served(shell: dict[str, str], place: Path) -> Iterator[str]:
    """Yield the URL of a gateway, started as the page says but on a free port."""
    (command,) = [command for command in COMMANDS if command.startswith("grip serve")]
    words = shlex.split(command.replace("--port 8000", "--port 0"))
    with subprocess.Popen(
        words, env=shell, cwd=place, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait() == 0
