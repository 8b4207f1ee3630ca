from typing import Any

import pytest

from grip.money.amounts import NANO
from grip.services import accounts, channels, margin
from grip.services.context import Context
from tests.services.till import Till

DOLLAR = 1000 * NANO


@pytest.fixture
def till(context: Context) -> Till:
    """Nothing was sold yet."""
    return Till(context)


async def _shown(context: Context, **how: Any) -> list[dict[str, Any]]:
    return [margin.describe(one) for one in await margin.earned(context, **how)]


async def test_the_margin_is_revenue_less_buy_cost_by_model(till: Till, context: Context):
    """To the nano-credit; the percent is rounded down to two decimals."""
    await till.ring(2 * DOLLAR, DOLLAR)
    await till.ring(DOLLAR + 1, DOLLAR)
    (shown,) = await _shown(context)

    assert (shown["model"], shown["calls"], shown["unknown_calls"]) == ("gpt", 2, 0)
    assert (shown["revenue_nano"], shown["revenue_usd"]) == (3 * DOLLAR + 1, "3.000000000001")
    assert (shown["buy_cost_nano"], shown["buy_cost_usd"]) == (2 * DOLLAR, "2")
    assert (shown["margin_nano"], shown["margin_usd"]) == (DOLLAR + 1, "1.000000000001")
    assert shown["percent"] == "33.33"


async def test_the_worst_goes_first_and_the_unknown_last(till: Till, context: Context):
    """A loss of next to nothing is no zero."""
    await till.ring(2 * DOLLAR, DOLLAR, model="good")
    await till.ring(DOLLAR, None, model="dark")
    await till.ring(DOLLAR, DOLLAR + 1, model="bad")
    shown = await _shown(context)

    assert [one["model"] for one in shown] == ["bad", "good", "dark"]
    assert [one["percent"] for one in shown] == ["-0.01", "50.00", None]
    assert [one["margin_usd"] for one in shown] == ["-0.000000000001", "1", None]


async def test_calls_of_unknown_cost_are_counted_apart(till: Till, context: Context):
    """Their revenue is revenue, but neither margin nor part of the percent."""
    await till.ring(2 * DOLLAR, DOLLAR)
    await till.ring(7 * DOLLAR, None)
    (shown,) = await _shown(context)

    assert (shown["calls"], shown["revenue_usd"]) == (2, "9")
    assert (shown["unknown_calls"], shown["unknown_revenue_usd"]) == (1, "7")
    assert (shown["margin_usd"], shown["percent"]) == ("1", "50.00")


async def test_a_call_that_was_free_both_ways_has_no_percent(till: Till, context: Context):
    """What it earned is known all the same: nothing."""
    await till.ring(0, 0)
    (shown,) = await _shown(context)

    assert (shown["margin_nano"], shown["percent"]) == (0, None)


async def test_sums_beyond_an_integer_of_the_database_are_exact(till: Till, context: Context):
    """Three calls of nine million dollars less a nano-credit."""
    most = 9_000_000 * DOLLAR - 1
    for _ in range(3):
        await till.ring(most, most)
    (shown,) = await _shown(context)

    assert shown["revenue_nano"] == shown["buy_cost_nano"] == 3 * most


async def test_by_channel_it_has_the_name_of_today(till: Till, context: Context):
    """One that was removed has the name under which it served, and is one row all the same."""
    draft = channels.Draft(name="now", kind="sandbox")
    channel = await channels.add(context, draft, actor="eve")
    for name in ("then", "now"):
        await till.ring(3, 1, channel_id=channel.id, channel=name)
    await till.ring(2, 1, channel_id="ch_gone", channel="old")
    shown = await _shown(context, by="channel")

    assert [(one["channel_id"], one["channel"]) for one in shown] == [
        ("ch_gone", "old"),
        (channel.id, "now"),
    ]
    assert [one["calls"] for one in shown] == [1, 2]


async def test_by_wallet_it_has_the_owner(till: Till, context: Context):
    """Half-open times narrow it."""
    ana = await accounts.create(context, actor="eve", email="ana@example.com")
    await till.ring(3, 1, wallet_id=ana.wallet_id, created_us=10)
    await till.ring(3, 2, wallet_id=ana.wallet_id, created_us=20)
    await till.ring(3, 3, wallet_id=ana.wallet_id, created_us=30)
    (shown,) = await _shown(context, by="wallet", from_us=20, to_us=30)

    assert (shown["wallet_id"], shown["owner"]) == (ana.wallet_id, "ana@example.com")
    assert (shown["calls"], shown["margin_nano"]) == (1, 1)


async def test_without_usage_there_is_no_margin(context: Context):
    """By whatever it is asked for."""
    assert [await margin.earned(context, by=by) for by in margin.BY] == [[], [], []]
