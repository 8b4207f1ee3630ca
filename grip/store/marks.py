"""Up to where a journal stands still: what is below can be summed and sealed.

A row's `seq` is given out before its transaction ends, so that on PostgreSQL a smaller one may
appear after a greater one was seen. Refuses to hold anybody up.
"""

import asyncio
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip import errors

WAIT_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.01

_WRITERS = sa.text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND relation = to_regclass(:journal) AND mode = 'RowExclusiveLock'"
)


async def stable(connection: AsyncConnection, journal: sa.Table) -> int:
    """Return the largest `seq` up to which no transaction under way can write a row; 0 for none.

    In a transaction of its own. One writer at a time, as SQLite has it, commits in order. On
    PostgreSQL who writes has the table locked before a `seq` is given out: those that had it when
    the largest was read are waited for, and nobody waits for this. (A lock of its own would let
    every writer queue behind it, for as long as a vacuum of the table takes.) Raises
    DatabaseUnavailable where one of them does not end within `WAIT_S`.
    """
    largest = sa.select(sa.func.coalesce(sa.func.max(journal.c.seq), 0))
    mark = int((await connection.execute(largest)).scalar_one())
    if connection.dialect.name == "postgresql" and mark:
        await _wait(connection, journal)
    return mark


async def _wait(connection: AsyncConnection, journal: sa.Table) -> None:
    writing = await _writers(connection, journal)
    try:
        async with asyncio.timeout(WAIT_S):
            while writing:
                await asyncio.sleep(_LOOK_EVERY_S)
                writing &= await _writers(connection, journal)
    except TimeoutError as error:
        raise errors.DatabaseUnavailable(
            f"a transaction that writes to {journal.name} did not end within {WAIT_S:g} s; "
            "run it again"
        ) from error


async def _writers(connection: AsyncConnection, journal: sa.Table) -> set[str]:
    found = await connection.execute(_WRITERS, {"journal": journal.name})
    return set(found.scalars())
