"""The database: one engine for everything but the hot path, and its transactions.

SQLite writers begin IMMEDIATE, so that a read followed by a write cannot fail half-way; a write
waits for others up to `_BUSY_TIMEOUT_MS`. What the driver says of a database that is away becomes
`DatabaseUnavailable`; no error of a statement has the values of rows in it.
"""

import errno
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from grip import errors
from grip.store import spoken, write_queue

Connection = AsyncConnection
"""An open transaction, for callers that hand it on and know no SQL."""

_BUSY_TIMEOUT_MS = 10_000
_WRITE = "grip_write"
_CUT_OFF = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InternalClientError,
)
_UNCONNECTED = (
    sa.exc.DBAPIError,
    # All connections of the pool were in use for as long as anybody waits for one.
    sa.exc.TimeoutError,
    asyncpg.PostgresError,
    OSError,
    ValueError,
)
_PRIMARY = 0xFF
"""The part of SQLite's extended error codes that says which of the plain ones it is."""

_FULL = "make room on the disk of the database; a gateway that runs goes on by itself"
_BROKEN = "the file is broken: stop grip, and restore a backup (grip db restore)"
_REMEDIES_OF_SYSTEM = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.ENOENT: "database.url names a file, a socket or a certificate that is not there",
}
_REMEDIES = {
    sqlite3.SQLITE_FULL: _FULL,
    # What it says where the index of the log finds no space: "disk I/O error", and no more.
    sqlite3.SQLITE_IOERR_SHMSIZE: f"the disk is full: {_FULL}",
    sqlite3.SQLITE_IOERR: "see whether the disk is full or fails (df, dmesg)",
    sqlite3.SQLITE_CORRUPT: _BROKEN,
    sqlite3.SQLITE_NOTADB: _BROKEN,
    sqlite3.SQLITE_CANTOPEN: (
        "its folder must be there, and folder and file be writable for the user that grip runs as: "
        "one who runs a command as root makes files that are root's"
    ),
    sqlite3.SQLITE_READONLY: "its file and folder must be writable for grip; then start grip again",
}
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

    def __init__(self, url: str | sa.URL, *, read_only: bool = False) -> None:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend not in _DRIVERS:
            raise errors.ConfigurationInvalid(
                "database.url: it starts with sqlite:/// or postgresql://", param="database.url"
            )
        self.url = parsed.render_as_string(hide_password=False)
        self.is_sqlite = backend == "sqlite"
        self.path = Path(parsed.database or "grip.db") if self.is_sqlite else None
        self._door = None if self.path is None else write_queue.Door(self.path)
        self.dsn = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        driver = parsed.set(drivername=_DRIVERS[backend])
        if self.path is None:
            self.engine = _postgres_engine(self.dsn)
        else:
            self.engine = _sqlite_reader(self.path) if read_only else _sqlite_engine(driver)

    @classmethod
    def of_file(cls, path: Path, *, read_only: bool = False) -> "Database":
        """Return the database in a SQLite file of any name; `read_only` needs that nobody writes.

        Nothing comes to lie beside a file that is read only.
        """
        return cls(sa.URL.create("sqlite", database=str(path.absolute())), read_only=read_only)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that commits when the block ends, and rolls back when it raises."""
        async with self._turn(), self._connection(write=True) as connection, connection.begin():
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

    def _turn(self) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._door is None else self._door.turn()

    @asynccontextmanager
    async def _connection(self, *, write: bool) -> AsyncIterator[AsyncConnection]:
        connection = await self._connect()
        try:
            await connection.execution_options(**{_WRITE: write})
            yield connection
        except (sa.exc.DBAPIError, OSError) as error:
            if not _is_away(error):
                raise
            raise unavailable(error) from error
        finally:
            await connection.close()

    async def _connect(self) -> AsyncConnection:
        """Open a connection; whatever fails at that, the database cannot be used."""
        try:
            return await self.engine.connect()
        except _UNCONNECTED as error:
            raise unavailable(error) from error


def unavailable(error: BaseException) -> errors.DatabaseUnavailable:
    """Return what a caller is told when the driver failed with `error`.

    The cause is a detail, for the operator, with what to do about it where that is known.
    """
    cause = _cause(error)
    spoken.keep_values_out(cause)
    told = str(cause) or type(cause).__name__
    remedy = _remedy(cause)
    return errors.DatabaseUnavailable(
        "the database cannot be used at the moment; retry shortly",
        detail=told if remedy is None else f"{told}; {remedy}",
    )


def is_disk_full(error: BaseException) -> bool:
    """Whether the driver failed with `error` because the disk has no space left."""
    remedy = _remedy(_cause(error))
    return remedy is not None and remedy.endswith(_FULL)


def is_broken_file(error: BaseException) -> bool:
    """Whether the driver failed with `error` because the SQLite file is no sound one any more."""
    return _remedy(_cause(error)) == _BROKEN


def _cause(error: BaseException) -> BaseException:
    """Return what the driver raised: SQLAlchemy wraps it."""
    return getattr(error, "orig", None) or error


def _remedy(cause: BaseException) -> str | None:
    if isinstance(cause, OSError):
        return _REMEDIES_OF_SYSTEM.get(cause.errno or 0)
    if isinstance(cause.__cause__ or cause, asyncpg.ClientConfigurationError):
        return "correct database.url"
    code: int = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return _REMEDIES.get(code) or _REMEDIES.get(code & _PRIMARY)


def _is_away(error: sa.exc.DBAPIError | OSError) -> bool:
    """Whether an error says that the database is away, and not that a statement is wrong.

    SQLAlchemy has no name of its own for a connection of asyncpg that was cut in mid-statement.
    """
    cause = None if isinstance(error, OSError) else getattr(error.orig, "__cause__", None)
    if spoken.is_about_a_value(cause):
        return False
    if isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError, OSError)):
        return True
    return is_broken_file(error) or isinstance(cause, _CUT_OFF)


async def insist_on_durability(connection: Any) -> None:
    """Make this PostgreSQL connection wait for the disk, even where the server's default is not to.

    A stronger setting, such as waiting for a replica, stays as it is.
    """
    await connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) "
        "WHERE current_setting('synchronous_commit') = 'off'"
    )


def _postgres_engine(dsn: str) -> AsyncEngine:
    """Return an engine that reads the URL as the hot path does, `sslmode` and all."""

    async def connect() -> Any:
        connection = await asyncpg.connect(dsn)
        await insist_on_durability(connection)
        return connection

    return _quiet(
        create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            pool_pre_ping=True,
            pool_size=5,
            hide_parameters=True,
        )
    )


def _sqlite_engine(url: sa.URL) -> AsyncEngine:
    engine = _quiet(create_async_engine(url, hide_parameters=True))
    path = Path(url.database or "grip.db")
    sa.event.listen(engine.sync_engine, "do_connect", lambda *_: _keep_private(path))
    sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _sqlite_reader(path: Path) -> AsyncEngine:
    address = path.absolute().as_uri()
    query = {"mode": "ro", "immutable": "1", "uri": "true"}
    url = sa.URL.create("sqlite+aiosqlite", database=address, query=query)
    return _quiet(create_async_engine(url, hide_parameters=True))


def _quiet(engine: AsyncEngine) -> AsyncEngine:
    sa.event.listen(engine.sync_engine, "handle_error", spoken.of_statement)
    return engine


def _keep_private(path: Path) -> None:
    """Make the file its owner's alone where it is not there yet; its log takes the same mode.

    What cannot be made, SQLite tells of.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    write = connection.get_execution_options().get(_WRITE, True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
