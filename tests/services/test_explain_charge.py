"""What `grip explain` tells of a charge where nothing but its row of usage is there."""

from typing import Any

import pytest

from grip.money.entries import CRASH_VOID
from grip.money.pricing import Rates
from grip.services import explain, models
from grip.services.context import Context
from tests.services.till import Till

SELL = Rates(input_nano=10, output_nano=40, cached_input_nano=1)
USED = {"input_tokens": 100, "cached_input_tokens": 30, "output_tokens": 5}
COST_NANO = 70 * 10 + 30 * 1 + 5 * 40


@pytest.fixture
async def price_id(context: Context) -> str:
    """The price of `gpt`."""
    draft = models.Draft(name="gpt", type="chat", sell=SELL)
    made = await models.add(context, draft, actor="eve")
    assert made.price is not None
    return made.price.id


async def _charge(context: Context, cost_nano: int, **row: Any) -> Any:
    await Till(context).ring(cost_nano, None, **{**USED, **row})
    life = explain.describe(await explain.find(context, "req_1"))
    assert "no longer there" in life["missing"][0]
    return life["charge"]


async def test_a_charge_that_its_price_makes_agrees(context: Context, price_id: str):
    """Line by line; what is read from a cache is no input besides."""
    charge = await _charge(context, COST_NANO, price_id=price_id)

    assert [(line["unit"], line["units"], line["nano"]) for line in charge["lines"]] == [
        ("input", 70, 700),
        ("cached_input", 30, 30),
        ("output", 5, 200),
    ]
    assert (charge["computed_nano"], charge["agrees"], charge["note"]) == (COST_NANO, True, "")


async def test_an_estimate_below_its_price_was_capped(context: Context, price_id: str):
    """It never passes what was held."""
    charge = await _charge(context, COST_NANO - 1, price_id=price_id, estimated=1)

    assert (charge["agrees"], charge["computed_nano"]) == (True, COST_NANO)
    assert "up to what was held" in charge["note"]


@pytest.mark.parametrize("cost_nano", [COST_NANO - 1, COST_NANO + 1])
async def test_a_charge_that_its_price_does_not_make_is_told(
    context: Context, price_id: str, cost_nano: int
):
    """In the words of `grip ledger verify`."""
    charge = await _charge(context, cost_nano, price_id=price_id)

    assert not charge["agrees"]
    assert charge["note"].startswith(f"req_1: it was charged {cost_nano} nano-credits")


async def test_a_charge_without_its_price_is_told_as_such(context: Context):
    """There is nothing to compute it from."""
    charge = await _charge(context, 5, price_id="price_9")

    assert (charge["lines"], charge["computed_nano"], charge["agrees"]) == ([], None, False)
    assert "no price version price_9" in charge["note"]


async def test_a_call_whose_process_died_has_no_lines(context: Context, price_id: str):
    """Nothing was charged, whatever was counted."""
    charge = await _charge(context, 0, price_id=price_id, status=CRASH_VOID)

    assert (charge["lines"], charge["agrees"]) == ([], True)
    assert charge["note"] == "its process died; nothing was charged"
