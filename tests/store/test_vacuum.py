"""What deletions left is given back."""

import sqlite3
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa

from grip import errors
from grip.store import vacuum
from grip.store.engine import Database

FILL = """
INSERT INTO detail (request_id, created_us, wallet_id, key_id, trace)
SELECT 'req_' || n, n, 'w', 'k', substr(:filler, 1, 2000)
FROM (WITH RECURSIVE count(n) AS (
  SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 3000) SELECT n FROM count) AS numbers
"""


async def _fill_and_delete(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(sa.text(FILL), {"filler": "x" * 2000})
    async with database.write() as connection:
        await connection.execute(sa.text("DELETE FROM detail"))


async def test_it_runs_on_both_engines_and_twice(database: Database):
    """Whether or not there is anything to do."""
    await _fill_and_delete(database)
    await vacuum.run(database)
    again = await vacuum.run(database)

    assert (again.tables, again.pages) == (0, 0)


async def test_a_sqlite_file_that_may_shrink_does(sqlite_url: str, tmp_path: Path):
    """A dry run says by how many pages."""
    path = tmp_path / "grip.db"
    with sqlite3.connect(path, isolation_level=None) as plain:
        plain.execute("PRAGMA auto_vacuum = INCREMENTAL")
        plain.execute("VACUUM")
    plain.close()
    database = Database(sqlite_url)
    await _fill_and_delete(database)
    dry = await vacuum.run(database, dry_run=True)
    wet = await vacuum.run(database)
    await database.close()

    assert dry.pages > vacuum._PAGES
    assert wet.pages == dry.pages


async def test_postgres_vacuums_the_tables_with_many_dead_rows(postgres_url: str):
    """And counts them in a dry run."""
    database = Database(postgres_url)
    await _fill_and_delete(database)
    connection = await asyncpg.connect(database.dsn)
    await connection.execute("SELECT pg_stat_force_next_flush()")
    await connection.close()
    async with database.write() as done:
        await done.execute(sa.text("SELECT pg_stat_force_next_flush()"))
    dry = await vacuum.run(database, dry_run=True)
    wet = await vacuum.run(database)
    await database.close()

    assert (dry.tables, wet.tables) == (1, 1)


async def test_a_database_that_is_away_is_a_problem_with_a_name(tmp_path: Path):
    """No traceback of a driver reaches an operator."""
    database = Database(f"sqlite:///{tmp_path / 'nowhere' / 'grip.db'}")
    with pytest.raises(errors.DatabaseUnavailable):
        await vacuum.run(database)
    await database.close()
