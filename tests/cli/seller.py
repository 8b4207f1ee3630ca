"""A seller's configuration and a customer, for the tests of orders, invoices and reconciling."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Grip = Callable[..., Any]

SELLER = """
[seller]
name = "Grip GmbH"
address = ["Hauptstraße 1"]
city = "Berlin"
postcode = "10117"
country = "DE"
tax_id = "DE136695976"
[taxes.de]
country = "DE"
rate = "19"
"""
WHY = ("--reason", "the money is there", "--actor", "eve")


def open_shop(grip: Grip, place: Path, more: str = "") -> str:
    """Write the configuration, and make Ana with a profile in Berlin; return her wallet."""
    (place / "grip.toml").write_text(SELLER + more, encoding="utf-8")
    made = grip("accounts", "create", "--email", "ana@example.com", "--json").json
    grip(
        *("billing", "set", "ana@example.com", "--name", "Ana Müller", "--address", "Weg 1"),
        *("--city", "Berlin", "--postcode", "10115", "--country", "DE"),
    )
    return str(made["wallet_id"])


def paid(grip: Grip, *words: str) -> str:
    """Make an order of the package growth and approve it; return its id."""
    made = grip("orders", "create", "ana@example.com", "--package", "growth", *words, "--json")
    order = str(made.json["id"])
    assert grip("orders", "approve", order, "--evidence", "bank 17", *WHY).status == 0
    return order
