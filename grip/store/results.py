"""The rows of `task_result`: what tasks made, and until when it is kept."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store.rows import record
from grip.store.tables import task_result

Place = tuple[int, str, int]
"""Where a row stands among those that are due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One result: kept under `key`, or passed on from the vendor's `url`.

    A `url` that begins with `/` is a path of the vendor's API, which takes the channel's key; any
    other takes none. `sha256` is empty where nobody read it whole; `expires_us` is None where it is
    kept for ever, and `deleted_us` where it is not deleted.
    """

    task_id: str
    n: int
    key: str | None
    url: str | None
    content_type: str
    size: int
    sha256: str
    created_us: int
    expires_us: int | None
    deleted_us: int | None = None

    def is_over(self, now_us: int) -> bool:
        """Whether it may not be read any more, deleted already or not."""
        due_us = self.expires_us
        return self.deleted_us is not None or (due_us is not None and due_us <= now_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A result whose time is over."""

    task_id: str
    n: int
    key: str | None
    expires_us: int

    @property
    def place(self) -> Place:
        """Where it stands among those that are due."""
        return self.expires_us, self.task_id, self.n


async def put(connection: AsyncConnection, rows: Iterable[Result]) -> None:
    """Write the results of a task, in the transaction that completes it."""
    values = [asdict(row) for row in rows]
    if values:
        await connection.execute(sa.insert(task_result), values)


async def of_task(connection: AsyncConnection, task_id: str) -> list[Result]:
    """Return all results of a task in their order, those that are over among them."""
    query = sa.select(task_result).where(task_result.c.task_id == task_id).order_by(task_result.c.n)
    return [record(Result, row) for row in (await connection.execute(query)).mappings()]


async def find(connection: AsyncConnection, task_id: str, n: int) -> Result | None:
    """Return one result, None where there is none; its `is_over` is for the caller to ask."""
    query = sa.select(task_result).where(task_result.c.task_id == task_id, task_result.c.n == n)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else record(Result, row)


async def expire(connection: AsyncConnection, task_id: str, now_us: int) -> int:
    """End the time of a task's results now, as its owner asked; return how many that concerned."""
    late = sa.or_(task_result.c.expires_us.is_(None), task_result.c.expires_us > now_us)
    mine = sa.and_(task_result.c.task_id == task_id, task_result.c.deleted_us.is_(None), late)
    done = await connection.execute(sa.update(task_result).where(mine).values(expires_us=now_us))
    return done.rowcount


async def due(
    connection: AsyncConnection, now_us: int, *, after: Place | None, limit: int
) -> list[Due]:
    """Return results whose time is over, in the order of their times, those behind `after`."""
    places = (task_result.c.expires_us, task_result.c.task_id, task_result.c.n)
    query = (
        sa.select(task_result.c.key, *places)
        .where(task_result.c.deleted_us.is_(None), task_result.c.expires_us <= now_us)
        .order_by(*places)
        .limit(limit)
    )
    if after is not None:
        query = query.where(sa.tuple_(*places) > sa.tuple_(*map(sa.literal, after)))
    return [record(Due, row) for row in (await connection.execute(query)).mappings()]


async def mark_deleted(connection: AsyncConnection, rows: Iterable[Due], now_us: int) -> int:
    """Note that they are gone, unless another node has; return how many notes are this one's."""
    marked = 0
    for row in rows:
        mine = sa.and_(
            task_result.c.task_id == row.task_id,
            task_result.c.n == row.n,
            task_result.c.deleted_us.is_(None),
        )
        done = await connection.execute(
            sa.update(task_result).where(mine).values(deleted_us=now_us)
        )
        marked += done.rowcount
    return marked
