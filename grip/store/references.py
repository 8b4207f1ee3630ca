"""How a person names a thing: by its id, else by a narrower name before a wider one."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

MATCHES_MAX = 10
"""More matches than this tell nobody more."""


async def first_match(
    connection: AsyncConnection,
    query: sa.Select[tuple[object, ...]],
    conditions: Sequence[sa.ColumnElement[bool]],
) -> Sequence[sa.RowMapping]:
    """Return the rows of `query` under the first of `conditions` that any row fulfils."""
    for condition in conditions:
        found = await connection.execute(query.where(condition).limit(MATCHES_MAX))
        if rows := found.mappings().all():
            return rows
    return []
