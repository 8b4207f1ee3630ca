"""`grip reconcile` as a person, or a nightly job, meets it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.seller import open_shop, paid

Grip = Callable[..., Any]

SANDBOX = """
[payments.sandbox]
webhook_secret = "env:NOT_NEEDED"
"""
HEADING = "id,order_id,amount,currency,refunded,created\n"


@pytest.fixture
def order(grip: Grip, anywhere: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An order that is paid by hand, in a shop with a sandbox."""
    monkeypatch.setenv("NOT_NEEDED", "whsec_" + "A" * 32)
    open_shop(grip, anywhere, SANDBOX)
    return paid(grip)


def export(place: Path, *rows: str) -> str:
    """Write a provider's export; return its name."""
    (place / "payments.csv").write_text(HEADING + "".join(f"{row}\n" for row in rows))
    return "payments.csv"


def test_nothing_differs_where_nothing_does(grip: Grip, order: str):
    """Whoever keeps no books is passed by; asked for by name, it is an error."""
    said, told = grip("reconcile"), grip("reconcile", "--json")
    named = grip("reconcile", "--provider", "sandbox", "--json")

    assert (said.status, said.stdout) == (0, "Nothing differs.\n")
    assert told.json == []
    assert (named.status, named.error["code"]) == (1, "payment_provider_unable")


def test_differences_are_a_table_and_an_exit_status(grip: Grip, anywhere: Path, order: str):
    """Of an amount, of what went back, of what is on one side alone."""
    at = grip("orders", "show", order, "--json").json["paid_at"]
    good = export(anywhere, f"{order},{order},236.81,USD,0.00,{at}")
    same = grip("reconcile", "--provider", "manual", "--csv", good)
    export(
        anywhere,
        f"{order},{order},236.80,USD,1.00,{at}",
        f"pi_2,ord_2,49.00,USD,0.00,{at}",
        f"pi_3,ord_3,49.00,USD,49.00,{at}",
    )
    words = ("reconcile", "--provider", "manual", "--csv", good)
    differs, shown = grip(*words, "--json"), grip(*words)
    export(anywhere)
    missing = grip(*words, "--json")

    assert (same.status, same.stdout) == (0, "Nothing differs.\n")
    assert (differs.status, differs.stderr) == (1, "")
    assert json.loads(differs.stdout) == [
        _difference("amount", order, order, "236.81 USD", "236.80 USD"),
        _difference("returned", order, order, "0.00 USD", "1.00 USD"),
        _difference("not_here", "ord_2", "pi_2", "", "49.00 USD"),
    ]
    assert shown.status == 1
    assert "at the provider" in shown.stdout
    assert shown.stdout.count("\n") == 5
    assert json.loads(missing.stdout) == [_difference("not_there", order, order, "236.81 USD", "")]


def test_a_payment_is_found_whose_webhook_came_in_another_span(
    grip: Grip, anywhere: Path, order: str
):
    """Made before midnight and settled after it, or days before, as bank transfers are."""
    paid_at = grip("orders", "show", order, "--json").json["paid_at"]
    export(
        anywhere,
        f"{order},{order},236.81,USD,0.00,2026-01-01T00:00:00Z".replace(
            "2026-01-01", _days_before(paid_at, 5)
        ),
        f"pi_old,ord_old,49.00,USD,0.00,{_days_before(paid_at, 6)}T00:00:00Z",
    )
    found = grip(
        *("reconcile", "--provider", "manual", "--csv", "payments.csv"),
        *("--from", _days_before(paid_at, 1), "--json"),
    )

    assert found.json == []


def _days_before(at: str, days: int) -> str:
    from datetime import date, timedelta  # noqa: PLC0415

    return (date.fromisoformat(at[:10]) - timedelta(days=days)).isoformat()


def _difference(what: str, order: str, payment: str, here: str, there: str) -> dict[str, str]:
    return {
        "what": what,
        "order_id": order,
        "payment_ref": payment,
        "here": here,
        "there": there,
    }


def test_what_cannot_be_read_is_an_error_in_one_line(grip: Grip, anywhere: Path, order: str):
    """No provider, no such provider, no such file, no export, no such time."""
    export(anywhere)
    (anywhere / "other.csv").write_text("id,amount\npi_1,49.00\n")
    (anywhere / "latin.csv").write_bytes(b"id,amount,currency,created\n\xe9,1,USD,2026-01-01\n")
    named = ("--provider", "manual", "--csv")
    cases = [
        (("--csv", "payments.csv"), 2, "say --provider"),
        (("--provider", "nobody"), 1, "there is no payment provider"),
        ((*named, "missing.csv"), 2, "--csv: missing.csv cannot be read"),
        ((*named, "."), 2, "--csv: . cannot be read"),
        ((*named, "other.csv"), 2, "currency"),
        ((*named, "latin.csv"), 2, "UTF-8"),
        (("--from", "tomorrow"), 2, "--from: 'tomorrow' is no time"),
        (("--to", "soon"), 2, "--to: 'soon' is no time"),
        (("--from", "2026-11-02", "--to", "2026-11-01"), 2, "--from is after --to"),
    ]
    for words, status, told in cases:
        refused = grip("reconcile", *words)
        assert (refused.status, refused.stdout) == (status, ""), words
        assert told in refused.stderr
        assert refused.stderr.count("\n") == 1
