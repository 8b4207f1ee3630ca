"""Writes details, aside from the books' own writers and without waiting for the disk.

A transaction is for one slice of calls, so that money waits for milliseconds behind it. What fails
is raised as DatabaseUnavailable, and lost: nothing is tried twice, and no money rests on it.
"""

import sqlite3
from typing import Any, Final, NamedTuple, Protocol

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from grip.store.aside import Aside
from grip.store.books.sqlite_connection import connect
from grip.store.books.statements import for_postgres, for_sqlite
from grip.store.engine import Database, unavailable
from grip.store.tables import detail, detail_route
from grip.store.write_queue import Turn

_TIMEOUT_S: Final = 10


class DetailRow(NamedTuple):
    """A row of `detail` to be."""

    request_id: str
    created_us: int
    wallet_id: str
    key_id: str
    route_id: str | None
    trace: str
    request: bytes | None
    request_bytes: int | None
    request_form: int
    response: bytes | None
    response_bytes: int | None
    response_form: int


class RouteRow(NamedTuple):
    """A row of `detail_route` to be, or one that is there and was seen again."""

    id: str
    seen_us: int
    told: str


class DetailWriter(Protocol):
    """Where details go."""

    async def write(self, rows: list[DetailRow], routes: list[RouteRow]) -> None:
        """Write them in one transaction; raises DatabaseUnavailable, and then they are lost."""

    async def close(self) -> None:
        """Let go of the database."""


def writer(database: Database, aside: Aside) -> DetailWriter:
    """Return the writer for this database; `aside` is the thread that SQLite is written in."""
    return _Sqlite(database, aside) if database.is_sqlite else _Postgres(database)


class _Sqlite:
    """One connection, used in one thread, which queues for its turn as all writers do."""

    def __init__(self, database: Database, aside: Aside) -> None:
        self._path = database.path
        self._aside = aside
        self._db: sqlite3.Connection | None = None
        self._turn: Turn | None = None

    async def write(self, rows: list[DetailRow], routes: list[RouteRow]) -> None:
        try:
            await self._aside.do(lambda: self._write(rows, routes))
        except (sqlite3.Error, OSError) as error:
            raise unavailable(error) from error

    async def close(self) -> None:
        await self._aside.do(self._close)

    def _write(self, rows: list[DetailRow], routes: list[RouteRow]) -> None:
        db, turn = self._opened()
        turn.take()
        try:
            db.execute("BEGIN IMMEDIATE")
            if routes:
                db.executemany(_PUT_ROUTE_SQLITE, routes)
            db.executemany(_PUT_SQLITE, rows)
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
            turn.give()

    def _opened(self) -> tuple[sqlite3.Connection, Turn]:
        if self._path is None:
            raise AssertionError("not a SQLite file")
        if self._db is None or self._turn is None:
            self._turn = Turn(self._path)
            self._db = connect(self._path)
            # The books force the log to disk, and copy it into the file: with it goes what is here.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA wal_autocheckpoint = 0")
        return self._db, self._turn

    def _close(self) -> None:
        if self._turn is not None:
            self._turn.close()
        if self._db is not None:
            self._db.close()


class _Postgres:
    """One connection, opened at the first use and again after a failure."""

    def __init__(self, database: Database) -> None:
        self._dsn = database.dsn
        self._connection: Any = None

    async def write(self, rows: list[DetailRow], routes: list[RouteRow]) -> None:
        try:
            connection = await self._opened()
            async with connection.transaction():
                if routes:
                    await connection.executemany(_PUT_ROUTE_POSTGRES, sorted(routes))
                await connection.executemany(_PUT_POSTGRES, rows)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self._forget()
            raise unavailable(error) from error
        except BaseException:  # cancelled in mid-statement: the connection is not to be had again
            self._forget()
            raise

    async def close(self) -> None:
        self._forget()

    async def _opened(self) -> Any:
        if self._connection is None:
            self._connection = await asyncpg.connect(self._dsn, command_timeout=_TIMEOUT_S)
            await self._connection.execute("SET synchronous_commit = off")
        return self._connection

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def _insert(table: sa.Table, kind: Any, into: Any) -> Any:
    values = {table.c[name]: sa.bindparam(f"p_{name}", type_=table.c[name].type) for name in kind}
    return into(table).values(values)


def _put(into: Any) -> Any:
    return _insert(detail, DetailRow._fields, into).on_conflict_do_nothing()


def _put_route(into: Any) -> Any:
    statement = _insert(detail_route, RouteRow._fields, into)
    return statement.on_conflict_do_update(
        index_elements=["id"], set_={"seen_us": statement.excluded.seen_us}
    )


def _text(compiled: Any, kind: Any) -> str:
    if compiled.names != kind:
        raise AssertionError(f"the statement takes {compiled.names}, not {kind}")
    return str(compiled.sql)


_PUT_SQLITE = _text(for_sqlite(_put(sqlite.insert)), DetailRow._fields)
_PUT_ROUTE_SQLITE = _text(for_sqlite(_put_route(sqlite.insert)), RouteRow._fields)
_PUT_POSTGRES = _text(for_postgres(_put(postgresql.insert)), DetailRow._fields)
_PUT_ROUTE_POSTGRES = _text(for_postgres(_put_route(postgresql.insert)), RouteRow._fields)
