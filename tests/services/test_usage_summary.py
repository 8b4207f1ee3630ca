"""What was sold by the day, rolled up or not yet."""

from typing import Any

import pytest

from grip import errors
from grip.clock import from_iso
from grip.money.amounts import NANO
from grip.services import accounts, channels
from grip.services.context import Context
from grip.services.maintenance import rollup
from grip.services.maintenance.step import Run
from grip.services.usage_summary import summary
from tests.services.till import Till

DOLLAR = 1000 * NANO
OCTOBER, NOVEMBER = from_iso("2026-10-31"), from_iso("2026-11-01")


@pytest.fixture
async def till(context: Context) -> Till:
    """Three calls on both sides of a month's end."""
    made = Till(context)
    await made.ring(2 * DOLLAR, DOLLAR, created_us=OCTOBER, model="gpt", input_tokens=3)
    await made.ring(DOLLAR + 1, None, created_us=NOVEMBER - 1, model="art", images=2)
    await made.ring(4 * DOLLAR, DOLLAR, created_us=NOVEMBER, model="gpt", output_tokens=5)
    return made


def _short(found: list[dict[str, Any]], by: str) -> list[tuple[Any, ...]]:
    return [(row[by], row["calls"], row["cost_usd"]) for row in found]


async def test_a_summary_is_the_same_before_between_and_after_the_rollup(
    context: Context, till: Till
):
    """Rows that are not rolled up are counted as they are."""
    before = await summary(context, by="day")
    await rollup.run(context, Run())
    after = await summary(context, by="day")
    await till.ring(DOLLAR, 0, created_us=NOVEMBER + 1)
    between = await summary(context, by="day")

    assert _short(before, "day") == [("2026-11-01", 1, "4"), ("2026-10-31", 2, "3.000000000001")]
    assert after == before
    assert _short(between, "day")[0] == ("2026-11-01", 2, "5")
    assert (after[1]["unknown_buy"], after[1]["buy_cost_usd"], after[1]["images"]) == (1, "1", 2)


@pytest.mark.usefixtures("till")
async def test_a_summary_is_by_what_was_asked_for(context: Context):
    """Months newest first, the others by what they brought; names beside ids."""
    channel = await channels.add(context, channels.Draft(name="one", kind="sandbox"), actor="test")
    await Till(context).ring(
        9 * DOLLAR, 0, request_id="req_x", channel_id=channel.id, created_us=NOVEMBER
    )

    assert _short(await summary(context, by="month"), "month") == [
        ("2026-11", 2, "13"),
        ("2026-10", 2, "3.000000000001"),
    ]
    assert _short(await summary(context, by="model"), "model") == [
        ("gpt", 3, "15"),
        ("art", 1, "1.000000000001"),
    ]
    by_channel = await summary(context, by="channel")
    assert [(row["channel_id"], row["channel"]) for row in by_channel] == [
        (channel.id, "one"),
        ("ch_1", None),
    ]


async def test_a_summary_is_of_one_wallet_and_of_whole_days(context: Context, till: Till):
    """A time within a day is refused."""
    ana = await accounts.create(context, actor="test", email="ana@example.com")
    await till.ring(DOLLAR, 0, created_us=NOVEMBER, wallet_id=ana.wallet_id)
    hers = await summary(context, by="wallet", wallet="ana@example.com")
    october = await summary(context, by="day", to_us=NOVEMBER)
    november = await summary(context, by="day", from_us=NOVEMBER)
    await rollup.run(context, Run())

    assert [(row["wallet_id"], row["wallet"], row["calls"]) for row in hers] == [
        (ana.wallet_id, "ana@example.com", 1)
    ]
    assert [row["day"] for row in october] == ["2026-10-31"]
    assert [row["day"] for row in november] == ["2026-11-01"]
    assert await summary(context, by="day", to_us=NOVEMBER) == october
    assert await summary(context, by="day", from_us=NOVEMBER) == november
    assert await summary(context, by="wallet", wallet="ana@example.com") == hers
    with pytest.raises(errors.InvalidRequest, match="whole days"):
        await summary(context, by="day", from_us=NOVEMBER + 1)
