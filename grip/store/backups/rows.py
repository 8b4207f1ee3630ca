"""Carries every row between PostgreSQL and a SQLite file of the same schema.

Both are made by the same migrations, and hold whole numbers, texts and bytes only, so that no
value changes on the way. Refuses to know what any table means.
"""

import asyncio
import graphlib
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip import errors
from grip.store import schema
from grip.store.backups.pages import Told
from grip.store.engine import Database, unavailable

_FEWEST_ROWS: Final = 8
_MOST_ROWS: Final = 1_000
_MOST_ROWS_OF_BYTES: Final = 100
_BATCH_BYTES: Final = 8_000_000
"""What a batch may come to: an answer or an upload that is kept has megabytes in one row."""

_CLOSING_S: Final = 10
_TABLES: Final = (
    "SELECT name FROM sqlite_master WHERE type = 'table' "
    "AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name <> 'alembic_version'"
)
_TRIGGERS: Final = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
_ABOUT_HOW_MANY: Final = (
    "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class "
    "WHERE relnamespace = current_schema()::regnamespace AND relname = ANY($1)"
)
_IDENTITIES: Final = sa.text(
    "SELECT table_name, column_name FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND is_identity = 'YES' ORDER BY 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A table and its columns, as SQL writes them; `parents` have to be filled before it.

    A batch has `most_rows` at most.
    """

    name: str
    columns: tuple[str, ...]
    parents: frozenset[str]
    most_rows: int

    @property
    def select(self) -> str:
        return f'SELECT {self._listed} FROM "{self.name}"'  # noqa: S608 - names of our own tables

    @property
    def insert(self) -> str:
        marks = ", ".join("?" * len(self.columns))
        return f'INSERT INTO "{self.name}" ({self._listed}) VALUES ({marks})'  # noqa: S608 - as above

    @property
    def delete(self) -> str:
        return f'DELETE FROM "{self.name}"'  # noqa: S608 - as above

    @property
    def count(self) -> str:
        return f'SELECT count(*) FROM "{self.name}"'  # noqa: S608 - as above

    @property
    def _listed(self) -> str:
        return ", ".join(f'"{column}"' for column in self.columns)


async def out_of_postgres(database: Database, target: Path, told: Told) -> None:
    """Write one state of the database into `target`, an empty file, under the same schema.

    Raises DatabaseUnavailable where PostgreSQL goes away.
    """
    try:
        source = await asyncpg.connect(database.dsn)
        try:
            async with source.transaction(isolation="repeatable_read", readonly=True):
                await _write(source, target, told)
        finally:
            await source.close(timeout=_CLOSING_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise unavailable(error) from error


async def _write(source: Any, target: Path, told: Told) -> None:
    revision = await source.fetchval("SELECT version_num FROM alembic_version")
    await _make_schema(target, revision)
    with closing(_open_to_fill(target)) as db:
        triggers = db.execute(_TRIGGERS).fetchall()
        await _fill(source, db, told)
        await asyncio.to_thread(_finish, db, triggers)


async def into_postgres(connection: AsyncConnection, source: Path, told: Told) -> None:
    """Fill the schema in this transaction, fresh from the migrations, with all rows of a file."""
    fairy = await connection.get_raw_connection()
    target: Any = fairy.driver_connection
    with closing(sqlite3.connect(source, check_same_thread=False)) as db:
        tables = _tables(db)
        of = sum(_count(db, table) for table in tables)
        done = 0
        for table in tables:
            await target.execute(table.delete)
            cursor = db.execute(table.select)
            while rows := await asyncio.to_thread(_fetch, cursor, table.most_rows):
                await _copy(target, table, rows)
                done += len(rows)
                told(done, of)
    await _set_sequences(connection)


async def _make_schema(target: Path, revision: str) -> None:
    copy = Database.of_file(target)
    try:
        async with copy.write() as connection:
            await schema.run_to(connection, revision)
    finally:
        await copy.close()


def _open_to_fill(path: Path) -> sqlite3.Connection:
    """Open a file that is of no use unless it is filled: nothing of it has to survive before."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode = DELETE", "synchronous = OFF", "foreign_keys = OFF"):
        db.execute(f"PRAGMA {pragma}")
    return db


