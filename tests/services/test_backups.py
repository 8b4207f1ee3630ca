"""Backups of databases in use, what proves them, and what may take a database's place."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from grip import errors
from grip.clock import Clock
from grip.ids import IdSource
from grip.services import accounts, backups, ledger
from grip.services import audit as audit_log
from grip.services.backups import Restore
from grip.services.context import Context
from grip.settings import load
from grip.store import boots, schema
from grip.store.backups import pages
from grip.store.engine import Database
from grip.store.tables import metadata
from tests.services.conftest import Shop


async def still(_seconds: float) -> None:
    """Sleep while nobody else does anything."""


def files(folder: Path, name: str) -> list[str]:
    """Return what there is with `name` in its own."""
    return [one.name for one in folder.iterdir() if name in one.name]


async def contents(database: Database) -> dict[str, list[Any]]:
    """Return all rows of all tables but those of the audit log, which notes restores."""
    async with database.read() as connection:
        return {
            table.name: sorted(
                map(tuple, (await connection.execute(sa.select(table))).all()), key=repr
            )
            for table in metadata.sorted_tables
            if table.name != "audit"
        }


async def business(shop: Shop) -> None:
    """Let there be a customer and a few calls."""
    key = await shop.key(await shop.customer())
    for _ in range(3):
        await shop.call(key)


async def test_a_backup_made_while_others_write_is_right_and_holds_what_was_there_before(
    shop: Shop, context: Context, tmp_path: Path
):
    """It is one state of the books: no call is in it by half."""
    key = await shop.key(await shop.customer())
    done = [await shop.call(key) for _ in range(3)]
    stopping = False

    async def sell() -> None:
        while not stopping:
            await shop.call(key)

    selling = asyncio.create_task(sell())
    made = await backups.backup(context, tmp_path / "b.db", actor="ana")
    stopping = True
    await selling

    with sqlite3.connect(made.file) as db:
        kept = {row for (row,) in db.execute("SELECT request_id FROM usage")}
    assert set(done) <= kept
    assert made.file.stat().st_mode & 0o777 == 0o600
    assert (made.checks, made.revision) == (ledger.CHECKS, schema.HEAD)
    assert files(tmp_path, "b.db") == ["b.db"]
    (noted, *_) = await audit_log.list_audit(context, subject="database")
    assert (noted.actor, noted.action) == ("ana", "db.backup")
    assert noted.after == {
        "file": str(made.file),
        "bytes": made.size,
        "revision": schema.HEAD,
    }


async def test_a_backup_is_restored_on_either_engine_row_by_row(
    shop: Shop, other: Callable[..., Context], empty_url: str, tmp_path: Path
):
    """Values are the same, and what is written next comes after them."""
    await business(shop)
    made = await backups.backup(shop.context, tmp_path / "b.db", actor="ana")
    before = await contents(shop.context.database)
    there = other(empty_url)

    done = await backups.restore(there, Restore(file=made.file, actor="eve", reason="moved"))

    assert (done.aside, done.is_current) == (None, True)
    assert await contents(there.database) == before
    await accounts.create(there, actor="test", email="new@example.com")
    assert (await ledger.verify(there)).ok
    noted = await audit_log.list_audit(there, subject="database")
    assert [(one.actor, one.action, one.reason) for one in noted] == [
        ("eve", "db.restore", "moved")
    ]


async def test_what_is_filled_is_replaced_only_when_that_is_said_and_then_kept(
    shop: Shop, context: Context, tmp_path: Path
):
    """Nothing is deleted: a restore of the wrong file can be undone."""
    await business(shop)
    made = await backups.backup(context, tmp_path / "b.db", actor="ana")
    await shop.customer("later@example.com")
    wish = Restore(file=made.file, actor="eve")

    with pytest.raises(errors.Conflict, match="--replace"):
        await backups.restore(context, wish)
    assert len(await accounts.list_accounts(context)) == 2
    done = await backups.restore(context, wish, replace=True, sleep=still)

    assert [one.email for one in await accounts.list_accounts(context)] == ["ana@example.com"]
    assert done.aside is not None
    if context.database.is_sqlite:
        with sqlite3.connect(done.aside) as db:
            (kept,) = db.execute("SELECT count(*) FROM account").fetchone()
    else:
        name = done.aside.removeprefix("schema ")
        async with context.database.read() as connection:
            query = sa.select(sa.func.count()).select_from(sa.table("account", schema=name))
            kept = (await connection.execute(query)).scalar_one()
    assert kept == 2
    assert (await ledger.verify(context)).ok


async def test_nothing_takes_the_place_of_a_sqlite_file_that_is_open(
    sqlite_url: str, other: Callable[..., Context], tmp_path: Path
):
    """A gateway would go on writing to the old one, and what it sold would be lost."""
    there = other(sqlite_url)
    await accounts.create(there, actor="test", email="ana@example.com")
    made = await backups.backup(there, tmp_path / "b.db", actor="ana")
    gateway = other(sqlite_url)
    await accounts.list_accounts(gateway)

    with pytest.raises(errors.Conflict, match="in use"):
        await backups.restore(there, Restore(file=made.file, actor="eve"), replace=True)

    assert files(tmp_path, "before") == []
    assert len(await accounts.list_accounts(gateway)) == 1


async def test_a_broken_file_is_replaced_and_kept_as_any_other(
    sqlite_url: str, other: Callable[..., Context], tmp_path: Path
):
    """That is what backups are for; somebody may yet read something from it."""
    there = other(sqlite_url)
    await accounts.create(there, actor="test", email="ana@example.com")
    made = await backups.backup(there, tmp_path / "b.db", actor="ana")
    await there.database.close()
    assert there.database.path is not None
    there.database.path.write_bytes(b"rubble")
    wish = Restore(file=made.file, actor="eve")

    with pytest.raises(errors.Conflict, match="--replace"):
        await backups.restore(there, wish)
    done = await backups.restore(there, wish, replace=True)

    assert done.aside is not None
    assert (tmp_path / done.aside).read_bytes() == b"rubble"
    assert [one.email for one in await accounts.list_accounts(there)] == ["ana@example.com"]


async def test_nothing_takes_the_place_of_a_database_in_which_hearts_beat(
    postgres_url: str, other: Callable[..., Context], tmp_path: Path
):
    """One that was killed counts as living too, until somebody has watched it."""
    there = other(postgres_url)
    async with there.database.write() as connection:
        await boots.register(connection, "boot_1", host="node-1", region="", now_us=1)
    made = await backups.backup(there, tmp_path / "b.db", actor="ana")

    async def beat(_seconds: float) -> None:
        async with there.database.write() as connection:
            await boots.beat(connection, "boot_1")

    wish = Restore(file=made.file, actor="eve")
    with pytest.raises(errors.Conflict, match="node-1"):
        await backups.restore(there, wish, replace=True, sleep=beat)
    await backups.restore(there, wish, replace=True, sleep=still)


async def test_what_a_newer_grip_has_made_is_that_ones_to_move_and_to_keep(
    postgres_url: str, other: Callable[..., Context], tmp_path: Path
):
    """This one does not know all of its tables."""
    there = other(postgres_url)
    made = await backups.backup(there, tmp_path / "b.db", actor="ana")
    async with there.database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(errors.DatabaseOutdated, match="newer"):
        await backups.restore(there, Restore(file=made.file, actor="eve"), replace=True)
    with pytest.raises(errors.DatabaseOutdated, match="newer"):
        await backups.backup(there, tmp_path / "c.db", actor="ana")


async def test_a_restore_that_fails_has_changed_nothing(
    shop: Shop, context: Context, tmp_path: Path
):
    """A file that is none, a broken one, one of a newer grip, and one of wrong books."""
    await business(shop)
    made = await backups.backup(context, tmp_path / "b.db", actor="ana")
    before = await contents(context.database)
    whole = made.file.read_bytes()

    async def refused(name: str, content: bytes, *statements: str) -> str:
        file = tmp_path / name
        file.write_bytes(content)
        if statements:
            with sqlite3.connect(file) as db:
                for statement in statements:
                    db.execute(statement)
        with pytest.raises(errors.BackupUnusable) as error:
            wish = Restore(file=file, actor="eve")
            await backups.restore(context, wish, replace=True, sleep=still)
        assert name in error.value.message
        return error.value.message

    assert "no backup" in await refused("letter.txt", b"Dear Sir")
    middle = len(whole) // 2
    await refused("torn.db", whole[:middle])
    await refused(
        "flipped.db", whole[:4096] + bytes(len(whole) // 3) + whole[4096 + len(whole) // 3 :]
    )
    newer = "UPDATE alembic_version SET version_num = '9999'"
    assert "newer" in await refused("newer.db", whole, newer)
    richer = "UPDATE wallet SET balance = balance + 1"
    assert "wallet_balance" in await refused("richer.db", whole, richer)
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE songs (id INTEGER)")
    assert "none of grip's" in await refused("songs.db", foreign.read_bytes())
    assert await contents(context.database) == before


async def test_a_backup_of_books_that_are_not_right_is_kept_under_another_name(
    shop: Shop, context: Context, tmp_path: Path
):
    """It is all there is of them: nobody takes it for a good one, and no other takes its place."""
    await business(shop)
    async with context.database.write() as connection:
        await connection.execute(sa.text("UPDATE wallet SET balance = balance + 1"))

    with pytest.raises(errors.BooksBroken, match="wallet_balance"):
        await backups.backup(context, tmp_path / "b.db", actor="ana")

    kept = (tmp_path / "b.db.unproven").read_bytes()
    await shop.customer("later@example.com")
    with pytest.raises(errors.Conflict, match=r"b\.db\.unproven is there"):
        await backups.backup(context, tmp_path / "b.db", actor="ana")

    assert files(tmp_path, "b.db") == ["b.db.unproven"]
    assert (tmp_path / "b.db.unproven").read_bytes() == kept


async def test_a_database_that_waits_for_its_upgrade_is_kept_as_it_is(
    empty_database: Database, clock: Clock, tmp_path: Path
):
    """That is when a backup is wanted most; it is proven as what the upgrade would make of it."""
    old = Context(database=empty_database, settings=load(environ={}), clock=clock, ids=IdSource())
    async with empty_database.write() as connection:
        await schema.run_to(connection, "0004")
        await connection.execute(
            sa.text(
                "INSERT INTO account (id, email, name, created_us) VALUES ('acct_1', 'a@b', '', 1)"
            )
        )
    made = await backups.backup(old, tmp_path / "b.db", actor="ana")
    assert made.revision == "0004"
    done = await backups.restore(
        old, Restore(file=made.file, actor="eve"), replace=True, sleep=still
    )

    assert (done.is_current, (await schema.status(empty_database)).current) == (False, "0004")
    await schema.upgrade(empty_database)
    async with empty_database.read() as connection:
        emails = await connection.execute(sa.text("SELECT email FROM account"))
        assert list(emails.scalars()) == ["a@b"]


async def test_a_disk_that_is_full_leaves_no_file_and_says_what_to_do(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The disk of the backups, that is; and a folder that is not there is named."""
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL

    def fail(_target: Path, *_args: object, **_options: object) -> None:
        raise full

    with pytest.raises(errors.BackupFailed, match="No such file"):
        await backups.backup(context, tmp_path / "nowhere" / "b.db", actor="ana")
    monkeypatch.setattr("grip.store.backups.pages.copy", fail)
    monkeypatch.setattr("grip.store.backups.rows._open_to_fill", fail)
    with pytest.raises(errors.BackupFailed, match="make room"):
        await backups.backup(context, tmp_path / "b.db", actor="ana")

    assert files(tmp_path, "b.db") == []


