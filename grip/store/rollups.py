"""Usage by the day: blocks of rows are added to it, and days are compared with their rows.

Rows below the stable mark never change, so that they are summed before the transaction that writes
the sums, which is short. Nano-credits are summed as quotients and remainders.
"""

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.money.amounts import NANO
from grip.store.proofs.invariant import total
from grip.store.tables import DAY_KEY, DAY_NANOS, DAY_SUMS, rollup_block, usage, usage_day

DAY_US: Final = 86_400_000_000
_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
_FIGURES: Final = tuple(column.name for column in usage_day.c if column.name not in DAY_KEY)

Group = dict[str, Any]
"""A row of `usage_day`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The rows of usage from `first_seq` to `last_seq`, which are so many."""

    number: int
    first_seq: int
    last_seq: int
    first_us: int
    last_us: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A group whose day is not the sum of its rows; a side is None where it has no such group."""

    key: tuple[str, ...]
    rolled: Group | None
    raw: Group | None

    def __str__(self) -> str:
        """Name the group, and each figure that differs, with both values."""
        day, wallet, key, model, channel = self.key
        name = f"{day}, {wallet}, {key}, {model}, {channel or 'no channel'}"
        if self.rolled is None or self.raw is None:
            there, calls = (
                ("rolled up", self.rolled["calls"])
                if self.rolled is not None
                else ("in usage", (self.raw or {}).get("calls", 0))
            )
            return f"{name}: {calls} calls are only {there}"
        told = [
            f"{figure} {self.rolled[figure]} is rolled up, its rows make {self.raw[figure]}"
            for figure in _FIGURES
            if self.rolled[figure] != self.raw[figure]
        ]
        return f"{name}: {'; '.join(told)}"


async def last(connection: AsyncConnection) -> Block | None:
    """Return the newest block, None before the first."""
    query = sa.select(rollup_block).order_by(rollup_block.c.number.desc()).limit(1)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Block(**row)


async def gaps(connection: AsyncConnection) -> list[int]:
    """Return the numbers of blocks that do not go on from the one before: others are missing."""
    number, end = rollup_block.c.number, rollup_block.c.last_seq
    chained = sa.select(
        number,
        rollup_block.c.first_seq,
        sa.func.lag(number, 1, 0).over(order_by=number).label("number_before"),
        sa.func.lag(end, 1, 0).over(order_by=number).label("end_before"),
    ).subquery()
    goes_on = sa.and_(
        chained.c.number == chained.c.number_before + 1,
        chained.c.first_seq == chained.c.end_before + 1,
    )
    query = sa.select(chained.c.number).where(~goes_on).order_by(chained.c.number)
    return list((await connection.execute(query)).scalars())


async def newest_within(connection: AsyncConnection, from_us: int, to_us: int) -> int | None:
    """Return the number of the newest block that may have rows of [from, to), None for none."""
    query = sa.select(sa.func.max(rollup_block.c.number)).where(*_overlaps(from_us, to_us))
    found: int | None = (await connection.execute(query)).scalar_one()
    return found


async def seq_from(connection: AsyncConnection, at_us: int) -> int:
    """Return a `seq` that no row of usage from the time `at_us` on is below, as blocks tell.

    0 where they tell nothing.
    """
    reaching = sa.select(sa.func.min(rollup_block.c.number)).where(rollup_block.c.last_us >= at_us)
    first = (await connection.execute(reaching)).scalar_one()
    query = sa.select(sa.func.coalesce(sa.func.max(rollup_block.c.last_seq), -1) + 1)
    if first is not None:
        query = query.where(rollup_block.c.number < first)
    return int((await connection.execute(query)).scalar_one())


async def span(connection: AsyncConnection) -> tuple[int, int] | None:
    """Return the times of the earliest and the latest row in all blocks, None without any."""
    query = sa.select(sa.func.min(rollup_block.c.first_us), sa.func.max(rollup_block.c.last_us))
    first_us, last_us = (await connection.execute(query)).one()
    return None if first_us is None else (first_us, last_us)


async def waiting(connection: AsyncConnection, after_seq: int) -> int:
    """Return how many rows there are behind `after_seq`."""
    query = sa.select(sa.func.count()).select_from(usage).where(usage.c.seq > after_seq)
    return int((await connection.execute(query)).scalar_one())


async def cut(
    connection: AsyncConnection, before: Block | None, mark: int, *, rows: int
) -> Block | None:
    """Return the block that follows, of at most so many rows up to `mark`; None where none do."""
    after_seq = 0 if before is None else before.last_seq
    page = (
        sa.select(usage.c.seq, usage.c.created_us)
        .where(usage.c.seq > after_seq, usage.c.seq <= mark)
        .order_by(usage.c.seq)
        .limit(rows)
        .subquery()
    )
    query = sa.select(
        sa.func.max(page.c.seq).label("last_seq"),
        sa.func.min(page.c.created_us).label("first_us"),
        sa.func.max(page.c.created_us).label("last_us"),
        sa.func.count().label("rows"),
    )
    found = (await connection.execute(query)).mappings().one()
    if not found["rows"]:
        return None
    number = 1 if before is None else before.number + 1
    return Block(number=number, first_seq=after_seq + 1, **found)


async def sums(
    connection: AsyncConnection,
    first_seq: int,
    last_seq: int,
    *,
    from_us: int | None = None,
    to_us: int | None = None,
) -> list[Group]:
    """Return what the rows from `first_seq` to `last_seq`, at [from, to), come to, by their key."""
    day = (usage.c.created_us // DAY_US).label("day")
    keys = [day, *(usage.c[name] for name in DAY_KEY[1:])]
    bought = sa.func.coalesce(usage.c.buy_cost_nano, 0)
    unknown = sa.case((usage.c.buy_cost_nano.is_(None), 1), else_=0)
    query = (
        sa.select(
            *keys,
            sa.func.count().label("calls"),
            *(total(usage.c[name]).label(name) for name in DAY_SUMS),
            *_split(usage.c.cost_nano, "cost"),
            *_split(bought, "buy"),
            total(unknown).label("unknown_buy"),
        )
        .where(usage.c.seq.between(first_seq, last_seq))
        .group_by(*keys)
        .order_by(*keys)
    )
    if from_us is not None:
        query = query.where(usage.c.created_us >= from_us)
    if to_us is not None:
        query = query.where(usage.c.created_us < to_us)
    return [_group(row) for row in (await connection.execute(query)).mappings()]


async def add(connection: AsyncConnection, block: Block, groups: list[Group]) -> bool:
    """Add a block's sums to their days; False, and nothing, where another node has.

    The block's row comes first: whoever is second waits for it, and then has it in its way.
    """
    insert: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    row = insert(rollup_block).values(asdict(block)).on_conflict_do_nothing()
    if (await connection.execute(row)).rowcount != 1:
        return False
    statement = insert(usage_day)
    new = statement.excluded
    changes = {name: usage_day.c[name] + new[name] for name in ("calls", *DAY_SUMS, "unknown_buy")}
    for whole, nano in DAY_NANOS:
        rest = usage_day.c[nano] + new[nano]
        changes[whole] = usage_day.c[whole] + new[whole] + rest // NANO
        changes[nano] = rest % NANO
    await connection.execute(
        statement.on_conflict_do_update(index_elements=DAY_KEY, set_=changes), groups
    )
    return True


async def differences(connection: AsyncConnection, from_day: str, to_day: str) -> list[Difference]:
    """Return the groups of the days of [from, to) that are not the sum of their rows.

    In a frozen transaction. Rows count as far as they are in blocks.
    """
    raw = {_key(group): group for group in await _raw(connection, day_us(from_day), day_us(to_day))}
    query = sa.select(usage_day).where(usage_day.c.day >= from_day, usage_day.c.day < to_day)
    found = (await connection.execute(query)).mappings()
    rolled = {_key(row): dict(row) for row in found}
    return [
        Difference(key=key, rolled=rolled.get(key), raw=raw.get(key))
        for key in sorted(raw.keys() | rolled.keys())
        if rolled.get(key) != raw.get(key)
    ]


async def calls(connection: AsyncConnection, from_day: str, to_day: str) -> dict[str, int]:
    """Return how many calls were rolled up of each day of [from, to) that has any."""
    query = (
        sa.select(usage_day.c.day, total(usage_day.c.calls).label("calls"))
        .where(usage_day.c.day >= from_day, usage_day.c.day < to_day)
        .group_by(usage_day.c.day)
    )
    return {row.day: row.calls for row in await connection.execute(query)}


async def _raw(connection: AsyncConnection, from_us: int, to_us: int) -> list[Group]:
    query = sa.select(
        sa.func.min(rollup_block.c.first_seq), sa.func.max(rollup_block.c.last_seq)
    ).where(*_overlaps(from_us, to_us))
    first_seq, last_seq = (await connection.execute(query)).one()
    if first_seq is None:
        return []
    return await sums(connection, first_seq, last_seq, from_us=from_us, to_us=to_us)


def day_of(at_us: int) -> str:
    """Return the day of a time, in UTC."""
    return dt.date.fromordinal(_EPOCH + at_us // DAY_US).isoformat()


def next_day(day: str) -> str:
    """Return the day that follows."""
    return day_of(day_us(day) + DAY_US)


def day_us(day: str) -> int:
    """Return when a day begins."""
    return (dt.date.fromisoformat(day).toordinal() - _EPOCH) * DAY_US


def _overlaps(from_us: int, to_us: int) -> tuple[sa.ColumnElement[bool], ...]:
    return rollup_block.c.first_us < to_us, rollup_block.c.last_us >= from_us


def _split(nano: sa.ColumnElement[Any], name: str) -> list[sa.Label[int]]:
    return [
        total(nano // NANO).label(f"{name}_credits"),
        total(nano % NANO).label(f"{name}_nano"),
    ]


def _group(row: sa.RowMapping) -> Group:
    group = dict(row)
    group["day"] = day_of(group["day"] * DAY_US)
    for whole, nano in DAY_NANOS:
        more, group[nano] = divmod(group[nano], NANO)
        group[whole] += more
    return group


def _key(group: Any) -> tuple[str, ...]:
    return tuple(group[name] for name in DAY_KEY)
