"""Keeps the files in order, and PostgreSQL's figures on its tables, without holding up anybody.

Outside of transactions, on connections of its own. Refuses what locks a table: VACUUM of a whole
SQLite file, VACUUM FULL, and the cutting off of a table's end on PostgreSQL.
"""

import asyncio
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from grip.store.books.sqlite_connection import connect
from grip.store.engine import Database, unavailable
from grip.store.write_queue import Turn

_PAGES: Final = 200
"""Pages that are given back in one turn."""

_ROUNDS: Final = 5_000
_INCREMENTAL: Final = 2

_DUE: Final = """
SELECT relname FROM pg_stat_user_tables
WHERE schemaname = current_schema() AND pg_has_role(
  (SELECT relowner FROM pg_class WHERE pg_class.oid = relid), 'USAGE')
AND (n_dead_tup > 1000 + n_live_tup / 10 OR n_mod_since_analyze > 1000 + n_live_tup / 10)
ORDER BY relname
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """What was done: tables that were vacuumed, and pages that the file gave back."""

    tables: int = 0
    pages: int = 0


async def run(database: Database, *, dry_run: bool = False) -> Tidied:
    """Do it, or count in a dry run what is due; raises DatabaseUnavailable."""
    try:
        if database.path is not None:
            return await asyncio.to_thread(_sqlite, database.path, dry_run=dry_run)
        return await _postgres(database.dsn, dry_run=dry_run)
    except (OSError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise unavailable(error) from error


def _sqlite(path: Path, *, dry_run: bool) -> Tidied:
    turn, db = Turn(path), connect(path)
    try:
        is_able = _number(db, "auto_vacuum") == _INCREMENTAL
        free = _number(db, "freelist_count") if is_able else 0
        if dry_run:
            return Tidied(pages=free)
        given = _give_back(turn, db, free)
        # It copies what nobody reads or writes at the moment, and waits for none of them.
        db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return Tidied(pages=given)
    finally:
        db.close()
        turn.close()


def _give_back(turn: Turn, db: sqlite3.Connection, free: int) -> int:
    """Give free pages back, some in each turn; return how many."""
    before = free
    for _ in range(_ROUNDS):
        if not free:
            break
        _in_turn(turn, db, f"PRAGMA incremental_vacuum({_PAGES})")
        left = _number(db, "freelist_count")
        if left >= free:
            break
        free = left
    return before - free


def _in_turn(turn: Turn, db: sqlite3.Connection, statement: str) -> None:
    turn.take()
    try:
        # Giving back is a step for each page, of which `execute` does one.
        db.executescript(statement)
    finally:
        turn.give()


def _number(db: sqlite3.Connection, pragma: str) -> int:
    return int(db.execute(f"PRAGMA {pragma}").fetchone()[0])


async def _postgres(dsn: str, *, dry_run: bool) -> Tidied:
    connection: Any = await asyncpg.connect(dsn)
    try:
        due = [row["relname"] for row in await connection.fetch(_DUE)]
        for name in () if dry_run else due:
            await connection.execute(f'VACUUM (ANALYZE, TRUNCATE FALSE) "{name}"')
        return Tidied(tables=len(due))
    finally:
        await connection.close()
