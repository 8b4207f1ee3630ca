"""Leases: renewed as long as a step takes, and never after they were given back."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa

from grip.providers.port import UpstreamRequest
from grip.store import tasks
from grip.store.engine import Connection
from grip.transport.port import Reply, Timeouts
from tests.conftest import FakeClock
from tests.tasks.conftest import Shop
from tests.tasks.studio import EACH, Studio

WAITS = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")


async def test_a_step_that_takes_minutes_keeps_its_lease(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
):
    """A picture is drawn for minutes, and no other worker takes the task for one that was left."""
    ana, model = await studio.house.customer(), await studio.sell("")
    task = await studio.begin(ana, model)
    begun, drawn = asyncio.Event(), asyncio.Event()
    send = studio.network.send

    async def draw(request: UpstreamRequest, timeouts: Timeouts) -> Reply:
        begun.set()
        await drawn.wait()
        return await send(request, timeouts)

    monkeypatch.setattr(studio.network, "send", draw)
    await studio.room.worker.run()
    await begun.wait()
    other = studio.open("two")
    for _ in range(12):
        studio.clock.advance(20)
        assert (await studio.room.worker.run(), await other.worker.run()) == (0, 0)
    drawn.set()
    await studio.room.worker.settle()
    ended = await studio.until(task, "completed")

    assert (ended.credits, studio.upstream.posts[task.correlation_id]) == (EACH, 1)


async def test_a_lease_that_was_given_back_or_lost_is_not_renewed(studio: Studio):
    """Else a task would wait for a worker that is done with it."""
    ana, model = await studio.house.customer(), await studio.sell("")
    back, lost, kept = [await studio.begin(ana, model) for _ in range(3)]
    async with studio.house.database.write() as connection:
        now_us = studio.clock()
        held = await tasks.claim(connection, "one", now_us=now_us, until_us=now_us + 5, limit=9)
        gone = {"due_us": now_us, "lease_owner": None, "lease_until_us": 0}
        mine = {task.id: task for task in held}
        assert await tasks.change(connection, mine[back.id], ["queued"], gone)
        await tasks.take(connection, mine[lost.id], "two", now_us + 7)
        await tasks.renew(connection, held, now_us + 9)

    assert (await studio.find(back)).lease_until_us == 0
    assert (await studio.find(lost)).lease_until_us == now_us + 7
    assert (await studio.find(kept)).lease_until_us == now_us + 9


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_many_rows_are_locked_in_the_order_of_their_ids(shop: Shop, clock: FakeClock):
    """Else two workers that write of the same tasks wait for each other for ever."""
    house = shop.house
    ana = await house.customer()
    for _ in range(2):
        await shop.begin(ana)
    async with house.database.write() as connection:
        until_us = 1 << 60
        claimed = await tasks.claim(connection, "one", now_us=until_us, until_us=until_us, limit=2)
    first, last = sorted(claimed, key=lambda one: one.id)
    gone = {"due_us": clock()}

    async def write(work: Callable[[Connection], Awaitable[None]]) -> None:
        async with house.database.write() as connection:
            await work(connection)

    for work in (
        lambda connection: tasks.put_back(connection, [(last, gone), (first, gone)]),
        lambda connection: tasks.renew(connection, [last, first], until_us),
    ):
        async with house.database.write() as holding, house.database.write() as looking:
            await tasks.lock(holding, first.id)
            writing = asyncio.create_task(write(work))
            async with asyncio.timeout(30):
                while not (await looking.execute(WAITS)).scalar_one():
                    pass
                await tasks.lock(looking, last.id)
        await writing
