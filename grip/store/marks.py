"""Up to where a journal is settled: which rows no transaction under way can still come between.

`seq` is given out before its row is committed. On SQLite writers are one at a time, so that the
largest is settled; on PostgreSQL one that is smaller may be committed later than one that is seen.
"""

import asyncio
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip import errors

WAIT_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.01

# A row's number is drawn after its writer has locked the table, and the lock ends with the
# transaction; readers hold weaker ones.
_WRITERS = sa.text(
    "SELECT virtualtransaction FROM pg_locks WHERE granted AND locktype = 'relation' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND relation = CAST(CAST(:journal AS text) AS regclass) AND pid <> pg_backend_pid() "
    "AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'ShareUpdateExclusiveLock')"
)


async def stable(connection: AsyncConnection, journal: sa.Table) -> int:
    """Return the largest `seq` up to which no transaction under way can write; 0 for none.

    In a transaction of its own, at the level that `Database` opens; it keeps no writer waiting.
    Raises DatabaseUnavailable where a transaction that writes there does not end in `WAIT_S`.
    """
    newest = sa.select(sa.func.coalesce(sa.func.max(journal.c.seq), 0))
    mark = int((await connection.execute(newest)).scalar_one())
    if mark and connection.dialect.name == "postgresql":
        await _outwait(connection, journal)
    return mark


async def _outwait(connection: AsyncConnection, journal: sa.Table) -> None:
    """Wait for all that may have drawn a number by now; who begins later draws a larger one."""
    waited_for = await _writers(connection, journal)
    try:
        async with asyncio.timeout(WAIT_S):
            while waited_for:
                await asyncio.sleep(_LOOK_EVERY_S)
                waited_for &= await _writers(connection, journal)
    except TimeoutError as error:
        raise errors.DatabaseUnavailable(
            f"a transaction has been writing to {journal.name} for more than {WAIT_S:.0f} s; "
            "see who does (pg_stat_activity), and run it again"
        ) from error


async def _writers(connection: AsyncConnection, journal: sa.Table) -> set[Any]:
    found = await connection.execute(_WRITERS, {"journal": journal.name})
    return set(found.scalars())
