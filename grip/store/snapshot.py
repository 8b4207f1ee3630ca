"""One state of the database for many queries."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection


async def freeze(connection: AsyncConnection) -> None:
    """Let every query of this read transaction see the same state; before its first query.

    SQLite does that by itself; PostgreSQL must be told.
    """
    if connection.dialect.name == "postgresql":
        level = sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        await connection.execute(level)
