"""`grip maintenance` as a person, a script and cron meet it."""

import errno
import json
from collections.abc import Callable
from typing import Any

import pytest

from grip import errors, failpoints
from grip.services.maintenance.step import Done, Run

Grip = Callable[..., Any]


def test_what_was_done_is_said_step_by_step(grip: Grip):
    """Twice in a row, since cron may; a dry run says it in the same shape."""
    first, second = (grip("maintenance", "leases", "--json").json for _ in range(2))
    dry = grip("maintenance", "leases", "--dry-run", "--json").json
    person = grip("maintenance", "leases").stdout

    assert first == second
    assert [(one["step"], one["problems"]) for one in first] == [("leases", [])]
    assert dry == [{"step": "leases", "did": {"holds": 0}, "problems": []}]
    assert "nothing was due" in person


def test_all_steps_run_one_after_the_other(grip: Grip):
    """On a fresh database nothing but the first checkpoint is due; none has a problem."""
    names = ["leases", "chain", "rollup", "retention", "vacuum", "invoices", "health", "backups"]
    done = grip("maintenance", *names[1:], "--json").json
    dry = grip("maintenance", "--dry-run", "--json").json

    assert [one["step"] for one in done] == names[1:]
    assert [one["step"] for one in dry] == names
    assert [one for one in (*done, *dry) if one["problems"]] == []
    assert {one["step"] for one in (*done, *dry) if any(one["did"].values())} == {"chain"}


def test_a_step_that_is_none_is_refused_before_any_runs(grip: Grip):
    """And the sentence says which there are."""
    refused = grip("maintenance", "leases", "sweep", "--json")

    assert refused.status == 2
    assert "'sweep' is no step: there are leases, chain, rollup," in refused.error["message"]


def test_a_step_that_fails_is_a_problem_and_ends_with_1(
    grip: Grip, monkeypatch: pytest.MonkeyPatch
):
    """It keeps no other step from running."""

    async def fail(_app: object, _how: Run) -> object:
        raise errors.DatabaseUnavailable("the disk is full")

    monkeypatch.setattr("grip.jobs.leases.run", fail)
    failed = grip("maintenance", "leases")

    assert failed.status == 1
    assert "the disk is full" in failed.stdout
    assert failed.stderr == ""


def test_what_nobody_foresaw_keeps_no_other_step_from_running(
    grip: Grip, monkeypatch: pytest.MonkeyPatch
):
    """It is told as a defect, and what was done before is told too."""

    async def fail(_app: object, _how: Run) -> object:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("grip.jobs.sweeps.health", fail)
    failed = grip("maintenance", "chain", "health", "backups", "--json")
    before, broken, after = json.loads(failed.stdout)

    assert failed.status == 1
    assert broken["problems"] == ["this is a defect of grip: ZeroDivisionError: by nothing"]
    assert (before["did"]["checkpoints"], after["problems"]) == (1, [])


def test_a_full_disk_is_a_problem_with_its_remedy(grip: Grip):
    """No traceback, and the steps behind it run."""

    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    failpoints.arm("retention.before_commit", fail)
    try:
        failed = grip("maintenance", "retention", "health", "--json")
    finally:
        failpoints.disarm()
    full, after = json.loads(failed.stdout)

    assert (failed.status, failed.stderr, after["problems"]) == (1, "", [])
    assert "make room on the disk" in full["problems"][0]


def test_the_chain_is_closed_and_a_checkpoint_made_once_a_day(grip: Grip):
    """A dry run says what would be; the second run of a day closes blocks alone."""
    grip("accounts", "create", "--email", "ana@example.com")
    dry, first, second = (
        grip("maintenance", "chain", *words, "--json").json[0] for words in (("--dry-run",), (), ())
    )

    assert dry["did"] == {"rows": 2, "checkpoints": 1}
    assert first["did"] == {"rows": 2, "checkpoints": 1, "balances": 0}
    # The rows of audit that say who made the checkpoint, and what maintenance did.
    assert second["did"] == {"rows": 2, "checkpoints": 0, "balances": 0}


def test_books_that_are_not_right_are_a_problem_of_the_step(
    grip: Grip, monkeypatch: pytest.MonkeyPatch
):
    """Blocks are closed all the same."""

    async def refuse(*_words: object, **_named: object) -> object:
        raise errors.Conflict("the books are not right")

    monkeypatch.setattr("grip.services.closing.checkpoint", refuse)
    failed = grip("maintenance", "chain")

    assert failed.status == 1
    assert "the books are not right" in failed.stdout


def test_what_a_step_did_is_in_the_audit_log_and_a_dry_run_is_not(
    grip: Grip, monkeypatch: pytest.MonkeyPatch
):
    """In numbers, under the name of who ran it; nothing where nothing was due."""
    did = {"holds": 2, "boots": 0}

    async def do(_app: object, how: Run) -> Done:
        return Done(did=did)

    monkeypatch.setattr("grip.jobs.leases.run", do)
    grip("maintenance", "leases", "--dry-run", "--actor", "cron")
    before = grip("audit", "list", "--json").json
    grip("maintenance", "leases", "--actor", "cron")
    did["holds"] = 0
    grip("maintenance", "leases", "--actor", "cron")
    (row,) = grip("audit", "list", "--json").json

    assert before == []
    assert (row["actor"], row["action"]) == ("cron", "maintenance.leases")
    assert row["after"] == {"holds": 2}
