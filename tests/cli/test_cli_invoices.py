"""`grip invoices`, credits on account and statements, as a person or a script meets them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.seller import WHY, open_shop, paid

Grip = Callable[..., Any]

INVOICE = [
    *("id", "number", "kind", "issued_at", "wallet_id", "customer", "order_id", "currency"),
    *("net", "tax", "gross"),
]


@pytest.fixture
def ana(grip: Grip, anywhere: Path) -> str:
    """The wallet of a customer of a shop."""
    return open_shop(grip, anywhere)


def test_invoices_are_listed_shown_and_drawn(grip: Grip, anywhere: Path, ana: str):
    """The newest first, by number or id; as PDF the same bytes whenever they are asked for."""
    none = grip("invoices", "list").stdout
    order = paid(grip)
    grip("orders", "refund", order, "--amount", "119.00", *WHY)
    note, invoice = grip("invoices", "list", "--wallet", "ana@example.com", "--json").json
    shown = grip("invoices", "show", invoice["id"], "--json").json
    drawn = [
        grip("invoices", "pdf", invoice["number"], "--out", f"{n}.pdf", "--json").json
        for n in range(2)
    ]
    said = grip("invoices", "pdf", note["number"]).stdout
    first, second = ((anywhere / f"{n}.pdf").read_bytes() for n in range(2))
    person = grip("invoices", "show", note["number"]).stdout

    assert none == "No invoices.\n"
    assert list(invoice) == INVOICE
    assert list(shown) == [*INVOICE, "content"]
    assert (invoice["kind"], invoice["gross"], note["kind"], note["gross"]) == (
        *("invoice", "236.81"),
        *("credit_note", "119.00"),
    )
    assert (invoice["order_id"], invoice["customer"]) == (order, "Ana Müller")
    assert shown["content"]["refers_to"] is None
    assert list(drawn[0]) == ["number", "file", "bytes", "sha256"]
    assert first == second
    assert first.startswith(b"%PDF-")
    assert drawn[0]["sha256"] == hashlib.sha256(first).hexdigest()
    assert drawn[0]["bytes"] == len(first)
    assert said.startswith(f"{note['number']}.pdf: {note['number']}, ")
    assert (anywhere / f"{note['number']}.pdf").exists()
    assert f"refers_to: {invoice['number']}, " in " ".join(person.split())


def test_what_cannot_be_drawn_or_billed_is_an_error_in_one_line(grip: Grip, ana: str):
    """No such invoice, no such place, no such month, and months that are not over."""
    paid(grip)
    number = grip("invoices", "list", "--json").json[0]["number"]
    cases = [
        (("show", "INV-1"), 1, "grip invoices list"),
        (("pdf", ""), 1, "grip invoices list"),
        (("pdf", number, "--out", "nowhere/x.pdf"), 2, "--out: nowhere/x.pdf cannot be written"),
        (("pdf", number, "--out", "."), 2, "--out: . cannot be written"),
        (("list", "--wallet", "nobody"), 1, "there is no wallet"),
        (("generate", "--period", "2999-01"), 2, "is not over yet"),
        *(
            (("generate", "--period", period), 2, "is no month, such as 2026-10")
            for period in ("", "2026", "2026-00", "2026-13", "2026-1", "2026-10-01", "26-10")
        ),
        (("generate",), 2, "--period"),
    ]
    for words, status, told in cases:
        refused = grip("invoices", *words)
        assert (refused.status, refused.stdout) == (status, ""), words
        assert told in refused.stderr
        assert refused.stderr.count("\n") == 1


def test_credits_on_account_are_billed_once(
    grip: Grip, ana: str, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    """After the month; run again, and for a month without any, there is nothing to bill."""
    given = grip(
        *("wallet", "credit", ana, "250000", "--on-account", "--reason", "contract 17", "--json")
    ).json
    month = grip("wallet", "statement", ana, "--json").json["rows"][-1]["at"][:7]
    later = _next_month(month)
    early = grip("invoices", "generate", "--period", month)
    monkeypatch.setattr("grip.cli.runner.system_clock", lambda: _us_of(f"{later}-03"))
    (billed,) = grip("invoices", "generate", "--period", month, "--actor", "eve", "--json").json
    again = grip("invoices", "generate", "--period", month, "--json").json
    before = grip("invoices", "generate", "--period", "2020-01").stdout
    shown = grip("invoices", "show", billed["number"], "--json").json["content"]

    assert given["balance"] == 251_000
    assert (early.status, "not over" in early.stderr) == (2, True)
    assert list(billed) == INVOICE
    assert (billed["net"], billed["gross"], billed["order_id"]) == ("250.00", "297.50", None)
    assert (shown["paid_minor"], shown["due_on"], shown["supplied_on"][:7]) == (
        *(0, f"{later}-17"),
        month,
    )
    assert again == []
    assert before == "There was nothing to bill for 2020-01, or it is billed already.\n"
    assert grip("reconcile", "--json").json == []


def test_a_wallet_without_a_profile_holds_up_no_other_bill(
    grip: Grip, ana: str, monkeypatch: pytest.MonkeyPatch
):
    """It is named, and billed by the next run."""
    ben = grip("accounts", "create", "--email", "ben@example.com", "--json").json["wallet_id"]
    for wallet in (ana, ben):
        why = ("--on-account", "--reason", "contract 17")
        assert grip("wallet", "credit", wallet, "1000", *why).status == 0
    month = grip("wallet", "statement", ana, "--json").json["rows"][-1]["at"][:7]
    monkeypatch.setattr("grip.cli.runner.system_clock", lambda: _us_of(f"{_next_month(month)}-03"))
    bill = ("invoices", "generate", "--period", month, "--json")
    first, again = grip(*bill), grip(*bill)
    profile = ("--name", "Ben", "--address", "Weg 2", "--city", "Bonn", "--postcode", "53111")
    grip("billing", "set", "ben@example.com", *profile, "--country", "DE")
    last = grip(*bill)

    assert (first.status, [one["wallet_id"] for one in json.loads(first.stdout)]) == (
        1,
        [ana],
    )
    assert f"1 not billed: {ben}: " in first.stderr
    assert f"grip billing set {ben}" in first.stderr
    assert first.stderr.count("\n") == 1
    assert (again.status, again.stdout) == (1, "[]\n")
    assert (last.status, [one["wallet_id"] for one in last.json]) == (0, [ben])


def _next_month(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year + number // 12:04}-{number % 12 + 1:02}"


def _us_of(day: str) -> int:
    from grip.clock import from_iso  # noqa: PLC0415

    return from_iso(day)


def test_a_statement_is_written_one_way_at_a_time(grip: Grip, anywhere: Path, ana: str):
    """As CSV or as PDF; both together, or into no place, and nothing is written."""
    paid(grip)
    both = grip("wallet", "statement", ana, "--csv", "a.csv", "--pdf", "a.pdf", "--json")
    nowhere = grip("wallet", "statement", ana, "--pdf", "nowhere/a.pdf", "--json")
    written = sorted(path.name for path in anywhere.glob("a.*"))
    drawn = grip("wallet", "statement", ana, "--pdf", "a.pdf", "--json").json

    assert (both.status, both.error["code"]) == (2, "invalid_request_error")
    assert "--csv or --pdf" in both.error["message"]
    assert (nowhere.status, "cannot be written" in nowhere.error["message"]) == (2, True)
    assert written == []
    assert (anywhere / "a.pdf").read_bytes().startswith(b"%PDF-")
    assert drawn["opening"] + sum(row["amount"] for row in drawn["rows"]) == drawn["closing"]
