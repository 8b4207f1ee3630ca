"""The books on the command line: what was charged, and whether it is right."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from grip.store.engine import Database
from grip.store.tables import api_key

Grip = Callable[..., Any]

CHARGE = """
INSERT INTO usage (request_id, created_us, wallet_id, key_id, member_id, key_name, endpoint, model,
    provider, channel_id, channel, upstream_model, ip, region, status, estimated, price_id,
    input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, images, seconds,
    characters, attempts, latency_ms, first_byte_ms, hold_credits, cost_nano, carry_before,
    carry_after, credits, debt_credits, balance_after)
VALUES (:request_id, :created_us, :wallet_id, :key_id, :member_id, 'ci', '/v1/chat/completions',
    'gpt', 'sandbox', 'ch_1', 'sandbox', 'gpt', '192.0.2.1', '', 'ok', 0, 'price_1',
    1, 2, 0, 0, 0, 0,
    0, 1, 30, 20, 1, 1500000000, 0,
    500000000, 1, 0, 999)
"""
KEYS = {
    *("request_id", "created_at", "wallet_id", "key_name", "model", "provider", "channel", "ip"),
    *("status", "input_tokens", "output_tokens", "cost_nano", "credits", "balance_after"),
    *("estimated", "latency_ms"),
}


async def _change(url: str, statement: str, **values: object) -> None:
    database = Database(url)
    async with database.write() as connection:
        await connection.execute(sa.text(statement), values)
    await database.close()


async def _member(url: str) -> str:
    database = Database(url)
    async with database.read() as connection:
        found: str = (await connection.execute(sa.select(api_key.c.member_id))).scalar_one()
    await database.close()
    return found


@pytest.fixture
def key(grip: Grip) -> dict[str, str]:
    """A key of the account ana@example.com, as `keys create` answers."""
    grip("accounts", "create", "--email", "ana@example.com")
    made = grip("keys", "create", "--wallet", "ana@example.com", "--name", "ci", "--json")
    return dict(json.loads(made.stdout))


def test_usage_is_listed_and_shown_with_the_fixed_keys(
    grip: Grip, key: dict[str, str], database_url: str
):
    """Filtered by wallet, key, model and half-open times."""
    charge = {
        "request_id": "req_1",
        "created_us": 1_800_000_000_000_000,
        "wallet_id": key["wallet_id"],
        "key_id": key["id"],
        "member_id": asyncio.run(_member(database_url)),
    }
    asyncio.run(_change(database_url, CHARGE, **charge))
    (row,) = grip("usage", "list", "--json").json
    day = ("--from", "2027-01-15", "--to", "2027-01-16")
    filters = ("--wallet", "ana@example.com", "--key", "ci", "--model", "gpt", *day)

    assert row.keys() >= KEYS
    assert (row["created_at"], row["cost_nano"]) == ("2027-01-15T08:00:00Z", 1_500_000_000)
    assert (row["key_name"], row["ip"], row["estimated"]) == ("ci", "192.0.2.1", False)
    assert grip("usage", "show", "req_1", "--json").json.items() >= row.items()
    assert grip("usage", "list", *filters, "--limit", "1", "--json").json == [row]
    assert grip("usage", "list", "--to", "2027-01-15T08:00:00Z", "--json").json == []
    assert grip("usage", "show", "req_2", "--json").error["code"] == "not_found"


def test_sound_books_pass_and_broken_ones_exit_1(
    grip: Grip, key: dict[str, str], database_url: str
):
    """The answer is the same JSON value either way."""
    sound = grip("ledger", "verify", "--json").json
    asyncio.run(_change(database_url, "UPDATE wallet SET balance = balance + 1"))
    broken = grip("ledger", "verify", "--json")
    failed = [check for check in json.loads(broken.stdout)["checks"] if not check["ok"]]
    table = grip("ledger", "verify")

    assert sound["ok"] is True
    assert all(check["violations"] == [] for check in sound["checks"])
    assert (broken.status, json.loads(broken.stdout)["ok"]) == (1, False)
    assert [check["name"] for check in failed] == ["wallet_balance"]
    assert failed[0]["violations"][0].startswith(key["wallet_id"])
    assert (table.status, "journal and usage make 1000" in table.stdout) == (1, True)


def test_there_is_no_checkpoint_to_go_on_from(grip: Grip):
    """It is refused, rather than read as everything."""
    refused = grip("ledger", "verify", "--since-checkpoint", "--json")

    assert (refused.status, refused.error["code"]) == (1, "conflict")


def test_a_checkpoint_is_a_line_that_proves_the_books_later(
    grip: Grip, key: dict[str, str], database_url: str
):
    """The fixed keys of `verify` stay as they are, whatever it goes on from."""
    line = grip("ledger", "checkpoint", "--actor", "ops").stdout.strip()
    second = grip("ledger", "checkpoint", "--json").json
    since = grip("ledger", "verify", "--since-checkpoint", "--json").json
    proven = grip("ledger", "verify", "--checkpoint", line, "--json").json
    both = grip("ledger", "verify", "--checkpoint", line, "--since-checkpoint", "--json")
    forged = grip("ledger", "verify", "--checkpoint", line[:-1] + "x", "--json")
    asyncio.run(_change(database_url, "UPDATE wallet SET balance = balance + 1"))
    refused = grip("ledger", "checkpoint", "--json")

    assert line.startswith("grip-checkpoint chk_")
    assert (since["ok"], since["since_checkpoint"]) == (True, second)
    assert (proven["ok"], proven["since_checkpoint"]) == (True, None)
    assert [check["name"] for check in since["checks"]] == [
        check["name"] for check in proven["checks"]
    ]
    assert (both.status, both.error["code"]) == (2, "invalid_request_error")
    assert (forged.status, json.loads(forged.stdout)["ok"]) == (1, False)
    assert (refused.status, refused.error["code"]) == (1, "conflict")
    assert [row["actor"] for row in grip("audit", "list", "--json").json][1] == "ops"
