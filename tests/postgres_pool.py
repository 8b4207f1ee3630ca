"""Databases on the tests' PostgreSQL, lent to a test, emptied after it, and lent again.

Making one takes a fifth of a second of a core; emptying it takes a tenth of that. One whose schema
or settings a test has changed, or that cannot be emptied, is dropped.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from sqlalchemy.engine import make_url

_LENT_MOST: Final = 60
"""How often one is lent: what is deleted leaves its place behind."""

# The tests' own rows go; triggers that guard the journal, and references, do not ask here. Nor
# does PostgreSQL count them, so that maintenance finds nothing to vacuum. What nobody wrote to has
# no pages, and no last value.
_EMPTY: Final = """
DO $$
DECLARE one regclass;
BEGIN
    PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET LOCAL session_replication_role = replica;
    SET LOCAL track_counts = off;
    PERFORM pg_stat_reset();
    FOR one IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relkind = 'r' AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0
    LOOP
        EXECUTE format('DELETE FROM %s', one);
    END LOOP;
    PERFORM setval(seqrelid, 1, false) FROM pg_sequence
        WHERE pg_sequence_last_value(seqrelid) IS NOT NULL;
END $$
"""
_TABLES: Final = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    AND relname <> 'alembic_version'
"""
_SEED: Final = 'INSERT INTO "{table}" SELECT * FROM json_populate_recordset(NULL::"{table}", $1)'
_SHAPE: Final = """
SELECT md5(string_agg(told, ';' ORDER BY told)) FROM (
    SELECT concat_ws(',', 'class', relname, relkind, reloptions) AS told FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(',', 'column', attrelid::regclass, attname, atttypid, attnotnull,
        attisdropped, attidentity) FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND attnum > 0
    UNION ALL SELECT concat_ws(',', 'trigger', tgrelid::regclass, tgfoid::regproc, tgtype,
        tgenabled) FROM pg_trigger
    UNION ALL SELECT concat_ws(',', 'constraint', conrelid::regclass, conname, convalidated)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(',', 'function', proname, prosrc) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(',', 'schema', nspname) FROM pg_namespace
        WHERE nspname NOT LIKE 'pg\\_%'
    UNION ALL SELECT concat_ws(',', 'setting', setrole, setconfig) FROM pg_db_role_setting
        JOIN pg_database ON pg_database.oid = setdatabase WHERE datname = current_database()
    UNION ALL SELECT concat_ws(',', 'database', datconnlimit, datallowconn) FROM pg_database
        WHERE datname = current_database()
    UNION ALL SELECT concat_ws(',', 'version', version_num) FROM alembic_version
) AS shape
"""


class Pool:
    """Copies of one template on one server."""

    def __init__(self, server: str, template: str) -> None:
        self._server = server
        self._template = template
        self._free: list[str] = []
        self._lent: dict[str, int] = {}
        self._shape: str | None = None
        self._seeds: dict[str, str] = {}

    async def lend(self) -> str:
        """Return the name of an empty database with the template's schema."""
        name = self._free.pop() if self._free else await create(self._server, self._template)
        self._lent[name] = self._lent.get(name, 0) + 1
        if self._shape is None:
            await self._learn(name)
        return name

    async def take_back(self, name: str) -> None:
        """Empty a database for the next test, or drop it."""
        if self._lent[name] < _LENT_MOST and await self._emptied(name):
            self._free.append(name)
        else:
            await drop(self._server, name)

    async def close(self) -> None:
        """Drop all that are here."""
        for name in self._free:
            await drop(self._server, name)
        self._free.clear()

    async def _learn(self, name: str) -> None:
        """Note what a fresh one is like: its schema, and the rows that it comes with."""
        async with _connected(url(self._server, name)) as connection:
            self._shape = await connection.fetchval(_SHAPE)
            for (table,) in await connection.fetch(_TABLES):
                query = f'SELECT json_agg(r) FROM "{table}" AS r'  # noqa: S608 - its own name
                rows = await connection.fetchval(query)
                if rows is not None:
                    self._seeds[table] = rows

    async def _emptied(self, name: str) -> bool:
        try:
            async with _connected(url(self._server, name)) as connection:
                async with connection.transaction():
                    await connection.execute(_EMPTY)
                    for table, rows in self._seeds.items():
                        await connection.execute(_SEED.format(table=table), rows)
                return bool(await connection.fetchval(_SHAPE) == self._shape)
        except (asyncpg.PostgresError, OSError):
            return False


@asynccontextmanager
async def _connected(server: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(server)
    try:
        yield connection
    finally:
        await connection.close()


def url(server: str, name: str) -> str:
    """Return the URL of a database on a server."""
    return make_url(server).set(database=name).render_as_string(hide_password=False)


async def create(server: str, template: str = "template1") -> str:
    """Make a database, and return its name."""
    name = f"grip_test_{uuid.uuid4().hex[:12]}"
    await _run(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return name


async def drop(server: str, name: str) -> None:
    """Drop a database, whoever is connected to it."""
    await _run(server, f'DROP DATABASE "{name}" WITH (FORCE)')


async def _run(server: str, statement: str) -> None:
    async with _connected(server) as connection:
        await connection.execute(statement)
