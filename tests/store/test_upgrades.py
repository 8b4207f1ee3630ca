"""Databases of every schema there has been, with rows of their time, become ones of today."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from grip import errors
from grip.clock import Clock
from grip.ids import IdSource
from grip.services import closing, ledger
from grip.services import schema as use_cases
from grip.services.context import Context
from grip.settings import load
from grip.store import schema
from grip.store.engine import Database
from grip.store.migrations import runner
from tests.store.generations import Generation, Row
from tests.store.schemas import count, tables_of

REVISIONS = [
    script.revision
    for script in ScriptDirectory.from_config(runner.config()).walk_revisions("base", "heads")
][::-1]

OTHERS = {"alembic_version", "catalog"}
"""Tables whose only row is the migrations' own."""

PROOFS = {"chain_block", "checkpoint", "checkpoint_balance"}
"""What is computed from the other tables: a row that nobody computed is found to be forged."""


@pytest.fixture
def old(empty_database: Database, clock: Clock) -> Context:
    """Surroundings with a database that has no schema yet."""
    return Context(database=empty_database, settings=load(environ={}), clock=clock, ids=IdSource())


async def walk(database: Database, revision: str, number: int | None = None) -> Sequence[Row]:
    """Bring the schema to a revision; write a generation where its number is told."""
    async with database.write() as connection:
        await schema.run_to(connection, revision)
        if number is None:
            return []
        tables = await connection.run_sync(tables_of)
        return await Generation(number, tables).write(connection)


async def test_rows_of_every_time_are_there_and_right_at_the_end(old: Context):
    """One walk through all revisions: at each one somebody signs up, pays, calls and waits."""
    written: list[Row] = []
    for number, revision in enumerate(REVISIONS):
        written += await walk(old.database, revision, number)
    await schema.upgrade(old.database)

    async with old.database.read() as connection:
        for table, values in written:
            assert await count(connection, table, values) == 1, (table, values)
        tables = set(await connection.run_sync(tables_of))
    # A new table needs rows in generations.py.
    assert tables - {table for table, _ in written} == OTHERS | PROOFS
    for _ in range(2):  # the second time with blocks and a checkpoint of rows of every time
        report = await ledger.verify(old)
        assert [check for check in report.checks if not check.ok] == []
        await closing.checkpoint(old, actor="test")
    assert (await schema.status(old.database)).is_current


async def test_code_of_runs_from_finds_all_that_it_knows_in_the_schema_of_today(old: Context):
    """It may be at work on it: nothing of its own is gone, and it can leave out what is new."""
    await walk(old.database, schema.RUNS_FROM)
    async with old.database.read() as connection:
        before = await connection.run_sync(tables_of)
    await walk(old.database, schema.HEAD)
    async with old.database.read() as connection:
        after = await connection.run_sync(tables_of)

    for table, columns in before.items():
        assert columns.items() <= after[table].items(), table
        for name in after[table].keys() - columns.keys():
            assert after[table][name].may_be_left_out, (table, name)


@pytest.mark.parametrize("revision", ["0004", schema.HEAD])
async def test_a_node_too_old_for_the_new_schema_keeps_it_from_being_made(
    old: Context, revision: str, monkeypatch: pytest.MonkeyPatch
):
    """One that was killed does not: its heartbeat stands still."""
    await walk(old.database, revision)
    monkeypatch.setattr(schema, "HEAD", "9999")
    monkeypatch.setattr(use_cases, "RUNS_FROM", "9998")
    monkeypatch.setattr(runner, "run_to", lambda _connection, _revision: None)
    async with old.database.write() as connection:
        await connection.execute(
            sa.text(
                "INSERT INTO boot (id, host, region, started_us, beats) "
                "VALUES ('boot_1', 'node-1', '', 1, 1)"
            )
        )

    async def beat(_seconds: float) -> None:
        async with old.database.write() as connection:
            await connection.execute(sa.text("UPDATE boot SET beats = beats + 1"))

    async def stand_still(_seconds: float) -> None:
        pass

    with pytest.raises(errors.Conflict, match="node-1"):
        await use_cases.upgrade(old, actor="test", sleep=beat)
    before = await use_cases.upgrade(old, actor="test", sleep=stand_still)
    assert before.current == revision


@pytest.mark.parametrize(
    ("revision", "is_stopped"), [("0016", True), ("0018", True), ("0019", False)]
)
async def test_code_that_does_not_ask_the_schema_is_to_be_stopped_before_the_upgrade(
    old: Context, revision: str, *, is_stopped: bool
):
    """It takes every newer schema for one that it cannot use: it would be unready at once."""
    await walk(old.database, revision)

    async def beat(_seconds: float) -> None:
        async with old.database.write() as connection:
            await connection.execute(sa.text("UPDATE boot SET beats = beats + 1"))

    async with old.database.write() as connection:
        await connection.execute(
            sa.text(
                "INSERT INTO boot (id, host, region, started_us, beats) "
                "VALUES ('boot_1', 'node-1', '', 1, 1)"
            )
        )
        if revision == "0019":
            await connection.execute(sa.text("UPDATE boot SET schema = '0019'"))
    if is_stopped:
        with pytest.raises(errors.Conflict, match="node-1"):
            await use_cases.upgrade(old, actor="test", sleep=beat)
    else:
        await use_cases.upgrade(old, actor="test", sleep=beat)

    assert (await schema.status(old.database)).is_current is not is_stopped


async def test_an_upgrade_does_not_stop_the_nodes_behind_a_backup(
    empty_postgres_url: str, monkeypatch: pytest.MonkeyPatch
):
    """It needs tables that are read: waiting for them, it would let all others wait behind it."""
    monkeypatch.setattr(schema, "_LOCK_TIMEOUT", "50ms")
    database = Database(empty_postgres_url)
    await walk(database, "0018")
    async with database.read() as backup:
        await backup.execute(sa.text("SELECT count(*) FROM boot"))

        with pytest.raises(errors.Conflict, match="backup"):
            await asyncio.wait_for(schema.upgrade(database), 30)
        async with database.write() as node:
            await node.execute(sa.text("UPDATE boot SET beats = beats + 1"))
        assert (await schema.status(database)).current == "0018"

    await schema.upgrade(database)
    assert (await schema.status(database)).is_current
    await database.close()


async def test_a_migration_that_fails_leaves_the_schema_as_it_was(
    old: Context, monkeypatch: pytest.MonkeyPatch
):
    """All of them are one transaction, on both engines."""
    await walk(old.database, "0004")
    real = runner.run_to

    def fail(connection: sa.Connection, _revision: str) -> None:
        real(connection, "0011")
        raise RuntimeError("the power went out")

    monkeypatch.setattr(runner, "run_to", fail)
    with pytest.raises(RuntimeError):
        await schema.upgrade(old.database)

    assert (await schema.status(old.database)).current == "0004"
    async with old.database.read() as connection:
        assert "task" not in await connection.run_sync(tables_of)


def test_revisions_count_up_and_none_is_taken_twice():
    """They are compared as texts, by which one says what is newer."""
    folder = Path(runner.__file__).parent / "versions"
    files = sorted(path.name[:4] for path in folder.glob("[0-9]*.py"))

    assert files == sorted(set(files))
    assert files == REVISIONS
