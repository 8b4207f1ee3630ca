"""The step `retention`: deletes what its rule says is over (`store/retention.py`), and no more.

Details go only once the month of their call is the sum of its rows, and their day is once more, in
this moment. Where any month is not, or the clock is not to be believed, nothing is deleted at all.
Every transaction is short, and others have as much time after it as it took.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from grip import failpoints
from grip.clock import to_iso
from grip.services.context import Context
from grip.services.maintenance import clock, rollup
from grip.services.maintenance.pace import Sleep, turn
from grip.services.maintenance.rollup import Verdict
from grip.services.maintenance.step import Done, Run
from grip.store import (
    audit,
    callback_secrets,
    details,
    ended_callbacks,
    payments,
    rollups,
    task_inputs,
)
from grip.store.engine import Connection
from grip.store.proofs.invariant import SHOWN_MAX
from grip.store.rollups import DAY_US

WHAT: Final = "delete what is older than its rule, once rollups and rows agree"

ACTOR: Final = "maintenance"
BATCH_ROWS: Final = 100
STRAY_DAYS: Final = 400
_NOTHING_GOES: Final = (
    "{}: the rollup is not the sum of its rows, so that nothing is deleted; run `grip ledger "
    "verify`, and `grip maintenance rollup` tells the groups"
)
_GAP: Final = (
    "block {} of the rollup does not go on from the one before, so that nothing is deleted: some "
    "are missing; docs/retention.md says how to add all up anew"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Details of calls before `details_us` may go, whose usage is in proven rollups.

    Those are of usage before `proven_us`, up to `proven_seq`.
    """

    details_us: int
    proven_us: int
    proven_seq: int
    inputs_us: int
    callbacks_us: int
    strays_us: int


async def run(
    context: Context, how: Run, *, batch_rows: int = BATCH_ROWS, sleep: Sleep = asyncio.sleep
) -> Done:
    """Delete what is over; in a dry run, count it."""
    now_us = context.clock()
    async with context.database.read() as connection:
        wrong = await _objections(connection)
        terms = await _terms(connection, context, now_us)
        due = await _count(connection, terms)
    if wrong:
        return Done(problems=tuple(wrong))
    objection = None if how.trusts_clock else await clock.objection(context, now_us)
    if objection is not None:
        return Done(problems=(objection,))
    if how.dry_run:
        return Done(did=due)
    await clock.believe(context, now_us)
    if any(due.values()):
        await _record(context, terms, due)
    return await _Sweep(context, how, terms, batch_rows, sleep).run(due["details"])


async def _objections(connection: Connection) -> list[str]:
    """Return why the rollups do not prove what would be deleted."""
    known = await rollup.verdicts(connection)
    months = sorted(month for month, verdict in known.items() if not verdict.agrees)
    gaps = await rollups.gaps(connection)
    return [_NOTHING_GOES.format(month) for month in months] + [_GAP.format(n) for n in gaps]


async def _terms(connection: Connection, context: Context, now_us: int) -> Terms:
    chosen = context.settings.retention
    newest = await rollups.last(connection)
    proven_us = await _proven_us(connection, now_us)
    return Terms(
        details_us=min(now_us - chosen.detail_days * DAY_US, proven_us),
        proven_us=proven_us,
        proven_seq=0 if newest is None else newest.last_seq,
        inputs_us=now_us - chosen.detail_days * DAY_US,
        callbacks_us=now_us - chosen.callback_days * DAY_US,
        strays_us=now_us - STRAY_DAYS * DAY_US,
    )


async def _proven_us(connection: Connection, now_us: int) -> int:
    """Return the time before which all months are over and the sum of their rows."""
    oldest_us = await details.oldest_us(connection)
    known = await rollup.verdicts(connection)
    this_month = rollup.month_of(now_us)
    month = rollup.month_of(now_us if oldest_us is None else oldest_us)
    while month < this_month:
        newest = await rollup.newest_block(connection, month)
        if newest is not None and not rollup.is_verified(known.get(month), newest):
            break
        month = rollup.after(month)
    return rollup.month_us(month)


async def _count(connection: Connection, terms: Terms) -> dict[str, int]:
    return {
        "details": await details.count(connection, terms.details_us),
        "task inputs": await task_inputs.count(connection, terms.inputs_us),
        "callbacks": await ended_callbacks.count(connection, terms.callbacks_us),
        "payment events": await payments.count_strays(connection, terms.strays_us),
    }


