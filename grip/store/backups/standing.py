"""What stands where a backup is to be restored, and how PostgreSQL moves it aside."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip import errors
from grip.store.engine import Database, unavailable
from grip.store.tables import account, audit, boot, channel, metadata, model, usage

_SOMEBODYS: Final = (account, audit, channel, model, usage)
"""The tables in which there is something as soon as anybody has used a database."""

_PATIENCE: Final = sa.text("SET LOCAL lock_timeout = '5s'")
_OTHERS: Final = sa.text(
    "SELECT 'VIEW' AS kind, quote_ident(view_name) AS name FROM information_schema.view_table_usage"
    " WHERE table_schema = current_schema() AND view_schema = current_schema()"
    " AND table_name = ANY(:tables) "
    "UNION SELECT 'FUNCTION', oid::regprocedure::text FROM pg_proc"
    " WHERE pronamespace = current_schema()::regnamespace AND proname LIKE 'grip!_%' ESCAPE '!'"
)


async def is_filled(database: Database) -> bool:
    """Return whether a database holds anything of anybody's; one that is broken does."""
    if database.path is not None and not _has_bytes(database.path):
        return False
    try:
        async with database.read() as connection:
            there = set(await connection.run_sync(lambda c: sa.inspect(c).get_table_names()))
            if "alembic_version" not in there:
                return database.is_sqlite and bool(there)
            found = [await _has_rows(connection, one) for one in _SOMEBODYS if one.name in there]
    except sa.exc.DatabaseError:
        return True
    except errors.DatabaseUnavailable:
        if database.is_sqlite:
            return True
        raise
    return any(found)


def _has_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise unavailable(error) from error


async def _has_rows(connection: AsyncConnection, table: sa.Table) -> bool:
    query = sa.select(sa.exists().select_from(table))
    return bool((await connection.execute(query)).scalar_one())


async def let_none_begin(connection: AsyncConnection) -> None:
    """Let no node say that it begins, or that it lives, before the end of this transaction.

    Raises Conflict where somebody keeps their table locked.
    """
    if await connection.run_sync(lambda c: sa.inspect(c).has_table(boot.name)):
        with _movable():
            await connection.execute(_PATIENCE)
            await connection.execute(sa.text(f'LOCK TABLE "{boot.name}"'))


async def move_aside(connection: AsyncConnection, name: str) -> bool:
    """Move what is grip's to the schema `name`, which is made; return whether there was anything.

    Raises Conflict where somebody keeps its tables locked, or the role may not make a schema.
    """
    there = set(await connection.run_sync(lambda c: sa.inspect(c).get_table_names()))
    tables = sorted(there & {"alembic_version", *metadata.tables})
    if not tables:
        return False
    others = (await connection.execute(_OTHERS, {"tables": tables})).all()
    with _movable():
        await connection.execute(_PATIENCE)
        await connection.execute(sa.schema.CreateSchema(name))
        for kind, thing in [*(("TABLE", f'"{table}"') for table in tables), *others]:
            await connection.execute(sa.text(f'ALTER {kind} {thing} SET SCHEMA "{name}"'))
    return True


@contextmanager
def _movable() -> Iterator[None]:
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise errors.Conflict(
            f"the tables that are there cannot be moved aside: {error.orig}; stop grip everywhere, "
            "and let its role create schemas (GRANT CREATE ON DATABASE)"
        ) from error
