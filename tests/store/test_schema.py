from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from litestar.datastructures import State

from grip import errors
from grip.services.context import Context
from grip.store import guards, schema
from grip.store.engine import Database
from grip.store.migrations import runner
from grip.store.tables import APPEND_ONLY, metadata
from grip.web.routes.health import readyz

INSERT_AUDIT = sa.text(
    "INSERT INTO audit (at_us, actor, action, subject, reason) VALUES (1, 'a', 'b', 'c', 'd')"
)


async def test_migrations_make_exactly_the_tables_of_the_code(database: Database):
    """Alembic finds no difference between the migrated schema and the metadata."""
    async with database.read() as connection:
        found = await connection.run_sync(
            lambda c: compare_metadata(MigrationContext.configure(c), metadata)
        )

    assert found == []


def test_the_head_of_the_code_is_the_last_migration():
    """The constant that spares every command the loading of Alembic is right."""
    assert ScriptDirectory.from_config(runner.config()).get_current_head() == schema.HEAD


async def test_an_empty_database_is_filled_on_first_use(tmp_path: Path):
    """`ensure` makes the schema where there is none, and again changes nothing."""
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")
    await schema.ensure(database)
    await schema.ensure(database)

    assert (await schema.status(database)).is_current
    await database.close()


async def test_a_database_of_another_version_is_refused_with_the_remedy(database: Database):
    """`ensure` never upgrades unasked."""
    async with database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))

    with pytest.raises(errors.DatabaseOutdated, match="grip db upgrade"):
        await schema.ensure(database)


async def test_a_database_of_a_newer_version_is_left_alone(database: Database):
    """Neither `ensure` nor `upgrade` touches what only a later grip understands."""
    async with database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        await connection.execute(sa.text("DELETE FROM meta"))

    with pytest.raises(errors.DatabaseOutdated, match="newer"):
        await schema.ensure(database)
    with pytest.raises(errors.DatabaseOutdated, match="newer"):
        await schema.upgrade(database)


async def test_code_that_a_newer_schema_allows_goes_on(database: Database):
    """Nodes are upgraded one by one: the first that is ahead leaves the others at work."""
    async with database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9998'"))
        await connection.execute(
            sa.text("UPDATE meta SET value = :head WHERE name = 'schema.runs_from'"),
            {"head": schema.HEAD},
        )

    found = await schema.ensure(database)

    assert (found.is_usable, found.is_current, found.is_newer) == (True, False, True)
    async with database.write() as connection:
        await connection.execute(sa.text("UPDATE meta SET value = '9997'"))
    with pytest.raises(errors.DatabaseOutdated, match="newer"):
        await schema.ensure(database)


@pytest.mark.parametrize(("runs_from", "status"), [(schema.HEAD, 200), ("9997", 503)])
async def test_a_node_is_ready_on_a_newer_schema_that_it_may_run_on(
    context: Context, runs_from: str, status: int
):
    """Or a load balancer would take all of them away while the first is upgraded."""
    async with context.database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9998'"))
        change = sa.text("UPDATE meta SET value = :value WHERE name = 'schema.runs_from'")
        await connection.execute(change, {"value": runs_from})

    answer = await readyz.fn(State({"app": SimpleNamespace(context=context)}))

    assert (answer.status_code or 200) == status


async def test_an_upgrade_says_from_which_code_on_the_schema_may_be_used(database: Database):
    """What a former upgrade said does not hold any more."""
    async with database.write() as connection:
        await connection.execute(sa.text("UPDATE meta SET value = '0001'"))
    await schema.upgrade(database)

    assert (await schema.status(database)).runs_from == schema.RUNS_FROM


async def test_all_guards_are_there_and_a_dropped_one_is_named(database: Database):
    """The books say when somebody took a trigger away."""
    async with database.write() as connection:
        before = await guards.missing(connection)
        kind = "no_update" if database.is_sqlite else "no_change"
        on = "" if database.is_sqlite else " ON audit"
        await connection.execute(sa.text(f"DROP TRIGGER audit_{kind}{on}"))
        after = await guards.missing(connection)

    assert before == []
    assert after == [f"audit_{kind}"]


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"])
async def test_append_only_rows_cannot_be_changed(database: Database, statement: str):
    """The database itself refuses, on both engines."""
    async with database.write() as connection:
        await connection.execute(INSERT_AUDIT)

    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        async with database.write() as connection:
            await connection.execute(sa.text(statement))


@pytest.mark.parametrize("table", sorted(APPEND_ONLY))
async def test_append_only_tables_cannot_be_truncated(postgres_url: str, table: str):
    """TRUNCATE fires no row trigger on PostgreSQL, so it has one of its own."""
    database = Database(postgres_url)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        async with database.write() as connection:
            await connection.execute(sa.text(f"TRUNCATE {table} CASCADE"))
    await database.close()


async def test_replace_cannot_rewrite_an_append_only_row(sqlite_url: str):
    """INSERT OR REPLACE walks past delete triggers on SQLite; the insert trigger stops it."""
    database = Database(sqlite_url)
    async with database.write() as connection:
        await connection.execute(INSERT_AUDIT)

    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        async with database.write() as connection:
            await connection.execute(sa.text("PRAGMA recursive_triggers = OFF"))
            await connection.execute(
                sa.text("INSERT OR REPLACE INTO audit VALUES (1, 1, 'x', 'b', 'c', NULL, NULL, '')")
            )
    await database.close()
