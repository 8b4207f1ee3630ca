"""What maintenance knows of itself: by name, a value, and when that was so."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store.tables import maintenance


async def get(connection: AsyncConnection, name: str) -> Any:
    """Return the value, None where there is none."""
    query = sa.select(maintenance.c.value).where(maintenance.c.name == name)
    return (await connection.execute(query)).scalar_one_or_none()


async def under(connection: AsyncConnection, prefix: str) -> dict[str, Any]:
    """Return all values whose name begins so, by what follows."""
    query = sa.select(maintenance.c.name, maintenance.c.value).where(
        maintenance.c.name.startswith(prefix, autoescape=True)
    )
    return {row.name.removeprefix(prefix): row.value for row in await connection.execute(query)}


async def put(connection: AsyncConnection, name: str, value: Any, now_us: int) -> None:
    """Write a value, in the place of the one that was there."""
    insert: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(maintenance).values(name=name, value=value, at_us=now_us)
    changes = {name: statement.excluded[name] for name in ("value", "at_us")}
    await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changes))