async def _record(context: Context, terms: Terms, due: dict[str, int]) -> None:
    """Write down, before anything goes, what is to go: the steps that follow may be cut off."""
    async with context.database.write() as connection:
        await audit.append(
            connection,
            at_us=context.clock(),
            actor=ACTOR,
            action="maintenance.retention",
            subject="details",
            after={
                **due,
                "details_before": to_iso(terms.details_us),
                "task_inputs_before": to_iso(terms.inputs_us),
                "callbacks_before": to_iso(terms.callbacks_us),
                "payment_events_before": to_iso(terms.strays_us),
            },
        )


class _Sweep:
    """One run of deletions."""

    def __init__(
        self, context: Context, how: Run, terms: Terms, batch_rows: int, sleep: Sleep
    ) -> None:
        self._context = context
        self._how = how
        self._terms = terms
        self._batch_rows = batch_rows
        self._sleep = sleep

    async def run(self, due: int) -> Done:
        gone, wrong = await self._details(due)
        if wrong:
            return Done(did={"details": gone}, problems=tuple(wrong))
        terms = self._terms
        did = {"details": gone, "routes": await self._routes()}
        did["task inputs"] = await self._all(
            lambda c: task_inputs.wipe(c, terms.inputs_us, self._context.clock(), self._batch_rows)
        )
        did["callbacks"] = await self._all(
            lambda c: ended_callbacks.forget(c, terms.callbacks_us, self._batch_rows)
        )
        did["payment events"] = await self._all(
            lambda c: payments.forget_strays(c, terms.strays_us, self._batch_rows)
        )
        async with self._context.database.write() as connection:
            did["secrets"] = await callback_secrets.forget(connection, terms.callbacks_us)
        return Done(did=did)

    async def _details(self, due: int) -> tuple[int, list[str]]:
        """Delete day by day, each once it was compared; return how many, and what is wrong."""
        async with self._context.database.read() as connection:
            at_us = await details.oldest_us(connection)
        gone = 0
        while at_us is not None and at_us < self._terms.details_us:
            day = rollups.day_of(at_us)
            wrong = await rollup.differences(self._context, day, rollups.next_day(day))
            if wrong:
                verdict = Verdict(agrees=False, block=0)
                await rollup.remember(self._context, day[:7], verdict)
                return gone, [_NOTHING_GOES.format(day), *wrong[:SHOWN_MAX]]
            end_us = min(rollups.day_us(day) + DAY_US, self._terms.details_us)
            gone = await self._day(at_us, end_us, gone, due)
            at_us = end_us
        return gone, []

    async def _day(self, from_us: int, to_us: int, gone: int, due: int) -> int:
        after: details.Place | None = None
        while True:
            async with self._context.database.read() as connection:
                page = await details.page(
                    connection, from_us, to_us, after=after, limit=self._batch_rows
                )
            if not page:
                return gone
            gone += await self._one(partial(self._delete, page))
            after = page[-1]
            self._how.told(gone, due)

    async def _delete(self, page: list[details.Place], connection: Connection) -> int:
        terms = self._terms
        return await details.delete(
            connection, page, proven_us=terms.proven_us, proven_seq=terms.proven_seq
        )

    async def _routes(self) -> int:
        """Delete the routes that no detail names: they are seen again within hours of each."""
        async with self._context.database.read() as connection:
            oldest_us = await details.oldest_us(connection)
        before_us = self._terms.details_us
        if oldest_us is not None:
            before_us = min(before_us, oldest_us)
        before_us -= DAY_US
        return await self._all(lambda c: details.delete_routes(c, before_us, self._batch_rows))

    async def _all(self, sweep: Callable[[Connection], Awaitable[int]]) -> int:
        gone = 0
        while True:
            swept = await self._one(sweep)
            gone += swept
            if swept < self._batch_rows:
                return gone

    async def _one(self, sweep: Callable[[Connection], Awaitable[int]]) -> int:
        """Do one transaction, and let others have the database for as long as it took."""
        async with turn(self._sleep):
            async with self._context.database.write() as connection:
                swept = await sweep(connection)
                failpoints.hit("retention.before_commit")
            failpoints.hit("retention.after_commit")
        return swept
