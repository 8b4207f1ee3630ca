"""Drives tasks: claims those that are due, does one step of each, and says when to look again.

Any number of workers on any number of nodes: a claim is a lease, and who lost it changes nothing.
A step asks an upstream once. What is learnt of many tasks that wait is written in one transaction.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from grip import errors
from grip.clock import Clock
from grip.store import tasks
from grip.store.engine import Database
from grip.store.tasks import Task
from grip.tasks import phases
from grip.tasks.steps import Steps, Waits

LEASE_US: Final = 60_000_000
"""How long a worker may be silent before others take over its tasks."""

_RENEW_S: Final = 20
_SLOTS: Final = 256
"""Steps that one worker does at a time."""

log = structlog.get_logger(__name__)

Step = Callable[[Task], Awaitable[Waits | None]]
"""Does one step; returns when to look again where nothing else has changed."""


class Worker:
    """Does what is due, `run` by `run`."""

    def __init__(self, database: Database, steps: Steps, *, clock: Clock, owner: str) -> None:
        self._database = database
        self._clock = clock
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
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: list[tuple[Task, Waits]] = []

    async def run(self) -> int:
        """Write down who waits, claim what is due, and begin it; return how many began."""
        await self._put_back()
        room = _SLOTS - len(self._running)
        if room <= 0:
            return 0
        now_us = self._clock()
        async with self._database.write() as connection:
            claimed = await tasks.claim(
                connection, self._owner, now_us=now_us, until_us=now_us + LEASE_US, limit=room
            )
        for task in claimed:
            work = asyncio.create_task(self._work(task))
            self._running.add(work)
            work.add_done_callback(self._running.discard)
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

    async def _work(self, task: Task) -> None:
        renewing = asyncio.create_task(self._renew(task))
        try:
            waits = await self._steps[task.phase](task)
            if waits is not None:
                self._waiting.append((task, waits))
        except errors.DatabaseUnavailable as error:
            log.warning("task.not_written", task_id=task.id, error=error.detail)
        except Exception:
            # Its lease runs out, and somebody looks at it again.
            log.exception("task.step_failed", task_id=task.id, phase=task.phase)
        finally:
            renewing.cancel()

    async def _renew(self, task: Task) -> None:
        """Keep the lease of a step that takes long, such as a picture that is being drawn."""
        while True:
            await asyncio.sleep(_RENEW_S)
            try:
                async with self._database.write() as connection:
                    if not await tasks.renew(connection, task, self._clock() + LEASE_US):
                        return
            except errors.DatabaseUnavailable as error:
                log.warning("task.lease_not_renewed", task_id=task.id, error=error.detail)

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
