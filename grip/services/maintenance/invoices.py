"""The step `invoices`: bills what was posted on account in the months that are over."""

from typing import Final

from grip.services.context import Context
from grip.services.maintenance import clock, rollup
from grip.services.maintenance.retention import ACTOR
from grip.services.maintenance.step import Done, Run
from grip.services.selling import papers
from grip.store import ledger, maintenance

WHAT: Final = "bill what was credited on account in the months that are over"

_BILLED: Final = "invoices"


async def run(context: Context, how: Run) -> Done:
    """Bill each month since the last one that was billed whole; each wallet once."""
    now_us = context.clock()
    due = await _due(context, now_us)
    posted = [await _posted(context, month) for month in due]
    if how.dry_run:
        return Done(did={"wallets on account": sum(posted)})
    objection = None if how.trusts_clock else await clock.objection(context, now_us)
    if objection is not None:
        return Done(problems=(objection,) if any(posted) else ())
    made = 0
    for number, month in enumerate(due):
        how.told(number, len(due))
        done = await papers.generate(context, month, actor=ACTOR)
        made += len(done.made)
        if done.missing:
            await _remember(context, rollup.before(month), now_us)
            problems = tuple(f"{month}: not billed: {why}" for why in done.missing)
            return Done(did={"invoices": made}, problems=problems)
        await _remember(context, month, now_us)
    return Done(did={"invoices": made})


async def _remember(context: Context, month: str, now_us: int) -> None:
    """Write down that all months up to this one are billed, or were never asked about."""
    async with context.database.write() as connection:
        await maintenance.put(connection, _BILLED, month, now_us)


async def _due(context: Context, now_us: int) -> list[str]:
    """Return the months since the last that was billed; last month alone, where none was."""
    this_month = rollup.month_of(now_us)
    last_month = rollup.before(this_month)
    async with context.database.read() as connection:
        billed = await maintenance.get(connection, _BILLED)
    months = []
    # What is posted on account late still carries its own time, and last month is looked at again.
    month = last_month if billed is None else min(rollup.after(billed), last_month)
    while month < this_month:
        months.append(month)
        month = rollup.after(month)
    return months


async def _posted(context: Context, month: str) -> int:
    from_us, to_us = rollup.month_us(month), rollup.month_us(rollup.after(month))
    async with context.database.read() as connection:
        posted = await ledger.posted_on_account(connection, from_us, to_us)
    return sum(credits_ > 0 for _, credits_ in posted)
