import asyncio
from pathlib import Path
from typing import Any

import pytest

from grip.clock import system_clock
from grip.ids import IdSource
from grip.services.context import Context
from grip.settings import load
from grip.store.engine import Database
from tests.services.till import Till

PRICES = ("--input", "2", "--output", "8", "--cost-input", "3", "--cost-output", "4")


async def _ring(url: str, *sold: dict[str, Any]) -> None:
    database = Database(url)
    settings = load(environ={})
    till = Till(Context(database=database, settings=settings, clock=system_clock, ids=IdSource()))
    for row in sold:
        await till.ring(**row)
    await database.close()


@pytest.fixture
def sold(grip, database_url: str) -> None:
    """A model on a channel, and two calls of it; the second has no buy cost."""
    grip("channels", "add", "one", "--kind", "sandbox")
    grip("models", "add", "gpt", "--type", "chat", *PRICES)
    first = {"cost_nano": 2_000_000, "buy_cost_nano": 3_000_000, "input_tokens": 1}
    second = {"cost_nano": 8_000_000, "buy_cost_nano": None, "output_tokens": 1}
    asyncio.run(_ring(database_url, first | {"created_us": 10}, second | {"created_us": 20}))


@pytest.mark.usefixtures("sold")
def test_exposure_marks_losses_and_names_them_first(grip):
    """Before any traffic, in dollars; a model without a channel is told as well."""
    grip("models", "add", "draw", "--type", "rerank", "--input", "0.04")
    lost, dark, earned = grip("margin", "exposure", "--json").json
    lines = grip("margin", "exposure").stdout.splitlines()

    assert (lost["model"], lost["channel"], lost["unit"]) == ("gpt", "one", "input")
    assert (lost["sell"], lost["buy"], lost["margin"], lost["loses"]) == ("2", "3", "-1", True)
    assert (dark["model"], dark["channel_id"], dark["loses"]) == ("draw", None, None)
    assert (earned["unit"], earned["margin"], earned["loses"]) == ("output", "4", False)
    assert [line.split()[0] for line in lines[2:]] == ["LOSS", "no", "ok"]
    assert "million input tokens" in lines[2]


@pytest.mark.usefixtures("sold")
def test_margin_is_shown_by_model_channel_or_wallet(grip):
    """By model untold; times narrow it."""
    (model,) = grip("margin", "--json").json
    (channel,) = grip("margin", "--by", "channel", "--json").json
    (wallet,) = grip("margin", "--by", "wallet", "--json").json
    none = grip("margin", "--from", "2026-01-31", "--to", "2026-02-01")

    assert (model["model"], model["calls"], model["margin_nano"]) == ("gpt", 2, -1_000_000)
    assert (model["percent"], model["unknown_calls"]) == ("-50.00", 1)
    assert (channel["channel"], wallet["wallet_id"]) == ("one", "x")
    assert none.stdout == "No charged calls.\n"
    assert "-0.000001" in grip("margin").stdout
    assert grip("margin", "--by", "colour", "--json").error["code"] == "invalid_request_error"


def test_an_option_before_the_command_is_refused(grip):
    """Rather than dropped."""
    answer = grip("margin", "--by", "wallet", "exposure")

    assert answer.status == 2
    assert "options go after the command: grip margin exposure" in answer.stderr


@pytest.mark.usefixtures("sold")
def test_a_price_list_is_simulated_and_nothing_is_changed(grip, anywhere: Path):
    """The table has the models with a total, then the customers."""
    (anywhere / "new.toml").write_text('[models.gpt]\ninput = "5"\n')
    before = grip("models", "show", "gpt", "--json").json
    found = grip("models", "simulate", "new.toml", "--json").json
    table = grip("models", "simulate", "new.toml", "--from", "1970-01-01").stdout

    (model,) = found["models"]
    assert (model["model"], model["calls"], model["change_usd"]) == ("gpt", 2, "0.000003")
    assert (model["before"]["margin_nano"], model["after"]["margin_nano"]) == (
        -1_000_000,
        2_000_000,
    )
    assert found["total"]["change_nano"] == found["customers"][0]["change_nano"] == 3_000_000
    assert "(all)" in table
    assert "owner" in table
    assert grip("models", "show", "gpt", "--json").json == before


def test_a_price_list_that_is_wrong_is_refused_with_its_key(grip, anywhere: Path):
    """So is one that is not there, or names a model that there is not."""
    path = anywhere / "new.toml"
    missing = grip("models", "simulate", "new.toml", "--json").error
    path.write_text('[models.gpt]\ncost_input = "5"\n')
    unknown = grip("models", "simulate", "new.toml", "--json").error
    path.write_text('[models.gpt]\ninput = "5"\n')
    no_model = grip("models", "simulate", "new.toml", "--json").error

    assert missing["message"] == "new.toml: cannot be read: No such file or directory"
    assert unknown["message"].startswith("new.toml: models.gpt.cost_input: is not known")
    assert no_model["code"] == "not_found"
