"""Small facts about the database itself, by name."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
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


async def swap(connection: AsyncConnection, name: str, old: str | None, new: str) -> bool:
    """Tell `new` where `old` was told, None being nothing; return whether it was as said."""
    if old is None:
        insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        fresh = insert(meta).values(name=name, value=new).on_conflict_do_nothing()
        return (await connection.execute(fresh)).rowcount == 1
    change = sa.update(meta).where(meta.c.name == name, meta.c.value == old).values(value=new)
    return (await connection.execute(change)).rowcount == 1


async def replace(connection: AsyncConnection, name: str, value: str) -> None:
    """Tell a fact in place of what was told before, if anything was."""
    insert: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(meta).values(name=name, value=value)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name"], set_={"value": statement.excluded.value}
        )
    )


async def is_empty(connection: AsyncConnection) -> bool:
    """Whether nobody has put anything into the database yet."""
    found = [
        (await connection.execute(sa.select(sa.exists().select_from(table)))).scalar_one()
        for table in (account, channel, model)
    ]
    return not any(found)