KILLED = """
import asyncio, sys
from pathlib import Path
from grip import app, settings
from grip.services import backups

def told(done, of):
    print("under way", flush=True)
    sys.stdin.readline()

_, url, what, file = sys.argv
context = app.context(settings.load(environ={"GRIP_DATABASE_URL": url}))
if what == "backup":
    asyncio.run(backups.backup(context, Path(file), actor="ana", told=told))
else:
    wish = backups.Restore(file=Path(file), actor="eve")
    asyncio.run(backups.restore(context, wish, replace=True, told=told))
"""


def kill(url: str, what: str, file: Path, *, at: int = 1) -> None:
    """Kill a process in the middle of a backup or a restore, when it tells for the nth time."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, url, what, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(at):
        assert process.stdout.readline() == "under way\n"
        if number + 1 < at:
            process.stdin.write("\n")
            process.stdin.flush()
    process.send_signal(signal.SIGKILL)
    process.communicate()


async def test_what_is_killed_half_way_has_done_nothing(
    shop: Shop, database_url: str, tmp_path: Path
):
    """A backup has no name yet, a restore has moved nothing; and the next one works."""
    await business(shop)
    target = tmp_path / "b.db"
    if shop.context.database.is_sqlite:
        kill(database_url, "backup", target)
        assert not target.exists()
    await backups.backup(shop.context, target, actor="ana")
    await shop.customer("later@example.com")
    before = await contents(shop.context.database)
    await shop.context.database.close()

    # The second time, PostgreSQL is in the transaction that has moved the old tables already.
    kill(database_url, "restore", target, at=1 if shop.context.database.is_sqlite else 2)

    assert await contents(shop.context.database) == before
    wish = Restore(file=target, actor="eve")
    await backups.restore(shop.context, wish, replace=True, sleep=still)
    assert len(await accounts.list_accounts(shop.context)) == 1


def test_a_copy_is_one_state_however_fast_others_write(tmp_path: Path):
    """Between two steps of it somebody else changes first and last page: neither is in it."""
    source, target = tmp_path / "a.db", tmp_path / "b.db"
    with sqlite3.connect(source, isolation_level=None) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (n INTEGER, filling TEXT)")
        db.execute("BEGIN")
        db.executemany("INSERT INTO t VALUES (1, ?)", [("x" * 900,)] * 20_000)
        db.execute("COMMIT")
        looks = []

        def told(done: int, of: int | None) -> None:
            looks.append((done, of))
            db.execute("UPDATE t SET n = n + 1 WHERE rowid IN (1, 20000)")

        pages.copy(source, target, told, threading.Event(), is_live=True)

    assert len(looks) > 2
    with sqlite3.connect(target) as copied:
        assert copied.execute("SELECT DISTINCT n FROM t").fetchall() == [(1,)]
