"""What the tests of the command line share: `grip` in this process, and what it answered."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from grip.cli.main import app

Grip = Callable[..., "Answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a command ended and what it wrote."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one JSON value on standard output, of a command that was done."""
        assert (self.status, self.stderr) == (0, "")
        return json.loads(self.stdout)

    @property
    def error(self) -> Any:
        """The JSON error on standard error, of a command that wrote nothing else."""
        assert self.stdout == ""
        found = json.loads(self.stderr)
        assert list(found) == ["error"]
        return found["error"]


def call(*words: str) -> Answer:
    """Run the command line in this process."""
    result = CliRunner().invoke(app, list(words), prog_name="grip")
    return Answer(status=result.exit_code, stdout=result.stdout, stderr=result.stderr)


@pytest.fixture
def anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, without a configuration or a database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRIP_CONFIG", raising=False)
    return tmp_path


@pytest.fixture
def grip(anywhere: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Grip:
    """The command line on a fresh database, on each engine in turn."""
    monkeypatch.setenv("GRIP_DATABASE_URL", database_url)
    return call


@pytest.fixture
def grip_alone(anywhere: Path, monkeypatch: pytest.MonkeyPatch) -> Grip:
    """The command line where nothing is configured: its database is ./grip.db."""
    monkeypatch.delenv("GRIP_DATABASE_URL", raising=False)
    return call
