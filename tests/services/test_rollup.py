"""Usage by the day: equal to its rows, added once, and verified by the month."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from grip import errors, failpoints
from grip.money.amounts import NANO
from grip.services.context import Context
from grip.services.maintenance import rollup
from grip.services.maintenance.step import Run
from grip.store import marks, rollups
from grip.store.engine import Database
from grip.store.tables import rollup_block, usage, usage_day, usage_month
from tests.conftest import FakeClock
from tests.services.till import Till

OCTOBER = 1_790_812_800_000_000  # 2026-10-01
NOVEMBER = 1_793_491_200_000_000
DAY_S = 86_400


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(OCTOBER)


@pytest.fixture
def till(context: Context) -> Till:
    return Till(context)


async def days(database: Database, table: sa.FromClause = usage_day) -> list[dict[str, Any]]:
    async with database.read() as connection:
        found = (await connection.execute(sa.select(table))).mappings()
        return sorted((dict(row) for row in found), key=lambda row: str(list(row.values())[:5]))


async def change(database: Database, statement: str) -> None:
    async with database.write() as connection:
        await connection.execute(sa.text(statement))


async def test_a_day_is_the_sum_of_its_rows_to_the_nano_credit(
    context: Context, till: Till, clock: FakeClock
):
    """By wallet, key, model and channel; sums beyond 63 bits of nano-credits are exact."""
    huge = 9_000_000_000 * NANO + NANO - 1
    await till.ring(huge, huge, input_tokens=3, latency_ms=20)
    await till.ring(huge, None, input_tokens=4, estimated=1)
    await till.ring(7, 5, model="other")
    clock.advance(DAY_S)
    await till.ring(1, 0, key_id="y")
    done = await rollup.run(context, Run())

    found = await days(context.database)
    first = found[0]
    months = await days(context.database, usage_month)
    assert done.did["calls"] == 4
    assert [(row["day"], row["key_id"], row["model"], row["calls"]) for row in found] == [
        ("2026-10-01", "x", "gpt", 2),
        ("2026-10-01", "x", "other", 1),
        ("2026-10-02", "y", "gpt", 1),
    ]
    assert (first["cost_credits"], first["cost_nano"]) == (18_000_000_001, NANO - 2)
    assert (first["buy_credits"], first["buy_nano"]) == (9_000_000_000, NANO - 1)
    assert (first["unknown_buy"], first["estimated"], first["input_tokens"]) == (1, 1, 7)
    assert (months[0]["month"], months[0]["cost_credits"]) == ("2026-10", 18_000_000_001)
    assert sum(row["calls"] for row in months) == 4


async def test_rows_are_added_once_in_however_many_blocks(context: Context, till: Till):
    """A second run finds nothing, and one block follows the other without a gap."""
    for number in range(7):
        await till.ring(NANO // 3, number)
    first = await rollup.run(context, Run(), block_rows=3)
    await till.ring(NANO // 3, 1)
    dry = await rollup.run(context, Run(dry_run=True))
    second = await rollup.run(context, Run(), block_rows=3)
    third = await rollup.run(context, Run(), block_rows=3)

    async with context.database.read() as connection:
        blocks = (await connection.execute(sa.select(rollup_block))).all()
    (row,) = await days(context.database)
    assert [done.did["calls"] for done in (first, dry, second, third)] == [7, 1, 1, 0]
    assert [block.rows for block in blocks] == [3, 3, 1, 1]
    assert [b.first_seq for b in blocks[1:]] == [b.last_seq + 1 for b in blocks[:-1]]
    assert (row["calls"], row["cost_credits"], row["cost_nano"]) == (8, 2, 666_666_664)


async def test_two_nodes_at_once_add_each_row_once(context: Context, till: Till):
    """Whoever is second with a block does nothing, and goes on with the next."""
    for _ in range(12):
        await till.ring(1, 1)
    done = await asyncio.gather(*(rollup.run(context, Run(), block_rows=2) for _ in range(3)))

    (row,) = await days(context.database)
    assert row["calls"] == 12
    assert sum(one.did["calls"] for one in done) == 12


async def test_a_block_with_many_groups_is_made_smaller(
    context: Context, till: Till, monkeypatch: pytest.MonkeyPatch
):
    """So that no call waits long behind the transaction that writes them."""
    monkeypatch.setattr(rollup, "_GROUPS_MAX", 2)
    for number in range(9):
        await till.ring(1, 1, key_id=f"key_{number}")
    await rollup.run(context, Run(), block_rows=8)

    async with context.database.read() as connection:
        sizes = (await connection.execute(sa.select(rollup_block.c.rows))).scalars().all()
    assert (max(sizes), sum(sizes), len(await days(context.database))) == (2, 9, 9)


async def test_blocks_grow_again_behind_one_with_many_groups(
    context: Context, till: Till, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
):
    """A midnight doubles the groups of its block: the day behind it is added in large ones."""
    monkeypatch.setattr(rollup, "_GROUPS_MAX", 4)
    for day in range(2):
        for number in range(90):
            await till.ring(1, 1, key_id=f"key_{number % 3}")
        clock.advance(DAY_S * (1 - day))
    await rollup.run(context, Run(), block_rows=20)

    async with context.database.read() as connection:
        sizes = (await connection.execute(sa.select(rollup_block.c.rows))).scalars().all()
    behind = sizes[next(at for at, size in enumerate(sizes) if size < 20) :]
    assert (sum(sizes), sizes[:4]) == (180, [20] * 4)
    assert behind.count(20) >= 2


async def test_what_is_killed_before_its_commit_is_added_by_the_next(context: Context, till: Till):
    """The block's row and its sums are one transaction."""
    for _ in range(4):
        await till.ring(1, 1)

    def fail() -> None:
        raise ConnectionAbortedError

    failpoints.arm("rollup.before_commit", fail)
    with pytest.raises(errors.DatabaseUnavailable):
        await rollup.run(context, Run(), block_rows=2)
    failpoints.disarm()
    assert await days(context.database) == []

    await rollup.run(context, Run(), block_rows=2)
    assert (await days(context.database))[0]["calls"] == 4


