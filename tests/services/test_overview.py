"""What goes on at this moment, as `grip top` shows it."""

from dataclasses import replace

from grip.ids import IdSource
from grip.money.amounts import NANO
from grip.services import accounts, channels, wallets
from grip.services.context import Context
from grip.services.overview import Watch, describe
from grip.settings import load
from grip.store.engine import Database
from tests.conftest import FakeClock
from tests.services.till import Till

DOLLAR = 1000 * NANO


async def test_the_calls_of_the_last_minute_are_counted_by_model_and_channel(context: Context):
    """The busiest model first; a channel without calls is there too."""
    for name in ("one", "two"):
        await channels.add(context, channels.Draft(name=name, kind="sandbox"), actor="test")
    till = Till(context)
    await till.ring(DOLLAR, 0, model="gpt", latency_ms=100, attempts=1, input_tokens=3)
    await till.ring(DOLLAR, 0, model="gpt", latency_ms=300, attempts=2, output_tokens=4)
    await till.ring(2 * DOLLAR, 0, model="art", latency_ms=200, attempts=1)
    told = describe(await Watch(context).look())

    assert (told["calls"], told["retried"], told["cost_usd"]) == (3, 1, "4")
    assert (told["input_tokens"], told["output_tokens"]) == (3, 4)
    assert (told["p50_ms"], told["p95_ms"]) == (200, 300)
    assert [(one["model"], one["calls"], one["p50_ms"]) for one in told["models"]] == [
        ("gpt", 2, 100),
        ("art", 1, 200),
    ]
    assert {one["channel"]: one["calls"] for one in told["channels"]} == {"one": 3, "two": 0}


async def test_what_is_older_than_the_window_is_gone_at_the_next_look(context: Context):
    """And a call that was counted is not read again."""
    now_us = context.clock()
    till = Till(context)
    await till.ring(DOLLAR, 0, created_us=now_us - 61_000_000)
    await till.ring(DOLLAR, 0, created_us=now_us - 59_000_000)
    moments = [now_us, now_us, now_us + 30_000_000]
    watch = Watch(replace(context, clock=lambda: moments.pop(0)))
    first = await watch.look()
    await till.ring(DOLLAR, 0, created_us=now_us + 1)
    second = await watch.look()
    third = await watch.look()

    assert [look.traffic.calls for look in (first, second, third)] == [1, 2, 1]


async def test_calls_that_are_committed_after_later_ones_are_counted(
    postgres_url: str, clock: FakeClock
):
    """PostgreSQL numbers rows before they are committed; each call is counted once."""
    database = Database(postgres_url)
    context = Context(database=database, settings=load(environ={}), clock=clock, ids=IdSource())
    till, watch, counted = Till(context), Watch(context), []
    async with database.write() as before_all:
        await till.put(before_all, DOLLAR, 0)
        await till.ring(DOLLAR, 0)
        async with database.write() as between:
            await till.put(between, DOLLAR, 0)
            await till.ring(DOLLAR, 0)
            counted.append((await watch.look()).traffic.calls)
        counted.append((await watch.look()).traffic.calls)
    counted += [(await watch.look()).traffic.calls for _ in range(2)]
    await database.close()

    assert counted == [2, 3, 4, 4]


async def test_money_and_what_is_open_are_of_all_wallets(context: Context):
    """Without a call, all of it is nothing."""
    none = describe(await Watch(context).look())
    for name in ("ana", "ben"):
        await accounts.create(context, actor="test", email=f"{name}@example.com")
        await wallets.credit(context, f"{name}@example.com", 500, actor="test", reason="test")
    told = describe(await Watch(context).look())

    assert (none["calls"], none["p95_ms"], none["oldest_call_s"]) == (0, 0, None)
    assert none["balance"] == none["open_calls"] == none["tasks"] == none["callbacks"] == 0
    assert told["balance"] == none["balance"] + 2 * (500 + context.settings.credits.signup)
    assert (told["held"], told["debt"]) == (0, 0)
