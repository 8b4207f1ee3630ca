"""A database that one test has used is a fresh one to the next."""

import asyncpg
import pytest

from grip.store import vacuum
from grip.store.engine import Database
from tests import postgres_pool
from tests.postgres_pool import Pool


@pytest.fixture
async def pool(postgres_server: str, postgres_template: str) -> Pool:
    return Pool(postgres_server, postgres_template)


async def test_what_a_test_has_written_is_gone_and_not_to_be_vacuumed(
    pool: Pool, postgres_server: str
):
    """Not even PostgreSQL remembers it."""
    name = await pool.lend()
    url = postgres_pool.url(postgres_server, name)
    connection = await asyncpg.connect(url)
    await connection.execute(
        "INSERT INTO maintenance (name, value, at_us)"
        " SELECT 'x' || number, '{}', 1 FROM generate_series(1, 3000) AS number"
    )
    await connection.close()
    database = Database(url)
    used = await vacuum.run(database, dry_run=True)
    await pool.take_back(name)
    again = await pool.lend()
    left = await vacuum.run(database, dry_run=True)
    await database.close()
    await pool.take_back(again)
    await pool.close()

    assert (used.tables, left.tables, again) == (1, 0, name)
