"""`grip doctor` as a person, a script and cron meet it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grip.services.doctor import database

Grip = Callable[..., Any]


@pytest.fixture
def lasting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests' own folder be a place where a database lasts, on an engine without defects."""
    monkeypatch.setattr(database, "of_place", lambda _: [])
    monkeypatch.setattr(database, "has_reset_bug", lambda _: False)


@pytest.mark.usefixtures("lasting")
def test_everything_that_was_looked_at_is_told_and_an_error_ends_with_1(grip: Grip):
    """Each with its state, its sentence, and what to do; a warning is no failure."""
    grip("channels", "add", "one", "--kind", "sandbox")
    fine = grip("doctor", "--json").json
    grip("models", "add", "gpt", "--type", "video", "--per-second", "1", "--group", "nobodys")
    ill = grip("doctor", "--json")
    page = grip("doctor")
    probed = grip("doctor", "--probe")

    assert [list(one) for one in fine] == [["name", "state", "sentence", "remedy"]] * len(fine)
    assert {one["state"] for one in fine} == {"ok", "warning"}
    assert all((one["remedy"] is None) == (one["state"] == "ok") for one in fine)
    assert (ill.status, ill.stderr) == (1, "")
    assert '"error"' in ill.stdout
    assert page.status == 1
    assert "no channel serves them: gpt" in page.stdout
    assert "The address of every channel can be reached" in probed.stdout


def test_a_wrong_configuration_is_an_error_among_others(grip_alone: Grip, anywhere: Path):
    """With the key that has it; nothing else can be looked at."""
    (anywhere / "grip.toml").write_text("[server]\nprot = 1\n", encoding="utf-8")
    (found,) = json.loads(grip_alone("doctor", "--json").stdout)

    assert (found["name"], found["state"]) == ("configuration", "error")
    assert found["sentence"].startswith("server.prot: unknown key")
    assert grip_alone("doctor").status == 1


def test_a_database_that_is_away_is_an_error_among_others(
    grip_alone: Grip, monkeypatch: pytest.MonkeyPatch
):
    """What needs none is told all the same, and no traceback."""
    monkeypatch.setenv("GRIP_DATABASE_URL", "postgresql://me:hidden@127.0.0.1:1/grip")
    away = grip_alone("doctor")

    assert (away.status, away.stderr) == (1, "")
    assert "The database cannot be used" in away.stdout
    assert "Only this machine reaches" in away.stdout
    assert "hidden" not in away.stdout
