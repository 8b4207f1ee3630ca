"""Small facts about the database itself, by name."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store.tables import account, channel, meta, model


async def get(connection: AsyncConnection, name: str) -> str | None:
    """Return the fact, None where it was never told."""
    return (
        await connection.execute(sa.select(meta.c.value).where(meta.c.name == name))
    ).scalar_one_or_none()


async def put(connection: AsyncConnection, name: str, value: str) -> None:
    """Tell a fact that was not told before."""
    await connection.execute(sa.insert(meta).values(name=name, value=value))


async def is_empty(connection: AsyncConnection) -> bool:
    """Whether nobody has put anything into the database yet."""
    found = [
        (await connection.execute(sa.select(sa.exists().select_from(table)))).scalar_one()
        for table in (account, channel, model)
    ]
    return not any(found)
