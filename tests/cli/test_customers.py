"""Accounts, wallets, members and keys as a person or a script meets them on the command line."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Grip = Callable[..., Any]


@pytest.fixture
def ana(grip: Grip) -> str:
    """The wallet of the account ana@example.com."""
    made = grip("accounts", "create", "--email", "ana@example.com", "--name", "Ana", "--json")
    return str(made.json["wallet_id"])


def test_accounts_are_made_listed_shown_and_switched(grip: Grip):
    """Each command answers with the account."""
    made = grip("accounts", "create", "--email", "Ana@example.com", "--json").json
    off = grip("accounts", "disable", "ana@example.com", "--json").json
    on = grip("accounts", "enable", made["id"], "--json").json

    assert {"id", "email", "wallet_id"} <= made.keys()
    assert grip("accounts", "list", "--json").json == [made]
    assert grip("accounts", "show", made["id"], "--json").json == made
    assert off["disabled_at"].endswith("Z")
    assert on == made


def test_a_taken_e_mail_is_a_conflict(grip: Grip, ana: str):
    """One line, one JSON object, exit 1."""
    refused = grip("accounts", "create", "--email", "ANA@example.com", "--json")

    assert refused.status == 1
    assert refused.error["code"] == "conflict"


def test_a_wallet_is_shown_with_the_fixed_keys(grip: Grip, ana: str):
    """By its id, its owner's e-mail or name."""
    shown = grip("wallet", "show", ana, "--json").json

    assert {key: shown[key] for key in ("id", "owner", "tier")} == {
        "id": ana,
        "owner": "ana@example.com",
        "tier": "free",
    }
    assert [shown[key] for key in ("balance", "held", "available", "debt")] == [1000, 0, 1000, 0]
    assert grip("wallet", "show", "ana@example.com", "--json").json == shown
    assert grip("wallet", "show", "Ana", "--json").json == shown
    assert grip("wallet", "list", "--json").json == [shown]


def test_credits_by_hand_demand_a_reason_and_cover(grip: Grip, ana: str):
    """A debit below zero is refused by its code, a missing reason as wrong usage."""
    credited = grip("wallet", "credit", ana, "5", "--reason", "gift", "--json")
    refused = grip("wallet", "debit", ana, "1006", "--reason", "r", "--json")
    unexplained = grip("wallet", "debit", ana, "5", "--json")
    blank = grip("wallet", "debit", ana, "5", "--reason", " ", "--json")
    nothing = grip("wallet", "credit", ana, "0", "--reason", "r", "--json")
    emptied = grip("wallet", "debit", ana, "1005", "--reason", "r", "--json")

    assert credited.json["balance"] == 1005
    assert (refused.status, refused.error["code"]) == (1, "insufficient_credits")
    assert (unexplained.status, blank.status, nothing.status) == (2, 2, 2)
    assert emptied.json["balance"] == 0


def test_a_tier_is_set_and_audited(grip: Grip, ana: str):
    """With who did it and why."""
    moved = grip("wallet", "tier", ana, "pro", "--reason", "paid", "--actor", "eve", "--json")
    unknown = grip("wallet", "tier", ana, "gold", "--reason", "r", "--json")
    (row, *_) = grip("audit", "list", "--subject", ana, "--json").json

    assert (moved.json["id"], moved.json["tier"]) == (ana, "pro")
    assert (unknown.status, unknown.error["code"]) == (1, "not_found")
    assert (row["action"], row["actor"], row["reason"]) == ("wallet.tier", "eve", "paid")


def test_providers_are_allowed_denied_and_let_in_again(grip: Grip, ana: str):
    """As `wallet show` shows them; what says nothing, or two things at once, is wrong usage."""
    why = ("--reason", "law", "--json")
    bound = grip(
        *("wallet", "providers", ana, "--allow-group", "eu", "--deny-kind", "gemini"),
        *("--deny-kind", "azure", *why),
    )
    shown = grip("wallet", "show", ana)
    nothing = grip("wallet", "providers", ana, *why)
    both = grip("wallet", "providers", ana, "--any", "--deny-group", "eu", *why)
    unknown = grip("wallet", "providers", ana, "--deny-kind", "gemeni", *why)
    unexplained = grip("wallet", "providers", ana, "--any", "--json")
    lifted = grip("wallet", "providers", ana, "--any", *why)
    (row, *_) = grip("audit", "list", "--subject", ana, "--json").json

    assert bound.json["providers"] == {
        "allow_groups": ["eu"],
        "deny_groups": [],
        "allow_kinds": None,
        "deny_kinds": ["azure", "gemini"],
    }
    assert "deny_kinds=azure, gemini" in shown.stdout
    refused = (nothing, both, unknown, unexplained)
    assert [one.status for one in refused] == [2, 2, 2, 2]
    assert lifted.json["providers"] is None
    assert (row["action"], row["before"]) == (
        "wallet.providers",
        {"providers": bound.json["providers"]},
    )


def test_a_statement_adds_up(grip: Grip, ana: str, tmp_path: Path):
    """As JSON, as a table, and as a file for a spreadsheet."""
    grip("wallet", "debit", ana, "7", "--reason", "=cmd()")
    shown = grip("wallet", "statement", ana, "--json").json
    later = grip("wallet", "statement", ana, "--from", "2100-01-01", "--json").json
    table = grip("wallet", "statement", ana)
    written = grip("wallet", "statement", ana, "--csv", str(tmp_path / "s.csv"), "--json").json
    with (tmp_path / "s.csv").open(encoding="utf-8-sig", newline="") as stream:
        lines = list(csv.DictReader(stream))

    assert shown["opening"] + sum(row["amount"] for row in shown["rows"]) == shown["closing"] == 993
    assert (later["opening"], later["rows"], later["closing"]) == (993, [], 993)
    assert "=cmd()" in table.stdout
    assert written["closing"] == 993
    assert [line["kind"] for line in lines] == ["opening", "grant", "adjust", "closing"]
    assert [line["description"] for line in lines] == ["", "sign-up credits", "'=cmd()", ""]
    assert lines[-1]["balance"] == "993"


