"""`grip billing` as a person or a script meets it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Grip = Callable[..., Any]

FIRST = (
    *("billing", "set", "Ana", "--name", "Ana GmbH", "--address", "Weg 1", "--address", "Hof, 2"),
    *("--city", "Berlin", "--postcode", "10115", "--country", "de"),
)
SELLER = """
[seller]
name = "Shop"
address = ["Weg 2"]
city = "Bonn"
country = "DE"
tax_id = "DE129274202"
[taxes.de]
country = "DE"
rate = "19"
"""


@pytest.fixture
def customer(grip: Grip) -> str:
    """The wallet of Ana."""
    made = grip("accounts", "create", "--email", "ana@example.com", "--name", "Ana", "--json")
    return str(made.json["wallet_id"])


def test_a_profile_is_set_and_shown(grip: Grip, anywhere: Path, customer: str):
    """Whole, with the tax of today where somebody sells, and an audit row of what changed."""
    made = grip(*FIRST, "--actor", "eve", "--json").json
    changed = grip(
        *("billing", "set", customer, "--tax-id", "DE 136 695 976", "--verified", "VIES"),
        *("--consultation", "W1", "--reason", "they wrote", "--actor", "eve", "--json"),
    ).json
    unsold = grip("billing", "show", customer, "--json").json
    (anywhere / "grip.toml").write_text(SELLER, encoding="utf-8")
    sold = grip("billing", "show", "ana@example.com", "--json").json
    (row, *_) = grip("audit", "list", "--subject", customer, "--json").json

    assert list(made) == [
        "wallet_id",
        "profile_id",
        "version",
        "name",
        "address",
        "city",
        "postcode",
        "region",
        "country",
        "email",
        "is_business",
        "tax_id",
        "tax_id_kind",
        "tax_id_check",
        "verified",
        "verified_at",
        "consultation",
        "exempt",
        "changed_at",
        "changed_by",
    ]
    assert (made["wallet_id"], made["version"], made["country"]) == (customer, 1, "DE")
    assert (made["address"], made["is_business"]) == (["Weg 1", "Hof, 2"], False)
    assert (made["tax_id"], made["tax_id_check"], made["verified"]) == (None, "none", None)
    assert made["profile_id"].startswith("bill_")
    assert (changed["tax_id"], changed["tax_id_kind"]) == ("DE136695976", "de.vat")
    assert (changed["tax_id_check"], changed["is_business"]) == ("verified", True)
    assert (changed["consultation"], changed["changed_by"]) == ("W1", "eve")
    assert changed["verified_at"].endswith("Z")
    assert unsold == {**changed, "tax": None}
    assert sold["tax"] == {
        "name": "VAT",
        "category": "S",
        "rate_bp": 1900,
        "ground": "home",
        "rule": "de",
        "reason_code": None,
        "reason": None,
    }
    assert (row["action"], row["actor"], row["reason"]) == ("billing.set", "eve", "they wrote")
    assert row["before"]["tax_id_check"] == "none"
    assert row["after"]["tax_id_check"] == "verified"


def test_people_read_a_sentence_and_a_table(grip: Grip, customer: str):
    """Of a wallet without a profile, what to do."""
    missing = grip("billing", "show", customer)
    done = grip(*FIRST, "--person")
    shown = grip("billing", "show", customer).stdout

    assert missing.status == 1
    assert missing.stderr.startswith("error: not_found: ")
    assert f"grip billing set {customer}" in missing.stderr
    assert done.stdout == f"{customer} is billed to Ana GmbH in DE now.\n"
    assert f"Billing of {customer}" in shown
    assert "Weg 1, Hof, 2" in shown


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ((), 2, "invalid_request_error"),
        (("--country", "XX"), 2, "invalid_request_error"),
        (("--tax-id", "DE1"), 2, "invalid_request_error"),
        (("--city", "Berlin"), 1, "conflict"),
    ],
)
def test_what_cannot_be_said_is_an_error_in_one_line(
    grip: Grip, customer: str, words: tuple[str, ...], status: int, code: str
):
    """Nothing to change, words that are wrong, and what is there already."""
    grip(*FIRST)
    refused = grip("billing", "set", customer, *words, "--json")

    assert (refused.status, refused.error["code"]) == (status, code)