async def test_a_month_is_verified_when_it_is_over_and_again_for_late_rows(
    context: Context, till: Till, clock: FakeClock
):
    """The month that runs is not; a row that comes behind the verdict asks for a new one."""
    await till.ring(1, 1)
    running = await rollup.run(context, Run())
    clock.now_us = NOVEMBER
    over, again = [await rollup.run(context, Run()) for _ in range(2)]
    await till.ring(1, 1, created_us=NOVEMBER - 1)
    late = await rollup.run(context, Run())

    assert [done.did["months"] for done in (running, over, again, late)] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "UPDATE usage_day SET input_tokens = input_tokens + 1",
            "2026-10-01, x, x, gpt, ch_1: input_tokens 1 is rolled up, its rows make 0",
        ),
        ("DELETE FROM usage_day", "2026-10-01, x, x, gpt, ch_1: 2 calls are only in usage"),
        (
            "UPDATE usage_day SET model = 'other'",
            "2026-10-01, x, x, other, ch_1: 2 calls are only rolled up",
        ),
    ],
)
async def test_a_group_that_differs_is_told_with_both_figures_until_it_agrees(
    context: Context, till: Till, clock: FakeClock, statement: str, sentence: str
):
    """The month is asked about again with every run."""
    for _ in range(2):
        await till.ring(1, 1)
    await rollup.run(context, Run())
    (row,) = await days(context.database)
    await change(context.database, statement)
    clock.now_us = NOVEMBER
    told = [await rollup.run(context, Run()) for _ in range(2)]
    await change(context.database, "DELETE FROM usage_day")
    async with context.database.write() as connection:
        await connection.execute(sa.insert(usage_day).values(row))
    mended = await rollup.run(context, Run())

    assert told[0] == told[1]
    assert sentence in told[0].problems
    assert (mended.did["months"], mended.problems) == (1, ())


async def test_a_row_that_is_still_being_written_is_waited_for(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
):
    """On PostgreSQL the smaller of two numbers may be committed last; nobody is held up by that."""
    monkeypatch.setattr(marks, "WAIT_S", 0.3)
    database = Database(postgres_url)
    till = Till(Context(database=database, settings=None, clock=lambda: OCTOBER, ids=None))  # type: ignore[arg-type]
    async with database.write() as slow:
        await slow.execute(sa.text("LOCK TABLE usage IN ROW EXCLUSIVE MODE"))
        empty = await _mark(database)
        await till.ring(1, 1)
        with pytest.raises(errors.DatabaseUnavailable, match="run it again"):
            await _mark(database)
    mark = await _mark(database)
    await database.close()

    assert (empty, mark) == (0, 1)


async def _mark(database: Database) -> int:
    async with database.read() as connection:
        return await marks.stable(connection, usage)


def test_days_and_months_are_those_of_utc():
    """To the microsecond, over the end of a year."""
    end = rollups.day_us("2027-01-01")

    assert [rollups.day_of(end - 1), rollups.day_of(end)] == ["2026-12-31", "2027-01-01"]
    assert rollup.after(rollup.month_of(end - 1)) == rollup.month_of(end) == "2027-01"
