"""`grip tasks` and `grip worker` as a person or a script meets them."""

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import grip as package
from grip import app as gateway
from grip import ids, settings
from grip.tasks.creation import Created
from grip.tasks.desk import Wish

Grip = Callable[..., Any]
Begin = Callable[..., str]

COMMAND = [sys.executable, "-m", "grip"]


@pytest.fixture
def key_hash(grip: Grip) -> str:
    """A customer with credits, and films for sale from the sandbox."""
    grip("accounts", "create", "--email", "ana@example.com")
    grip("wallet", "credit", "ana@example.com", "5000", "--reason", "paid")
    grip("channels", "add", "sandbox", "--kind", "sandbox")
    for name in ("film", "other"):
        grip("models", "add", name, "--type", "video", "--per-second", "0.10")
    made = grip("keys", "create", "--wallet", "ana@example.com", "--name", "main", "--json").json
    return ids.key_hash(made["key"])


@pytest.fixture
def begin(key_hash: str, database_url: str) -> Begin:
    """Begin a task, and let a worker do so many steps of it; return its id."""

    async def make(model: str, steps: int) -> str:
        app = gateway.build(settings.load(environ={"GRIP_DATABASE_URL": database_url}))
        await app.start()
        wish = Wish(
            key_hash=key_hash,
            ip="192.0.2.1",
            endpoint="/tasks",
            model=model,
            input={"prompt": "a red balloon", "seconds": 2},
        )
        created = await app.tasks.desk.create(wish, lambda _: b"{}")
        assert isinstance(created, Created)
        for _ in range(steps):
            async with app.context.database.write() as connection:
                await connection.execute(sa.text("UPDATE task SET due_us = 0"))
            await app.tasks.worker.run()
            await app.tasks.worker.settle()
        await app.stop()
        return created.task.id

    return lambda model="film", steps=0: asyncio.run(make(model, steps))


