from random import Random
from typing import Any

import pytest

from grip.errors import InvalidRequest, NotFound
from grip.money.amounts import NANO
from grip.money.entries import CRASH_VOID
from grip.money.pricing import RATE_NAMES, Rates, Usage, cost_nano
from grip.services import accounts, models, simulate
from grip.services.context import Context
from grip.services.prices import UNITS
from tests.services.till import Till

SELL = Rates(input_nano=10, output_nano=40, cached_input_nano=1, cache_write_nano=13)


@pytest.fixture
async def till(context: Context) -> Till:
    """The models `gpt`, also known as `best`, and `mini` are for sale; nothing was sold yet."""
    for name, aliases in (("gpt", ["best"]), ("mini", [])):
        draft = models.Draft(name=name, type="chat", aliases=aliases, sell=SELL)
        await models.add(context, draft, actor="eve")
    return Till(context)


async def _ring(
    till: Till, used: Usage, buy_nano: int | None = None, sell: Rates = SELL, **more: Any
) -> None:
    counts = used._asdict()
    del counts["requests"]
    await till.ring(cost_nano(sell, used), buy_nano, **counts, **more)


async def test_a_changed_price_is_charged_to_every_unit_sold(till: Till, context: Context):
    """Of the models that are named; the others bring what they brought."""
    await _ring(till, Usage(input_tokens=100, output_tokens=10), 600)
    await _ring(till, Usage(input_tokens=100), 500, model="mini")
    shown = simulate.describe(await simulate.simulate(context, {"best": {"input": 2}}))
    gpt, mini = shown["models"]

    assert (gpt["model"], gpt["calls"], gpt["change_nano"]) == ("gpt", 1, -800)
    assert (gpt["before"]["revenue_nano"], gpt["before"]["margin_nano"]) == (1400, 800)
    assert (gpt["after"]["revenue_nano"], gpt["after"]["margin_nano"]) == (600, 0)
    assert (gpt["before"]["percent"], gpt["after"]["percent"]) == ("57.14", "0.00")
    assert (mini["model"], mini["change_nano"]) == ("mini", 0)
    assert mini["before"] == mini["after"]
    assert shown["total"]["change_usd"] == "-0.0000000008"


async def test_sums_cost_what_the_calls_would_one_by_one(till: Till, context: Context):
    """Of any usage, of more cached tokens than there was input too, at any price."""
    chance = Random(4)  # noqa: S311 - any numbers will do, but the same ones
    calls = [Usage(*(chance.randrange(50) for _ in Usage._fields[:-1])) for _ in range(40)]
    for used in calls:
        await _ring(till, used)
    await _ring(till, Usage(requests=0), status=CRASH_VOID)
    same = await simulate.simulate(context, {"gpt": {}})
    words = {unit.rate: word for word, unit in UNITS.items()}
    rates = Rates(**{name: chance.randrange(1000) for name in RATE_NAMES})
    other = {words[name]: getattr(rates, name) for name in RATE_NAMES}
    bare = {word: None for word in other if word not in {"input", "output"}}

    assert same.total.change_nano == 0
    for named, charged in (
        (other, rates),
        (bare, Rates(input_nano=10, output_nano=40)),
    ):
        found = await simulate.simulate(context, {"gpt": named})
        revenue = found.total.after.revenue_nano
        assert revenue == sum(cost_nano(charged, used) for used in calls)


async def test_customers_are_told_apart_by_their_wallets(till: Till, context: Context):
    """Half-open times narrow it; the lowest margin goes first."""
    ana, bob = [
        await accounts.create(context, actor="eve", email=f"{name}@example.com")
        for name in ("ana", "bob")
    ]
    for at_us in (10, 20, 30):
        await _ring(till, Usage(input_tokens=5), 1, wallet_id=ana.wallet_id, created_us=at_us)
    await _ring(till, Usage(output_tokens=1), 39, wallet_id=bob.wallet_id, created_us=20)
    listed = {"gpt": {"input": 20, "output": 40}}
    found = await simulate.simulate(context, listed, from_us=20, to_us=30)
    shown = simulate.describe(found)["customers"]

    assert [(one["wallet_id"], one["owner"]) for one in shown] == [
        (bob.wallet_id, "bob@example.com"),
        (ana.wallet_id, "ana@example.com"),
    ]
    assert [one["change_nano"] for one in shown] == [0, 50]
    assert [one["after"]["margin_nano"] for one in shown] == [1, 99]


async def test_a_margin_is_not_simulated_where_the_buy_cost_is_unknown(
    till: Till, context: Context
):
    """The revenue is."""
    await _ring(till, Usage(input_tokens=1, output_tokens=NANO))
    found = await simulate.simulate(context, {"gpt": {"output": 41}})
    (shown,) = simulate.describe(found)["models"]

    assert (shown["calls"], shown["unknown_calls"], shown["change_nano"]) == (1, 1, NANO)
    assert shown["before"]["margin_nano"] is shown["after"]["margin_nano"] is None


async def test_nothing_was_sold_and_nothing_would_have_been(till: Till, context: Context):
    """A total of nothing is there all the same."""
    found = await simulate.simulate(context, {"mini": {"input": 1}})

    assert till.rung == 0
    assert (found.models, found.customers, found.total.after.calls) == ([], [], 0)


@pytest.mark.usefixtures("till")
async def test_what_could_not_be_published_is_refused(context: Context):
    """A model that there is not, one that is listed twice, and a price that is not complete."""
    with pytest.raises(NotFound, match="no model 'gtp'"):
        await simulate.simulate(context, {"gtp": {"input": 1}})
    with pytest.raises(InvalidRequest, match="'gpt' is listed twice"):
        await simulate.simulate(context, {"gpt": {}, "best": {}})
    with pytest.raises(InvalidRequest, match="would not be complete"):
        await simulate.simulate(context, {"gpt": {"output": None}})
