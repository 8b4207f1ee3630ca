"""A step that takes long keeps its task, as long as its worker goes on."""

import asyncio

import pytest

from grip.providers.port import UpstreamRequest
from grip.transport.port import Reply, Timeouts
from tests.tasks.studio import EACH, Studio


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