@pytest.fixture
def environ(grip: Grip) -> dict[str, str]:
    """The environment of a process that works on the same database."""
    root = str(Path(package.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": root}  # noqa: TID251 - what a shell would pass on


def _wallet(grip: Grip) -> tuple[int, int]:
    shown = grip("wallet", "show", "ana@example.com", "--json").json
    return shown["balance"], shown["held"]


def test_tasks_are_listed_newest_first(grip: Grip, begin: Begin):
    """All, or those of a wallet, a status, a model; so many of them."""
    old, new = begin(), begin("other")
    rows = grip("tasks", "list", "--json").json

    assert [row["id"] for row in rows] == [new, old]
    assert (rows[1]["status"], rows[1]["phase"], rows[1]["credits_reserved"]) == (
        "pending",
        "queued",
        200,
    )
    for words, found in (
        (["--model", "film"], [old]),
        (["--wallet", "ana@example.com", "--limit", "1"], [new]),
        (["--status", "failed"], []),
    ):
        assert [row["id"] for row in grip("tasks", "list", *words, "--json").json] == found
    assert old in grip("tasks", "list").stdout
    assert grip("tasks", "list", "--status", "failed").stdout == "No tasks.\n"


def test_what_there_is_none_of_is_told(grip: Grip, key_hash: str):
    """A status, a wallet, a task."""
    wrong = grip("tasks", "list", "--status", "done", "--json")
    missing = grip("tasks", "show", "task_none", "--json")

    assert (wrong.status, wrong.error["code"]) == (2, "invalid_request_error")
    assert "pending, processing, completed, failed" in wrong.error["message"]
    assert (missing.status, missing.error["code"]) == (1, "not_found")
    assert grip("tasks", "cancel", "task_none").status == 1
    assert grip("tasks", "list", "--wallet", "nobody").status == 1


def test_a_task_is_shown_with_its_channel(grip: Grip, begin: Begin):
    """And with what it made: nothing so far."""
    task_id = begin(steps=1)
    shown = grip("tasks", "show", task_id, "--json").json

    assert (shown["phase"], shown["channel"], shown["results"]) == ("submitted", "sandbox", [])
    plain = grip("tasks", "show", task_id).stdout
    assert "sandbox" in plain
    assert "It has made nothing so far." in plain


def test_what_a_task_may_have_cost_the_operator_is_told(grip: Grip, begin: Begin):
    """Its upstream finished without a result: in the list of losses, and beside the task."""
    upstream = ("--kind", "sandbox", "--map", "blank=x?fail=empty&usage=none", "--group", "apart")
    grip("channels", "add", "empty", *upstream)
    words = "--type video --group apart --per-second 0.10 --cost-per-second 0.04"
    grip("models", "add", "blank", *words.split())
    assert grip("tasks", "losses").stdout == "Nothing is known to be lost.\n"
    task_id = begin("blank", steps=2)
    later = begin("film")

    (row,) = grip("tasks", "losses", "--json").json
    assert (row["id"], row["loss"], row["buy_cost_usd"]) == (task_id, "billed", "0.08")
    assert grip("tasks", "show", task_id, "--json").json["loss"] == "billed"
    assert "loss" not in grip("tasks", "show", later, "--json").json
    assert task_id in grip("tasks", "losses").stdout


def test_a_task_that_waits_is_cancelled_at_once(grip: Grip, begin: Begin):
    """Its credits are back, the audit log knows who did it, and a second time changes nothing."""
    task_id = begin()
    assert _wallet(grip) == (6000, 200)
    done = grip("tasks", "cancel", task_id, "--actor", "eve", "--json").json
    again = grip("tasks", "cancel", task_id)
    rows = grip("audit", "list", "--subject", task_id, "--json").json

    assert (done["status"], done["error"]["code"]) == ("failed", "cancelled")
    assert _wallet(grip) == (6000, 0)
    assert [(row["actor"], row["action"]) for row in rows] == [("eve", "task.cancel")]
    assert again.status == 0
    assert len(grip("audit", "list", "--subject", task_id, "--json").json) == 1
    assert grip("ledger", "verify", "--json").json["ok"] is True


def test_of_a_task_that_an_upstream_has_it_is_asked_to_stop(grip: Grip, begin: Begin):
    """What it makes of that, later looks tell: nothing is given back yet."""
    task_id = begin(steps=1)
    said = grip("tasks", "cancel", task_id)

    assert "sandbox is asked to stop" in said.stdout
    assert grip("tasks", "show", task_id, "--json").json["phase"] == "cancelling"
    assert _wallet(grip) == (6000, 200)


def test_a_watch_on_a_pipe_looks_once(grip: Grip, begin: Begin):
    """With --json too: one array."""
    task_id = begin()

    assert [row["id"] for row in grip("tasks", "watch", "--json").json] == [task_id]
    assert task_id in grip("tasks", "watch").stdout
    assert grip("tasks", "watch", "--limit", "0", "--json").json == []


def test_a_watch_on_a_terminal_goes_on_until_ctrl_c(
    begin: Begin, environ: dict[str, str], anywhere: Path
):
    """It shows the tasks again and again, and ends with 0."""
    task_id = begin()
    ours, theirs = pty.openpty()
    wide = {**environ, "COLUMNS": "300", "TERM": "xterm"}
    with subprocess.Popen(
        [*COMMAND, "tasks", "watch", "--every", "0.2"],
        env=wide,
        cwd=anywhere,
        stdout=theirs,
        stderr=subprocess.PIPE,
    ) as process:
        seen = b""
        while seen.count(task_id.encode()) < 2:
            seen += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.read() == b""
    os.close(theirs)
    os.close(ours)

    assert process.returncode == 0


def test_a_worker_runs_tasks_without_serving_and_stops_when_told(
    grip: Grip, begin: Begin, environ: dict[str, str], anywhere: Path
):
    """A task is done and charged by it alone; SIGTERM ends it with 0."""
    task_id = begin()
    with subprocess.Popen(
        [*COMMAND, "worker", "--json"],
        env=environ,
        cwd=anywhere,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as worker:
        assert worker.stdout is not None
        assert json.loads(worker.stdout.readline()) == {"ready": True}
        shown: dict[str, Any] = {"completed_at": None}
        while shown["completed_at"] is None:
            shown = grip("tasks", "show", task_id, "--json").json
        worker.terminate()
        rest, _ = worker.communicate()

    assert (worker.returncode, rest) == (0, b"")
    assert (shown["status"], shown["credits_charged"]) == ("completed", 200)
    assert [one["content_type"] for one in shown["results"]] == ["video/mp4"]
    assert "video/mp4" in grip("tasks", "show", task_id).stdout
    assert "was over already: completed" in grip("tasks", "cancel", task_id).stdout
    assert _wallet(grip) == (5800, 0)
    assert grip("ledger", "verify", "--json").json["ok"] is True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_with_nothing_to_do_stops_at_either_signal(
    grip: Grip, environ: dict[str, str], anywhere: Path, number: signal.Signals
):
    """It said one line."""
    with subprocess.Popen(
        [*COMMAND, "worker"], env=environ, cwd=anywhere, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"grip works\n"
        worker.send_signal(number)
        rest, _ = worker.communicate()

    (start,) = grip("audit", "list", "--action", "settings.start", "--json").json

    assert (worker.returncode, rest) == (0, b"")
    assert start["subject"].startswith("worker@")
