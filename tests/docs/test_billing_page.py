"""The page on billing and tax: its configuration loads, its commands work, its tables are whole."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from grip import settings
from grip.cli.main import app
from grip.money import tax
from grip.money.tax import Customer, Rule, Seller

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "billing.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ grip (.+)$", PAGE, re.MULTILINE)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the configuration of the page, and no database yet."""
    blocks = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "grip.toml").write_text("\n".join(blocks), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for variable in ("GRIP_CONFIG", "GRIP_DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def test_every_command_of_the_page_works_in_its_order(place: Path):
    """And leads to a business in France that owes the tax itself."""
    shown: dict[str, Any] = {}
    for command in COMMANDS:
        done = CliRunner().invoke(app, shlex.split(command), prog_name="grip")
        assert done.exit_code == 0, f"{command}\n{done.output}"
        if "--json" in command:
            shown = json.loads(done.stdout)

    assert len(COMMANDS) == 5
    assert (shown["version"], shown["tax_id"], shown["tax_id_check"]) == (
        3,
        "FR40303265045",
        "verified",
    )
    assert shown["tax"]["ground"] == "reverse_charge"
    assert shown["tax"]["reason"] == "Reverse charge"


def _column(heading: str) -> list[str]:
    """Return the words in the first column of the table that has this heading."""
    table = PAGE.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def test_the_tables_of_the_page_are_whole():
    """Each check and each ground of a decision is there, and none is made up."""
    home, abroad = Seller(country="DE"), Seller(country="US")
    german = Rule(key="de", country="DE", name="VAT", rate_bp=1900)
    french = replace(german, key="fr", country="FR")
    firm = Customer(country="FR", is_business=True, tax_id="1", id_check=tax.VERIFIED)
    sales = [
        (home, Customer(country="DE")),
        (home, firm),
        (home, Customer(country="US")),
        (home, Customer(country="FR")),
        (home, Customer(country="IT")),
        (abroad, Customer(country="JP")),
    ]
    grounds = [
        tax.decide([german, french], seller, customer, "2026-01-01", 1).evidence.ground
        for seller, customer in sales
    ]

    assert _column("ground") == grounds
    assert _column("check") == [tax.NONE, tax.UNKNOWN, tax.CHECKSUM, tax.VERIFIED]


def test_the_defaults_of_the_page_are_those_of_the_program(place: Path):
    """Strict, and the seller of the page."""
    loaded = settings.load(place / "grip.toml", {})

    assert loaded.tax.ids == "strict"
    assert loaded.seller.country == "DE"
    assert list(loaded.taxes) == ["de", "fr"]
