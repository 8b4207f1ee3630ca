"""The rows of `upstream_event`: which calls of vendors were taken, so that none is taken twice."""

import hashlib

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store.tables import upstream_event


async def take(connection: AsyncConnection, provider: str, event_id: str, now_us: int) -> bool:
    """Write down that a call is taken; returns False where it was before."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    key = hashlib.sha256(event_id.encode(errors="replace")).hexdigest()
    statement = (
        insert(upstream_event)
        .values(provider=provider, id=key, taken_us=now_us)
        .on_conflict_do_nothing()
    )
    return (await connection.execute(statement)).rowcount == 1


async def sweep(connection: AsyncConnection, before_us: int) -> int:
    """Forget calls from before then; return how many."""
    old = sa.delete(upstream_event).where(upstream_event.c.taken_us < before_us)
    return (await connection.execute(old)).rowcount
