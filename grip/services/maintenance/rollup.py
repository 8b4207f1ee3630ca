"""The step `rollup`: usage is added up by the day, and months that are over are verified.

Block by block, each in a transaction of its own: who is killed between two goes on where it was. A
month that is not the sum of its rows is remembered, and while there is one nothing is deleted
(`retention.py`). Refuses to mend anything.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from grip import failpoints
from grip.services.context import Context
from grip.services.maintenance.pace import Sleep, turn
from grip.services.maintenance.step import Done, Run
from grip.store import maintenance, marks, rollups
from grip.store.engine import Connection
from grip.store.proofs.invariant import SHOWN_MAX
from grip.store.rollups import Block, Group
from grip.store.snapshot import freeze
from grip.store.tables import usage

WHAT: Final = "add up usage by the day, and compare the months that are over with their rows"

BLOCK_ROWS: Final = 20_000
"""How many rows are added up at once, at the most."""

_GROUPS_MAX: Final = 250
"""What one transaction writes, so that no call waits long behind it."""

_VERIFIED_CALLS: Final = 50_000
"""How many calls are compared at once, about."""

MONTH: Final = "month:"
_AGREES: Final = "agrees"
_DISAGREES: Final = "disagrees"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a month was the sum of its rows, as far as those of block `block`."""

    agrees: bool
    block: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Added:
    """How many rows this run has added, none where another node has; and what to try next."""

    mine: int
    next_rows: int


async def run(
    context: Context, how: Run, *, block_rows: int = BLOCK_ROWS, sleep: Sleep = asyncio.sleep
) -> Done:
    """Add up all rows that are there for good, and verify what is over and was not yet."""
    database = context.database
    async with database.read() as connection:
        before = await rollups.last(connection)
        waiting = await rollups.waiting(connection, 0 if before is None else before.last_seq)
    if how.dry_run:
        return Done(did={"calls": waiting})
    async with database.read() as connection:
        mark = await marks.stable(connection, usage)
    calls, rows = 0, block_rows
    while (added := await _add_next(context, mark, rows, sleep)) is not None:
        calls += added.mine
        how.told(calls, waiting)
        rows = min(block_rows, added.next_rows)
    months, problems = await _verify(context, how)
    return Done(did={"calls": calls, "months": months}, problems=tuple(problems))


async def _add_next(context: Context, mark: int, rows: int, sleep: Sleep) -> _Added | None:
    """Add the next block of so many rows at the most, or of fewer with many groups.

    Return what became of it, None where there is nothing left.
    """
    async with context.database.read() as connection:
        found = await _next(connection, mark, rows)
    if found is None:
        return None
    async with turn(sleep):
        return await _add(context, *found)