def test_a_statement_that_cannot_be_written_says_so(grip: Grip, ana: str, tmp_path: Path):
    """Without a traceback."""
    refused = grip("wallet", "statement", ana, "--csv", str(tmp_path / "no" / "s.csv"), "--json")

    assert refused.status == 2
    assert "cannot be written" in refused.error["message"]


def test_members_come_and_go(grip: Grip, ana: str):
    """Within the tier's cap, each with a limit or none."""
    grip("accounts", "create", "--email", "bob@example.com")
    words = ("wallet", "members", "add", ana, "bob@example.com", "--json")
    full = grip(*words)
    grip("wallet", "tier", ana, "plus", "--reason", "paid")
    added = grip(*words, "--limit", "50").json
    capped = grip("wallet", "members", "limit", ana, "bob@example.com", "--limit", "9", "--json")
    lifted = grip("wallet", "members", "limit", ana, "bob@example.com", "--json")
    removed = grip("wallet", "members", "remove", ana, "bob@example.com", "--json")
    left = grip("wallet", "members", "list", ana, "--json").json

    assert (full.status, full.error["code"]) == (1, "member_cap_reached")
    assert (added["email"], added["limit"], added["owner"]) == ("bob@example.com", 50, False)
    assert (capped.json["limit"], lifted.json["limit"]) == (9, None)
    assert removed.json["left_at"] is not None
    assert [member["email"] for member in left] == ["ana@example.com"]


def test_a_key_s_secret_is_shown_at_creation_and_roll_alone(grip: Grip, ana: str):
    """The fixed keys of the contract, and the secret nowhere else."""
    made = grip(
        *("keys", "create", "--wallet", ana, "--name", "ci", "--budget", "100", "--rpm", "60"),
        *("--group", "default", "--no-content-logging", "--expires", "2100-01-01", "--json"),
    ).json
    rolled = grip("keys", "roll", made["id"], "--json").json
    shown = grip("keys", "show", "ci", "--json").json
    listed = grip("keys", "list", "--wallet", "ana@example.com", "--json")

    assert {"id", "name", "wallet_id", "key"} <= made.keys()
    assert (made["budget"], made["spent"], made["rpm"], made["models"]) == (100, 0, 60, None)
    assert (made["status"], made["content_logging"]) == ("active", False)
    assert (made["groups"], made["expires_at"]) == (["default"], "2100-01-01T00:00:00Z")
    assert rolled["id"] == made["id"]
    assert rolled["key"] != made["key"]
    assert shown["last4"] == rolled["key"][-4:]
    assert listed.json == [shown]
    assert "sk-grip-" not in listed.stdout
    assert "key" not in shown


def test_a_revoked_key_cannot_be_rolled(grip: Grip, ana: str):
    """It stays in the list, and says what it is."""
    grip("keys", "create", "--wallet", ana, "--name", "ci")
    revoked = grip("keys", "revoke", "ci", "--json").json
    refused = grip("keys", "roll", "ci", "--json")

    assert revoked["status"] == "revoked"
    assert (refused.status, refused.error["code"]) == (1, "conflict")
    assert [key["status"] for key in grip("keys", "list", "--json").json] == ["revoked"]


def test_an_unknown_model_on_an_allowlist_is_wrong_usage(grip: Grip, ana: str):
    """Named, and no key is made; known ones may be joined by commas."""
    grip("models", "add", "gpt", "--type", "chat", "--input", "1", "--alias", "best")
    words = ("keys", "create", "--wallet", ana, "--name", "ci", "--json", "--models")
    refused = grip(*words, "gpt,gtp")
    made = grip(*words, "gpt,best")

    assert (refused.status, refused.error["code"]) == (2, "invalid_request_error")
    assert "'gtp'" in refused.error["message"]
    assert made.json["models"] == ["gpt", "best"]


def test_a_person_is_told_in_sentences_and_tables(grip: Grip, ana: str):
    """Every command has an answer that is no JSON."""
    grip("accounts", "create", "--email", "bob@example.com")
    grip("wallet", "tier", ana, "plus", "--reason", "r")
    key = json.loads(grip("keys", "create", "--wallet", ana, "--name", "ci", "--json").stdout)
    answers = [
        grip(*words)
        for words in (
            ("accounts", "list"),
            ("accounts", "show", "Ana"),
            ("wallet", "list"),
            ("wallet", "show", ana),
            ("wallet", "credit", ana, "1", "--reason", "r"),
            ("wallet", "members", "add", ana, "bob@example.com"),
            ("wallet", "members", "list", ana),
            ("wallet", "members", "limit", ana, "bob@example.com", "--limit", "5"),
            ("wallet", "members", "remove", ana, "bob@example.com"),
            ("keys", "list"),
            ("keys", "show", key["id"]),
            ("keys", "roll", "ci"),
            ("keys", "revoke", "ci"),
            ("accounts", "disable", "Ana"),
            ("usage", "list"),
            ("ledger", "verify"),
        )
    ]

    assert [(answer.status, answer.stderr) for answer in answers] == [(0, "")] * len(answers)
    assert all(answer.stdout.strip() for answer in answers)
