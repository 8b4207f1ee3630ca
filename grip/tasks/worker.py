"""Drives tasks: claims those that are due, does one step of each, and says when to look again.

Any number of workers on any number of nodes: a claim is a lease, and who lost it changes nothing.
A step asks an upstream once. Most tasks wait most of the time, so that what is the same for many is
done once for all of them: claiming, renewing, reading their channels, writing down who waits.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

import structlog

from grip import errors
from grip.clock import Clock
from grip.store import tasks
from grip.store.engine import Database
from grip.store.tasks import Task
from grip.tasks import phases
from grip.tasks.patience import PATIENCE, Patience
from grip.tasks.steps import Steps, Waits

_SLOTS: Final = 1024
"""Steps that one worker does at a time."""

_CLAIMS: Final = 512
"""Tasks that it takes at a time: they are begun in one go, and others wait for that."""

_SLOW: Final = 128
"""So many steps of one channel may outlast a round; with more, its further tasks are put off, or an
upstream that hangs would take all slots from the others."""

_PUT_OFF_US: Final = 10_000_000

log = structlog.get_logger(__name__)

Step = Callable[[Task], Awaitable[Waits | None]]
"""Does one step; returns when to look again where nothing else has changed."""


class Worker:
    """Does what is due, `run` by `run`."""

    def __init__(
        self,
        database: Database,
        steps: Steps,
        *,
        clock: Clock,
        owner: str,
        patience: Patience = PATIENCE,
    ) -> None:
        self._database = database
        self._clock = clock
        self._patience = patience
        self._owner = owner
        self._steps: Mapping[str, Step] = {
            phases.QUEUED: steps.submit,
            phases.SUBMITTING: steps.recover,
            phases.AMBIGUOUS: steps.find,
            phases.SUBMITTED: steps.poll,
            phases.RUNNING: steps.poll,
            phases.CANCELLING: steps.poll,
            phases.FETCHING: steps.fetch,
        }
        self._begin_round = steps.begin_round
        self._running: dict[asyncio.Task[None], Task] = {}
        self._waiting: list[tuple[Task, Waits]] = []

    async def run(self) -> int:
        """Write down who waits, claim what is due, and begin it; return how many began."""
        await self._put_back()
        now_us = self._clock()
        await self._renew(now_us)
        room = _SLOTS - len(self._running)
        if room <= 0:
            return 0
        claimed = await self._claim(min(room, _CLAIMS), now_us)
        self._begin_round()
        for task in claimed:
            work = asyncio.create_task(self._work(task))
            self._running[work] = task
            work.add_done_callback(self._running.pop)
        return len(claimed)

    async def settle(self) -> None:
        """Wait until all that has begun is through, and write it down."""
        while self._running:
            await asyncio.wait(tuple(self._running))
        await self._put_back()

    async def stop(self, within_s: float) -> None:
        """Let what has begun come to its end for so long; the rest is left to its lease."""
        if self._running:
            _, late = await asyncio.wait(tuple(self._running), timeout=within_s)
            for work in late:
                work.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._put_back()

    async def _claim(self, limit: int, now_us: int) -> list[Task]:
        """Take what is due, and put off what would wait for a channel that is slow."""
        slow = Counter(_place(task) for task in self._running.values())
        until_us = now_us + self._patience.lease_us
        off = {"due_us": now_us + _PUT_OFF_US, "lease_owner": None, "lease_until_us": 0}
        async with self._database.write() as connection:
            claimed = await tasks.claim(
                connection, self._owner, now_us=now_us, until_us=until_us, limit=limit
            )
            late = [
                task
                for task in claimed
                if slow[_place(task)] >= _SLOW and task.deadline_us > now_us + _PUT_OFF_US
            ]
            await tasks.put_back(connection, [(task, off) for task in late])
        put_off = {task.id for task in late}
        return [task for task in claimed if task.id not in put_off]

    async def _work(self, task: Task) -> None:
        try:
            waits = await self._steps[task.phase](task)
            if waits is not None:
                self._waiting.append((task, waits))
        except errors.DatabaseUnavailable as error:
            log.warning("task.not_written", task_id=task.id, error=error.detail)
        except Exception:
            # Its lease runs out, and somebody looks at it again.
            log.exception("task.step_failed", task_id=task.id, phase=task.phase)

    async def _renew(self, now_us: int) -> None:
        """Keep the leases of steps that take long, such as a picture that is being drawn."""
        until_us = now_us + self._patience.lease_us
        renew_us = round(self._patience.renew_s * 1_000_000)
        aging = {
            work: task
            for work, task in self._running.items()
            if until_us - task.lease_until_us >= renew_us
        }
        if not aging:
            return
        async with self._database.write() as connection:
            await tasks.renew(connection, aging.values(), until_us)
        for work, task in aging.items():
            if work in self._running:
                self._running[work] = replace(task, lease_until_us=until_us)

    async def _put_back(self) -> None:
        """Write in one go when to look again at tasks of which nothing else has changed."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            async with self._database.write() as connection:
                await tasks.put_back(
                    connection, [(task, waits.values(task)) for task, waits in waiting]
                )
        except errors.DatabaseUnavailable:
            self._waiting += waiting
            raise


def _place(task: Task) -> str:
    """Return whom the steps of a task wait for."""
    return task.channel_id or task.model