async def _next(connection: Connection, mark: int, rows: int) -> tuple[Block, list[Group]] | None:
    before = await rollups.last(connection)
    while (block := await rollups.cut(connection, before, mark, rows=rows)) is not None:
        groups = await rollups.sums(connection, block.first_seq, block.last_seq)
        if len(groups) <= _GROUPS_MAX or rows <= _GROUPS_MAX:
            return block, groups
        rows = min(rows // 2, _fitting(rows, groups))
    return None


def _fitting(rows: int, groups: list[Group]) -> int:
    """Return how many rows have groups for one transaction, where so many rows have `groups`."""
    return max(rows * _GROUPS_MAX // len(groups), _GROUPS_MAX)


async def _add(context: Context, block: Block, groups: list[Group]) -> _Added:
    async with context.database.write() as connection:
        is_mine = await rollups.add(connection, block, groups)
        failpoints.hit("rollup.before_commit")
    failpoints.hit("rollup.after_commit")
    return _Added(mine=block.rows if is_mine else 0, next_rows=_fitting(block.rows, groups))


async def _verify(context: Context, how: Run) -> tuple[int, list[str]]:
    """Verify the months that are due; return how many agree, and what is wrong with others."""
    agreeing = 0
    problems: list[str] = []
    for month in await due(context):
        wrong = await verify(context, month, how)
        problems += wrong
        agreeing += not wrong
    return agreeing, problems


async def due(context: Context) -> list[str]:
    """Return the months that are over and not known to be the sum of their rows."""
    this_month = month_of(context.clock())
    async with context.database.read() as connection:
        reach = await rollups.span(connection)
        if reach is None:
            return []
        known = await verdicts(connection)
        months = []
        month, end = month_of(reach[0]), min(this_month, after(month_of(reach[1])))
        while month < end:
            newest = await newest_block(connection, month)
            if newest is not None and not is_verified(known.get(month), newest):
                months.append(month)
            month = after(month)
    return months


async def verify(context: Context, month: str, how: Run) -> list[str]:
    """Compare a month with its rows, and remember the verdict; return what is wrong."""
    end = f"{after(month)}-01"
    async with context.database.read() as connection:
        newest = await newest_block(connection, month) or 0
        calls = await rollups.calls(connection, f"{month}-01", end)
    wrong: list[str] = []
    count = 0
    for number, (first, until) in enumerate(spans := _spans(f"{month}-01", end, calls)):
        how.told(number, len(spans))
        found = await differences(context, first, until)
        count += len(found)
        wrong += found[: SHOWN_MAX - len(wrong)]
    await remember(context, month, Verdict(agrees=not count, block=newest))
    if count > len(wrong):
        wrong.append(
            f"{month}: {count} groups are not the sum of their rows, {len(wrong)} are told"
        )
    return wrong


def _spans(day: str, end: str, calls: Mapping[str, int]) -> list[tuple[str, str]]:
    """Split the days up to `end`, so that each part has about `_VERIFIED_CALLS` of them."""
    spans = []
    first, many = day, 0
    while day < end:
        many += calls.get(day, 0)
        day = rollups.next_day(day)
        if many >= _VERIFIED_CALLS or day == end:
            spans.append((first, day))
            first, many = day, 0
    return spans


async def differences(context: Context, from_day: str, to_day: str) -> list[str]:
    """Return what of the days of [from, to) is not the sum of its rows, of one state of both."""
    async with context.database.read() as connection:
        await freeze(connection)
        found = await rollups.differences(connection, from_day, to_day)
    return [str(one) for one in found]


async def verdicts(connection: Connection) -> dict[str, Verdict]:
    """Return what is known of months, by their names."""
    found = await maintenance.under(connection, MONTH)
    return {
        month: Verdict(agrees=value["verdict"] == _AGREES, block=value["block"])
        for month, value in found.items()
    }


async def remember(context: Context, month: str, verdict: Verdict) -> None:
    """Write down whether a month is the sum of its rows."""
    value = {"verdict": _AGREES if verdict.agrees else _DISAGREES, "block": verdict.block}
    async with context.database.write() as connection:
        await maintenance.put(connection, MONTH + month, value, context.clock())


def is_verified(verdict: Verdict | None, newest: int) -> bool:
    """Return whether a verdict is a good one, and of all blocks of its month."""
    return verdict is not None and verdict.agrees and verdict.block >= newest


async def newest_block(connection: Connection, month: str) -> int | None:
    """Return the number of the newest block with rows of a month, None where it has none."""
    return await rollups.newest_within(connection, month_us(month), month_us(after(month)))


def month_of(at_us: int) -> str:
    """Return the month of a time, such as 2026-10."""
    return rollups.day_of(at_us)[:7]


def month_us(month: str) -> int:
    """Return when a month begins."""
    return rollups.day_us(f"{month}-01")


def after(month: str) -> str:
    """Return the month that follows."""
    year, number = map(int, month.split("-"))
    return f"{year + number // 12:04}-{number % 12 + 1:02}"


def before(month: str) -> str:
    """Return the month that precedes."""
    return month_of(month_us(month) - 1)
