"""Callbacks that were delivered or given up: counted, and deleted with their attempts."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store.callbacks import PENDING
from grip.store.tables import callback, callback_attempt


async def count(connection: AsyncConnection, before_us: int) -> int:
    """Return how many callbacks ended before then."""
    query = sa.select(sa.func.count()).select_from(callback).where(*_has_ended(before_us))
    return int((await connection.execute(query)).scalar_one())


async def forget(connection: AsyncConnection, before_us: int, limit: int) -> int:
    """Delete callbacks that ended before then with their attempts, so many at the most.

    Return how many. One that somebody replays in this moment stays.
    """
    chosen = (
        sa.select(callback.c.id)
        .where(*_has_ended(before_us))
        .order_by(callback.c.created_us)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list((await connection.execute(chosen)).scalars())
    if ids:
        attempts_ = sa.delete(callback_attempt).where(callback_attempt.c.callback_id.in_(ids))
        await connection.execute(attempts_)
        await connection.execute(sa.delete(callback).where(callback.c.id.in_(ids)))
    return len(ids)


def _has_ended(before_us: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        callback.c.created_us < before_us,  # there is an index, and none ends before it began
        callback.c.state != PENDING,
        callback.c.ended_us < before_us,
    )