async def _fill(source: Any, db: sqlite3.Connection, told: Told) -> None:
    tables = _tables(db)
    of = await source.fetchval(_ABOUT_HOW_MANY, [table.name for table in tables])
    for name, _sql in db.execute(_TRIGGERS).fetchall():
        db.execute(f'DROP TRIGGER "{name}"')
    done = 0
    db.execute("BEGIN")
    for table in tables:
        db.execute(table.delete)
        cursor = await source.cursor(table.select)
        size = _FEWEST_ROWS
        while rows := await cursor.fetch(size):
            await asyncio.to_thread(_insert, db, table, rows)
            done += len(rows)
            told(done, max(done, of))
            widest = max(map(_width, rows))
            size = max(1, min(2 * size, table.most_rows, _BATCH_BYTES // widest))


def _insert(db: sqlite3.Connection, table: _Table, rows: list[Any]) -> None:
    """Write rows; the cursor ends here, in this thread.

    Let out of it, it would end beside the next batch, and reset the statement that both share.
    """
    db.executemany(table.insert, [tuple(row) for row in rows])


def _fetch(cursor: sqlite3.Cursor, most_rows: int) -> list[Any]:
    """Return the next rows, until they are enough."""
    rows: list[Any] = []
    width = 0
    while len(rows) < most_rows and width < _BATCH_BYTES:
        if (row := cursor.fetchone()) is None:
            break
        rows.append(row)
        width += _width(row)
    return rows


def _width(row: Iterable[Any]) -> int:
    """Return about how many bytes a row has, and never none."""
    return 1 + sum(len(value) if isinstance(value, (str, bytes)) else 8 for value in row)


def _finish(db: sqlite3.Connection, triggers: list[tuple[str, str]]) -> None:
    for _name, sql in triggers:
        db.execute(sql)
    db.execute("COMMIT")


def _tables(db: sqlite3.Connection) -> list[_Table]:
    """Return the tables, each after those that its rows refer to."""
    found = {}
    for (name,) in db.execute(_TABLES).fetchall():
        columns = db.execute("SELECT name, type FROM pragma_table_info(?)", (name,)).fetchall()
        parents = db.execute('SELECT "table" FROM pragma_foreign_key_list(?)', (name,)).fetchall()
        found[name] = _Table(
            name=name,
            columns=tuple(column for column, _type in columns),
            parents=frozenset(parent for (parent,) in parents) - {name},
            most_rows=_MOST_ROWS_OF_BYTES if "BLOB" in dict(columns).values() else _MOST_ROWS,
        )
    order = graphlib.TopologicalSorter({name: table.parents for name, table in found.items()})
    return [found[name] for name in order.static_order()]


def _count(db: sqlite3.Connection, table: _Table) -> int:
    return int(db.execute(table.count).fetchone()[0])


async def _copy(target: Any, table: _Table, rows: list[Any]) -> None:
    try:
        await target.copy_records_to_table(table.name, records=rows, columns=table.columns)
    except asyncpg.DataError as error:
        raise errors.BackupUnusable(
            f"the table {table.name} has a value that PostgreSQL cannot keep: {error}"
        ) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise unavailable(error) from error


async def _set_sequences(connection: AsyncConnection) -> None:
    """Let each table count on from its last row."""
    for table, column in (await connection.execute(_IDENTITIES)).all():
        last: sa.Select[Any] = sa.select(sa.func.max(sa.column(column))).select_from(
            sa.table(table)
        )
        count = (await connection.execute(last)).scalar_one()
        if count is not None:
            sequence = sa.func.pg_get_serial_sequence(table, column)
            await connection.execute(sa.select(sa.func.setval(sequence, count)))
