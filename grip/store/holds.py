"""The rows of `holds`, beside the request path: what is held for a call under way."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store import rows
from grip.store.records import Hold
from grip.store.tables import holds


async def find(connection: AsyncConnection, request_id: str) -> Hold | None:
    """Return what is held for a call, None where nothing is any more."""
    query = sa.select(holds).where(holds.c.request_id == request_id)
    found = (await connection.execute(query)).mappings().one_or_none()
    return None if found is None else rows.record(Hold, found)
