"""A thousand tasks that wait: each is looked at in its time, whatever the others do.

Reports, by the numbers of the survey of other gateways: 17 (rounds of serial polling that took
minutes), 18 (a thousand stuck tasks in front of the queue, and nobody behind them looked at).
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from grip.providers.port import UpstreamRequest
from grip.providers.sandbox import job_of
from grip.providers.task_adapters import TASK_ADAPTERS
from grip.store import tasks
from grip.transport.port import Reply, Timeouts
from tests.tasks.studio import Studio

PACE = TASK_ADAPTERS["sandbox"].facts("image").pace
AGED = 24
"""So many looks, and a task is as seldom looked at as it ever will be."""


class Crowd:
    """Copies of real tasks, whose holds are nobody's; their jobs go on and on, or hang."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.looks: defaultdict[str, list[int]] = defaultdict(list)
        self.failing: set[str] = set()
        self.hanging: set[str] = set()
        self.waiting = 0
        self.opened = asyncio.Event()

    async def send(self, request: UpstreamRequest, _: Timeouts) -> Reply:
        """Note who is looked at and when, in seconds, and answer that it goes on."""
        name = request.url.partition("?")[0].rpartition("/")[2]
        self.looks[name].append(self.studio.clock.now_us // 1_000_000)
        if name in self.hanging:
            self.waiting += 1
            await self.opened.wait()
            self.waiting -= 1
        status, body = (500, b"") if name in self.failing else (200, b'{"status": "running"}')
        return Reply(status=status, headers={"content-type": "application/json"}, body=body)

    async def gather(self, count: int, polls: int = AGED, overdue_s: int = 0) -> list[str]:
        """Let so many wait on a channel of theirs, and be due; return their upstream's names."""
        studio = self.studio
        model = await studio.sell("delay_s=3000", urls=("",))
        begun = await studio.begin(await studio.house.customer(), model)
        await studio.turn()
        one = await studio.find(begun)
        job = job_of(one.upstream_id or "")
        assert job is not None
        due_us = studio.clock.now_us - overdue_s * 1_000_000
        names = []
        async with studio.house.database.write() as connection:
            for number in range(count):
                mark = f"copy_{model}_{number}"
                names.append(msgspec.structs.replace(job, client_id=mark).id)
                marks: dict[str, Any] = {"id": mark, "hold_id": mark, "correlation_id": mark}
                copied = replace(one, **marks, upstream_id=names[-1], polls=polls, due_us=due_us)
                await tasks.insert(connection, copied)
        return names

    def longest_s(self, name: str) -> int:
        """Return the longest time that a task was left alone, up to now."""
        now_s = self.studio.clock.now_us // 1_000_000
        times = [*self.looks[name], now_s]
        return max(later - earlier for earlier, later in itertools.pairwise(times))


@pytest.fixture
async def crowd(studio: Studio) -> AsyncIterator[Crowd]:
    """A crowd that is gone before the books are judged."""
    crowd = Crowd(studio)
    yield crowd
    crowd.opened.set()
    await studio.room.worker.settle()
    await studio.house.run("DELETE FROM task WHERE id LIKE 'copy_%'")


def _count(crowd: Crowd, count: int) -> int:
    """Return how many make a crowd on this engine: inserting them takes its time on PostgreSQL."""
    return count if crowd.studio.house.database.is_sqlite else count // 5


@pytest.mark.parametrize("polls", [4, AGED], ids=["young", "aged"])
async def test_a_thousand_tasks_of_one_account_are_each_looked_at_in_time(
    crowd: Crowd, polls: int, monkeypatch: pytest.MonkeyPatch
):
    """Report 17 (new-api#4244): nobody waits for longer than twice the interval."""
    names = await crowd.gather(_count(crowd, 1_000), polls)
    monkeypatch.setattr(crowd.studio.network, "send", crowd.send)
    interval_s = min(PACE.interval_s * 1.5 ** (polls // 4), PACE.cap_s)
    for _ in range(round(4 * interval_s)):
        await crowd.studio.turn(after_s=1)

    assert min(len(crowd.looks[name]) for name in names) > 1
    assert max(crowd.longest_s(name) for name in names) <= 2 * interval_s


async def test_a_new_task_is_looked_at_behind_many_that_are_stuck(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
):
    """Report 18 (new-api): 1,200 whose upstream only ever fails, all of them due before it."""
    (new,) = await crowd.gather(1)
    stuck = await crowd.gather(_count(crowd, 1_200), overdue_s=300)
    crowd.failing = set(stuck)
    monkeypatch.setattr(crowd.studio.network, "send", crowd.send)
    for _ in range(20):
        await crowd.studio.turn(after_s=1)

    assert len(crowd.looks[new]) > 2
    assert crowd.longest_s(new) <= 2 * PACE.cap_s


async def test_a_channel_that_hangs_takes_no_slots_from_others(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
):
    """Report 18: 1,200 looks that never end, and who is due after them is looked at in time."""
    (new,) = await crowd.gather(1)
    stuck = await crowd.gather(1_200, overdue_s=300)
    crowd.hanging = set(stuck)
    monkeypatch.setattr(crowd.studio.network, "send", crowd.send)
    worker = crowd.studio.room.worker
    for _ in range(12):
        crowd.studio.clock.advance(1)
        await worker.run()
        while len(worker._running) > crowd.waiting:  # noqa: ASYNC110 - nobody tells who waits
            await asyncio.sleep(0)

    assert crowd.waiting < len(stuck)
    assert len(crowd.looks[new]) > 1
    assert crowd.longest_s(new) <= 2 * PACE.cap_s
