"""The database: one engine for everything but the hot path, and its transactions.

SQLite writers begin IMMEDIATE, so that a read followed by a write cannot fail half-way; a write
waits for others up to `_BUSY_TIMEOUT_MS`. What the driver says of a database that is away becomes
`DatabaseUnavailable`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from grip import errors

Connection = AsyncConnection
"""An open transaction, for callers that hand it on and know no SQL."""

_BUSY_TIMEOUT_MS = 10_000
_WRITE = "grip_write"
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}

SQLITE_PRAGMAS = (
    f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",
    "PRAGMA synchronous = FULL",
)


class Database:
    """Where the books are: `url` as configured, `is_sqlite`, and transactions on it."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend not in _DRIVERS:
            raise errors.ConfigurationInvalid(
                "database.url: it starts with sqlite:/// or postgresql://", param="database.url"
            )
        self.url = url
        self.is_sqlite = backend == "sqlite"
        self.path = Path(parsed.database or "grip.db") if self.is_sqlite else None
        self.dsn = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        self.engine = _engine(parsed.set(drivername=_DRIVERS[backend]), is_sqlite=self.is_sqlite)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that commits when the block ends, and rolls back when it raises."""
        async with self._connection(write=True) as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that only reads.

        On SQLite it sees one state of the database; on PostgreSQL each statement sees the newest,
        unless `snapshot.freeze` is called first.
        """
        async with self._connection(write=False) as connection, connection.begin():
            yield connection

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    @asynccontextmanager
    async def _connection(self, *, write: bool) -> AsyncIterator[AsyncConnection]:
        try:
            async with self.engine.connect() as connection:
                await connection.execution_options(**{_WRITE: write})
                yield connection
        except (sa.exc.OperationalError, sa.exc.InterfaceError, OSError) as error:
            raise unavailable(error) from error


def unavailable(error: BaseException) -> errors.DatabaseUnavailable:
    """Return what a caller is told when the driver failed with `error`."""
    cause = getattr(error, "orig", None) or error
    return errors.DatabaseUnavailable(f"the database cannot be used at the moment: {cause}")


def _engine(url: sa.URL, *, is_sqlite: bool) -> AsyncEngine:
    if not is_sqlite:
        return create_async_engine(url, pool_pre_ping=True, pool_size=5)
    engine = create_async_engine(url)
    sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    write = connection.get_execution_options().get(_WRITE, True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
