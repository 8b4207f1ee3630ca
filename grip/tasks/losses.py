"""What the operator pays for without being paid: tasks that ended before their upstream did.

A task that ran out of time is over for its owner, and stays so whatever its upstream makes of it
later; that is looked for now and then, and written down as the operator's. Nothing here can write
to a task or to a wallet.
"""

import asyncio
from typing import Final

import structlog

from grip.clock import Clock
from grip.providers.port import Report
from grip.providers.task_port import Snapshot, Unclear
from grip.store import losses
from grip.store.engine import Database
from grip.store.losses import Lost as Row
from grip.store.tasks import Task
from grip.tasks.ending import Lost, buy_cost_nano
from grip.tasks.fetching import count
from grip.tasks.looking import Looking

LATE: Final = "late"
"""Its upstream finished after it was over."""

BILLED: Final = "billed"
"""Its upstream charges for a failure: it was stopped, or finished without a result."""

UNFETCHED: Final = "unfetched"
"""It was made, and could not be fetched."""

UNKNOWN: Final = "unknown"
"""Nobody knows whether its upstream took it."""

AFTER_S: Final = (5 * 60, 30 * 60, 2 * 3600, 12 * 3600, 24 * 3600)
"""When a task that ran out of time is asked after: each counted from the look before."""

_AT_ONCE: Final = 20
_LEASE_US: Final = 300 * 1_000_000

log = structlog.get_logger(__name__)


def lost(task: Task, reason: str, report: Report | None = None) -> Lost:
    """Return a loss that is known: of what the upstream counted, else of what was asked for."""
    return Lost(reason=reason, used=count(task, report or Report()).usage)


def watched(task: Task) -> Lost | None:
    """Return what has an upstream asked after, None where there is nothing to ask for."""
    if task.upstream_id is None:
        return None
    return Lost(used=count(task, Report()).usage, after_s=AFTER_S[0])


class Losses:
    """Asks after tasks that ran out of time, `run` by `run`."""

    def __init__(self, database: Database, looking: Looking, *, clock: Clock) -> None:
        self._database = database
        self._looking = looking
        self._clock = clock

    async def run(self) -> int:
        """Ask after those that are due; return how many. Raises DatabaseUnavailable."""
        now_us = self._clock()
        async with self._database.write() as connection:
            claimed = await losses.claim(
                connection, now_us=now_us, until_us=now_us + _LEASE_US, limit=_AT_ONCE
            )
        seen = await asyncio.gather(*(self._looking.look(one.task) for one in claimed))
        for row, answer in zip(claimed, seen, strict=True):
            await self._write(row, answer)
        return len(claimed)

    async def _write(self, row: Row, seen: Snapshot | Unclear) -> None:
        reason = _reason(seen)
        if reason is not None and isinstance(seen, Snapshot):
            await self._settle(row, reason, seen.usage)
            return
        is_over = isinstance(seen, Snapshot) and seen.error is not None
        async with self._database.write() as connection:
            if is_over or row.loss.looks >= len(AFTER_S):
                await losses.drop(connection, row.loss)
            else:
                later_us = self._clock() + AFTER_S[row.loss.looks] * 1_000_000
                await losses.put_off(connection, row.loss, later_us)

    async def _settle(self, row: Row, reason: str, report: Report) -> None:
        cost_nano = buy_cost_nano(row.task, count(row.task, report).usage)
        async with self._database.write() as connection:
            is_ours = await losses.settle(
                connection,
                row.loss,
                reason=reason,
                buy_cost_nano=cost_nano,
                seen_us=self._clock(),
            )
        if is_ours:
            log.warning(
                "task.lost_money",
                task_id=row.task.id,
                channel=row.task.channel,
                reason=reason,
                buy_cost_nano=cost_nano,
            )


def _reason(seen: Snapshot | Unclear) -> str | None:
    """Return what an answer makes of a task that is over: None where it is no loss, or not yet."""
    if isinstance(seen, Unclear):
        return None
    if seen.error is not None:
        return BILLED if seen.billed else None
    if seen.state != "completed":
        return None
    return LATE if seen.results else BILLED
