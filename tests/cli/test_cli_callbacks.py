"""`grip callbacks` as a person or a script meets it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from grip.clock import system_clock
from grip.store import callbacks
from grip.store.callbacks import Ending, Lease
from grip.store.engine import Database

Grip = Callable[..., Any]


@pytest.fixture
def wallet_id(grip: Grip) -> str:
    """The wallet of ana@example.com."""
    made = grip("accounts", "create", "--email", "ana@example.com", "--name", "Ana", "--json")
    return str(made.json["wallet_id"])


@pytest.fixture
def told(database_url: str, wallet_id: str) -> Callable[..., str]:
    """Write a callback that ended in a state; return its id."""

    async def tell(task_id: str, state: str, wallet: str) -> str:
        database = Database(database_url)
        now_us = system_clock()
        async with database.write() as connection:
            await callbacks.enqueue(
                connection,
                task_id=task_id,
                wallet_id=wallet,
                url="https://hooks.example.com/x",
                event="task.completed",
                body=b'{"private":"body"}',
                now_us=now_us,
            )
        lease = Lease(owner="o", now_us=now_us, until_us=now_us + 1_000_000_000, tries_max=8)
        async with database.write() as connection:
            due = await callbacks.due(connection, lease, limit=1, room={}, per_host=2)
            (claim,) = await callbacks.claim(connection, lease, due)
            if state != "leased":
                ending = Ending(
                    outcome="status",
                    state=state,
                    reason="exhausted" if state == "dead" else "",
                    due_us=now_us + 3_600_000_000,
                    status=500,
                    latency_ms=12,
                    detail="the receiver answered 500",
                    reply=b"\x1b[31mboom\xff",
                )
                assert await callbacks.finish(connection, claim, ending, now_us)
        await database.close()
        return claim.id

    def run(task_id: str, state: str, wallet: str = wallet_id) -> str:
        return asyncio.run(tell(task_id, state, wallet))

    return run


def test_callbacks_are_listed_newest_first(grip: Grip, told: Callable[..., str], wallet_id: str):
    """All, or those of a state or a wallet; never with a body or a reply."""
    dead = told("task_1", "dead")
    pending = told("task_2", "pending")
    other = told("task_3", "delivered", "wal_other")
    rows = grip("callbacks", "list", "--json").json

    assert [row["id"] for row in rows] == [other, pending, dead]
    assert list(rows[0]) == [
        "id",
        "task_id",
        "wallet_id",
        "event",
        "url",
        "state",
        "reason",
        "attempts",
        "next_attempt_at",
        "created_at",
        "ended_at",
    ]
    assert (rows[2]["state"], rows[2]["reason"], rows[2]["attempts"]) == ("dead", "exhausted", 1)
    assert rows[2]["next_attempt_at"] is None
    assert rows[1]["next_attempt_at"].endswith("Z")
    assert grip("callbacks", "list", "--state", "dead", "--json").json == [rows[2]]
    assert grip("callbacks", "list", "--wallet", "Ana", "--json").json == rows[1:]
    assert grip("callbacks", "list", "--limit", "1", "--json").json == rows[:1]
    assert "private" not in grip("callbacks", "list").stdout


def test_there_may_be_none(grip: Grip, wallet_id: str):
    """A line for people, an empty array for programs; states that are none are refused."""
    assert grip("callbacks", "list").stdout == "No callbacks.\n"
    assert grip("callbacks", "list", "--json").json == []
    refused = grip("callbacks", "list", "--state", "lost", "--json")
    assert (refused.status, refused.error["code"]) == (2, "invalid_request_error")


def test_a_callback_is_shown_with_each_attempt(grip: Grip, told: Callable[..., str]):
    """And what the receiver began to answer, which cannot steer the terminal."""
    dead = told("task_1", "dead")
    shown = grip("callbacks", "show", dead, "--json").json
    plain = grip("callbacks", "show", dead).stdout

    (attempt,) = shown.pop("history")
    assert shown == grip("callbacks", "list", "--json").json[0]
    assert attempt.pop("started_at").endswith("Z")
    assert attempt == {
        "number": 1,
        "outcome": "status",
        "status": 500,
        "latency_ms": 12,
        "detail": "the receiver answered 500",
        "reply": "\x1b[31mboom\N{REPLACEMENT CHARACTER}",
    }
    assert "the receiver answered 500" in plain
    assert "\x1b" not in plain
    assert "private" not in plain
    assert grip("callbacks", "show", "cb_none", "--json").error["code"] == "not_found"


def test_callbacks_are_replayed_by_their_ids(grip: Grip, told: Callable[..., str]):
    """Delivered ones too; each leaves an audit row; a missing one stops them all."""
    dead = told("task_1", "dead")
    done = told("task_2", "delivered")
    missing = grip("callbacks", "replay", dead, "cb_none", "--json")
    unchanged = grip("callbacks", "show", dead, "--json").json["state"]
    replayed = grip("callbacks", "replay", dead, done, dead, "--actor", "eve", "--json").json
    rows = grip("callbacks", "list", "--json").json
    (audit,) = grip("audit", "list", "--subject", dead, "--json").json

    assert (missing.error["code"], unchanged) == ("not_found", "dead")
    assert replayed == {"replayed": [dead, done]}
    assert {row["state"] for row in rows} == {"pending"}
    assert [row["attempts"] for row in rows] == [1, 1]
    assert (audit["actor"], audit["action"]) == ("eve", "callback.replay")
    assert (audit["before"], audit["after"]) == (
        {"state": "dead", "attempts": 1},
        {"state": "pending"},
    )


def test_all_that_are_dead_are_replayed_since_a_time(grip: Grip, told: Callable[..., str]):
    """Those that died before it stay as they are."""
    dead = {told("task_1", "dead"), told("task_2", "dead")}
    told("task_3", "delivered")

    assert grip("callbacks", "replay", "--dead", "--since", "2100-01-01", "--json").json == {
        "replayed": []
    }
    assert set(grip("callbacks", "replay", "--dead", "--json").json["replayed"]) == dead
    assert grip("callbacks", "replay", "--dead", "--since", "2020-01-01").stdout.startswith("0 due")


@pytest.mark.parametrize(
    "words", [[], ["cb_1", "--dead"], ["cb_1", "--since", "2026-01-01"], ["--since", "2026-01-01"]]
)
def test_a_replay_is_of_ids_or_of_all_that_are_dead(grip: Grip, words: list[str]):
    """Anything else is wrong usage."""
    refused = grip("callbacks", "replay", *words, "--json")

    assert (refused.status, refused.error["code"]) == (2, "invalid_request_error")


def test_what_is_being_delivered_is_not_replayed(grip: Grip, told: Callable[..., str]):
    """Its worker would end what was begun anew."""
    leased = told("task_1", "leased")

    assert grip("callbacks", "replay", leased, "--json").error["code"] == "conflict"


def test_a_secret_is_shown_once_and_rotated(grip: Grip, wallet_id: str):
    """The audit has that there is one, and not which."""
    made = grip("callbacks", "secret", "ana@example.com", "--actor", "eve", "--json").json
    again = grip("callbacks", "secret", wallet_id, "--json")
    rotated = grip("callbacks", "secret", wallet_id, "--rotate", "--json").json
    plain = grip("callbacks", "secret", wallet_id, "--rotate").stdout
    rows = grip("audit", "list", "--subject", wallet_id, "--json").json

    assert list(made) == ["wallet_id", "secret", "created_at", "previous_ends_at"]
    assert (made["wallet_id"], made["previous_ends_at"]) == (wallet_id, None)
    assert made["secret"].startswith("whsec_")
    assert again.error["code"] == "conflict"
    assert "--rotate" in again.error["message"]
    assert rotated["secret"] != made["secret"]
    assert rotated["previous_ends_at"] > rotated["created_at"]
    assert "whsec_" in plain
    assert [row["action"] for row in rows[:3]] == [
        "callback_secret.rotate",
        "callback_secret.rotate",
        "callback_secret.create",
    ]
    assert rows[2]["actor"] == "eve"
    assert "whsec_" not in str(rows)


def test_no_wallet_no_secret(grip: Grip, wallet_id: str):
    """As with every command."""
    assert grip("callbacks", "secret", "bob@example.com", "--json").error["code"] == "not_found"
