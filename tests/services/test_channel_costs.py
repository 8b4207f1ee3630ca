from typing import Any

import pytest

from grip.errors import NotFound
from grip.money.pricing import Rates
from grip.services import channel_costs, channels, models
from grip.services.audit import list_audit
from grip.services.context import Context
from grip.store import catalog
from grip.store.records import Catalog

USUAL = Rates(input_nano=5, output_nano=9)


@pytest.fixture
async def wares(context: Context) -> Context:
    """A channel, and a model with a buy price and an alias."""
    await channels.add(context, channels.Draft(name="one", kind="sandbox"), actor="eve")
    draft = models.Draft(name="gpt", type="chat", aliases=["best"], buy=USUAL)
    await models.add(context, draft, actor="eve")
    return context


async def _catalog(context: Context) -> Catalog:
    async with context.database.read() as connection:
        return await catalog.load(connection)


async def test_a_channel_takes_what_the_model_costs_unless_it_says_otherwise(wares: Context):
    """Its own rates stand for the whole: what it does not name, it does not take."""
    usual = await channel_costs.get(wares, "one", "gpt")
    own = await channel_costs.change(wares, "one", "best", {"input": 3}, actor="eve")

    assert (usual.own, usual.rates) == (None, USUAL)
    assert own.rates == Rates(input_nano=3)
    assert await channel_costs.get(wares, "one", "gpt") == own


async def test_rates_that_are_not_named_stay_and_the_last_that_goes_takes_the_row(wares: Context):
    """Then the model's cost holds again."""
    await channel_costs.change(wares, "one", "gpt", {"input": 3, "output": 4}, actor="eve")
    less = await channel_costs.change(wares, "one", "gpt", {"input": None}, actor="eve")
    none = await channel_costs.change(wares, "one", "gpt", {"output": None}, actor="eve")

    assert less.rates == Rates(output_nano=4)
    assert (none.own, none.rates) == (None, USUAL)


async def test_the_catalog_moves_with_a_cost(wares: Context):
    """Every worker reads it again."""
    before = await _catalog(wares)
    changed = await channel_costs.change(wares, "one", "gpt", {"input": 3}, actor="eve")
    after = await _catalog(wares)

    assert after.version > before.version
    assert after.buy(changed.channel.id, changed.model) == Rates(input_nano=3)
    assert before.buy(changed.channel.id, changed.model) == USUAL
    assert after.buy("ch_other", changed.model) == USUAL


async def test_an_audit_row_says_what_it_was_and_is(wares: Context):
    """Under the channel; a change that changes nothing leaves none."""
    for rates in ({"input": 3_000}, {"input": 3_000}, {"input": None}):
        await channel_costs.change(wares, "one", "gpt", rates, actor="eve", reason="deal")
    channel = await channels.get(wares, "one")
    rows: list[Any] = await list_audit(wares, subject=channel.id)

    assert [row.action for row in rows] == ["channel.cost", "channel.cost", "channel.add"]
    assert (rows[1].before, rows[1].after["model"]) == (None, "gpt")
    assert rows[1].after["input"] == rows[0].before["input"] == "0.003"
    assert (rows[0].after, rows[0].reason) == (None, "deal")


async def test_a_channel_that_goes_takes_its_costs_along(wares: Context):
    """One of the same name begins anew."""
    await channel_costs.change(wares, "one", "gpt", {"input": 3}, actor="eve")
    await channels.remove(wares, "one", actor="eve")

    assert (await _catalog(wares)).costs == {}


@pytest.mark.parametrize(("channel", "model"), [("two", "gpt"), ("one", "gpt-5")])
async def test_a_channel_or_model_that_is_not_there_is_named(
    wares: Context, channel: str, model: str
):
    """Nothing is written."""
    with pytest.raises(NotFound):
        await channel_costs.change(wares, channel, model, {"input": 3}, actor="eve")
    assert (await _catalog(wares)).costs == {}


async def test_the_audit_row_of_a_channel_that_goes_says_what_it_took(wares: Context):
    """Nothing else knows it any more."""
    await channel_costs.change(wares, "one", "gpt", {"input": 3_000}, actor="eve")
    await channels.remove(wares, "one", actor="eve")
    rows: list[Any] = await list_audit(wares)

    assert rows[0].action == "channel.remove"
    assert rows[0].before["costs"] == {"gpt": {"input": "0.003"}}
