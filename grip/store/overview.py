"""What goes on at this moment: the newest charged calls, and what is open.

Each look is by an index. Owns these looks at many tables at once. Refuses to change any.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store import rows
from grip.store.columns import Int
from grip.store.tables import boot, callback, holds, task, usage, wallet

# As it stands in the condition of the index, which a parameter would not match.
_PENDING: Final[sa.ColumnElement[str]] = sa.literal_column("'pending'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One charged call, as far as it is counted."""

    seq: int
    created_us: int
    model: str
    channel: str
    provider: str
    input_tokens: int
    output_tokens: int
    cost_nano: int
    attempts: int
    latency_ms: int
    first_byte_ms: int


_COLUMNS: Final = tuple(usage.c[name] for name in Call.__dataclass_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """What is open: calls under way and their holds, tasks, callbacks, and the money of wallets."""

    workers: int
    hosts: int
    calls: int
    oldest_us: int | None
    held: int
    balance: int
    debt: int
    tasks: int
    callbacks: int


async def calls(
    connection: AsyncConnection, *, since_us: int, after: int | None, limit: int
) -> list[Call]:
    """Return the newest calls charged since a time, at most `limit`, newest first.

    Those of a row of usage up to `after` are not looked at.
    """
    query = sa.select(*_COLUMNS).order_by(usage.c.seq.desc()).limit(limit)
    if after is not None:
        query = query.where(usage.c.seq > after)
    return await _read(connection, query, since_us)


async def some(connection: AsyncConnection, seqs: Collection[int], *, since_us: int) -> list[Call]:
    """Return those of these rows that are there by now, of calls charged since a time."""
    if not seqs:
        return []
    query = sa.select(*_COLUMNS).where(usage.c.seq.in_(seqs)).order_by(usage.c.seq.desc())
    return await _read(connection, query, since_us)


async def standing(connection: AsyncConnection) -> Open:
    """Return what is open now."""
    query = sa.select(
        _one(sa.func.count(), boot.c.ended_us.is_(None)).label("workers"),
        _one(sa.func.count(boot.c.host.distinct()), boot.c.ended_us.is_(None)).label("hosts"),
        _one(_sum(wallet.c.balance)).label("balance"),
        _one(_sum(wallet.c.held)).label("held"),
        _one(_sum(wallet.c.debt)).label("debt"),
        _of(holds, sa.func.count()).label("calls"),
        _one(sa.func.min(holds.c.admitted_us)).label("oldest_us"),
        _of(task, sa.func.count(), task.c.completed_us.is_(None)).label("tasks"),
        _of(callback, sa.func.count(), callback.c.state == _PENDING).label("callbacks"),
    )
    return rows.record(Open, (await connection.execute(query)).mappings().one())


async def _read(connection: AsyncConnection, query: sa.Select[Any], since_us: int) -> list[Call]:
    found = (await connection.execute(query)).mappings()
    return [rows.record(Call, row) for row in found if row["created_us"] >= since_us]


def _sum(column: sa.Column[int]) -> sa.ColumnElement[int]:
    # PostgreSQL sums into NUMERIC.
    return sa.func.coalesce(sa.cast(sa.func.sum(column), Int), 0)


def _one(value: sa.ColumnElement[Any], *where: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    return sa.select(value).where(*where).scalar_subquery()


def _of(
    table: sa.Table, value: sa.ColumnElement[Any], *where: sa.ColumnElement[bool]
) -> sa.ScalarSelect[Any]:
    return sa.select(value).select_from(table).where(*where).scalar_subquery()
