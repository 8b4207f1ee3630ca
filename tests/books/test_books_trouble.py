"""What becomes of entries while the database is in trouble: named errors, and no half of a deed."""

import asyncio
import errno
import os
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from grip import errors
from grip.money.amounts import NANO
from grip.money.entries import Admit, Admitted, Entry, Outcome, Released, Settled
from grip.store.books import HotBooks
from grip.store.books.sqlite import SqliteBooks
from grip.store.engine import Database

KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
LOCKED = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)

OTHERS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


async def test_a_file_that_cannot_be_written_refuses_and_recovers(sqlite_house, monkeypatch):
    """Nothing was held or charged, and what was held before can still be charged."""
    monkeypatch.setattr("grip.store.books.sqlite_writer._AGAIN_AFTER_S", 0)
    books = await sqlite_house.open()
    ana = await sqlite_house.customer()
    held, next_ = [await sqlite_house.asks(books, ana, 2) for _ in range(2)]
    await books.submit(held)
    books._writer._db.execute("PRAGMA query_only = ON")
    outcomes = await sqlite_house.all(books, next_, sqlite_house.settles(held, NANO))
    books._writer._db.execute("PRAGMA query_only = OFF")

    assert [type(outcome) for outcome in outcomes] == [errors.DatabaseUnavailable] * 2
    assert "readonly database" in outcomes[0].detail
    assert (await sqlite_house.wallet(ana.wallet_id)).held == 2
    assert isinstance(await books.submit(sqlite_house.settles(held, NANO)), Settled)
    await sqlite_house.verify()


async def test_a_settlement_is_tried_again_where_the_file_was_locked(sqlite_house, monkeypatch):
    """An admission is not: its caller can ask again."""
    monkeypatch.setattr("grip.store.books.sqlite_writer._AGAIN_AFTER_S", 0)
    books = await sqlite_house.open()
    ana = await sqlite_house.customer()
    held, left, next_ = [await sqlite_house.asks(books, ana, 2) for _ in range(3)]
    for entry in (held, left):
        await books.submit(entry)
    transact, tries = books._writer._transact, []

    def locked_once(entries: list[Entry]) -> Any:
        tries.append(entries)
        if len(tries) == 1:
            raise sqlite3.OperationalError("database is locked")
        return transact(entries)

    monkeypatch.setattr(books._writer, "_transact", locked_once)
    settle, release = sqlite_house.settles(held, NANO), sqlite_house.releases(left)
    outcomes = await sqlite_house.all(books, settle, next_, release)

    assert [type(outcome) for outcome in outcomes] == [
        Settled,
        errors.DatabaseUnavailable,
        Released,
    ]
    assert tries == [[settle, next_, release], [settle, release]]
    assert (await sqlite_house.wallet(ana.wallet_id)).held == 0
    await sqlite_house.verify()


async def test_a_file_that_another_program_keeps_locked_refuses_and_recovers(sqlite_house):
    """After the time that a writer waits for those who do not queue."""
    books = await sqlite_house.open()
    ana = await sqlite_house.customer()
    entry = await sqlite_house.asks(books, ana, 2)
    books._writer._db.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(sqlite_house.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(errors.DatabaseUnavailable, match="locked"):
        await books.submit(entry)
    other.close()

    assert isinstance(await books.submit(entry), Admitted)


async def test_a_file_that_is_broken_is_told_with_its_remedy(sqlite_house, monkeypatch):
    """It is an outage to those who wait, and no defect of each of them."""
    books = await sqlite_house.open()
    ana = await sqlite_house.customer()
    entries = [await sqlite_house.asks(books, ana, 2) for _ in range(2)]

    def broken(_entries: list[Entry]) -> Any:
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error

    monkeypatch.setattr(books._writer, "_transact", broken)
    outcomes = await sqlite_house.all(books, *entries)

    assert [type(outcome) for outcome in outcomes] == [errors.DatabaseUnavailable] * 2
    assert "restore a backup" in outcomes[0].detail


async def test_a_writer_whose_turn_does_not_come_turns_admissions_away(sqlite_house, monkeypatch):
    """Those that wait and those that come; what was held meanwhile is let go, settlements wait."""
    monkeypatch.setattr("grip.store.books.sqlite._STALLED_S", 0)
    monkeypatch.setattr("grip.store.books.sqlite._LOOK_EVERY_S", 0.001)
    books = await sqlite_house.open()
    ana = await sqlite_house.customer()
    held, waiting, late = [await sqlite_house.asks(books, ana, 2) for _ in range(3)]
    monkeypatch.setattr("grip.store.books.sqlite._STALLED_S", 60)
    await books.submit(held)
    async with sqlite_house.database.write():
        monkeypatch.setattr("grip.store.books.sqlite._STALLED_S", 0)
        settling = asyncio.create_task(books.submit(sqlite_house.settles(held, NANO)))
        with pytest.raises(errors.DatabaseUnavailable, match="does not answer"):
            await books.submit(waiting)
        with pytest.raises(errors.DatabaseUnavailable, match="does not answer"):
            await books.submit(late)
        assert not settling.done()
        monkeypatch.setattr("grip.store.books.sqlite._STALLED_S", 60)

    assert isinstance(await settling, Settled)
    await books.stop()
    sqlite_house.opened.clear()
    assert await sqlite_house.rows("holds") == []
    await sqlite_house.verify()


async def test_a_disk_that_fails_ends_all_charging_until_a_restart(sqlite_house, monkeypatch):
    """A second flush that succeeds would prove nothing of the first."""
    books = await sqlite_house.open()
    ana = await sqlite_house.customer()
    held, next_ = [await sqlite_house.asks(books, ana, 2) for _ in range(2)]
    await books.submit(held)

    def fail(_file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(errors.DatabaseUnavailable):
            await books.submit(sqlite_house.settles(held, NANO))
    with pytest.raises(errors.DatabaseUnavailable):
        await books.submit(sqlite_house.settles(held, NANO))
    with pytest.raises(errors.DatabaseUnavailable):
        await books.submit(next_)


async def test_a_table_that_has_gone_is_told_by_name(house, books, monkeypatch):
    """Of reads, of admissions and of settlements; nobody waits for ever."""
    monkeypatch.setattr("grip.store.books.sqlite_writer._AGAIN_AFTER_S", 0)
    ana = await house.customer()
    held, next_ = [await house.asks(books, ana, 2) for _ in range(2)]
    await books.submit(held)
    for table in ("holds", "usage", "api_key", "catalog"):
        await house.run(f"ALTER TABLE {table} RENAME TO {table}_away")
        outcomes = await house.all(books, next_, house.settles(held, NANO))
        for look in (books.caller(ana.hash, fresh=True), books.catalog(fresh=True)):
            try:
                await look
            except errors.GripError as error:
                outcomes.append(error)
        await house.run(f"ALTER TABLE {table}_away RENAME TO {table}")
        refused = [outcome for outcome in outcomes if isinstance(outcome, errors.GripError)]
        expected = {errors.DatabaseUnavailable, errors.BooksBroken}
        assert refused
        assert {type(outcome) for outcome in refused} <= expected
        assert all(isinstance(outcome, errors.GripError | Admitted) for outcome in outcomes[:2])
        if isinstance(outcomes[0], Admitted):
            await books.submit(house.releases(next_))

    assert isinstance(await books.submit(house.settles(held, NANO)), Settled)
    await house.verify()


async def test_books_on_a_file_that_cannot_be_opened_do_not_start(tmp_path, clock):
    """The first call would wait for ever."""
    (tmp_path / "grip.db").mkdir()
    database = Database(f"sqlite:///{tmp_path / 'grip.db'}")
    with pytest.raises(errors.DatabaseUnavailable):
        await SqliteBooks(database, {}, clock).start()
    await database.close()


def test_books_on_sqlite_need_a_file(clock):
    """Another engine has books of its own."""
    with pytest.raises(errors.ConfigurationInvalid):
        SqliteBooks(Database("postgresql://localhost/grip"), {}, clock)


async def test_checkpoints_move_the_log_into_the_file(sqlite_house, monkeypatch):
    """Beside the books, again and again; a log that has grown large is cut to nothing."""
    monkeypatch.setattr("grip.store.books.sqlite_checkpoints._EVERY_S", 0.001)
    monkeypatch.setattr("grip.store.books.sqlite_checkpoints._RESTART_ABOVE_BYTES", 0)
    monkeypatch.setattr("grip.store.books.sqlite_checkpoints._TRUNCATE_ABOVE_BYTES", 0)
    log = sqlite_house.database.path.with_name("grip.db-wal")
    assert log.stat().st_size > 0
    await sqlite_house.open()

    while (await asyncio.to_thread(log.stat)).st_size:
        pass


async def test_a_checkpoint_that_is_in_the_way_is_postponed(sqlite_house, monkeypatch):
    """The thread lives on and tries again."""
    tries, tried = [], threading.Semaphore(0)

    class Busy:
        def execute(self, sql: str) -> None:
            if "checkpoint" in sql:
                tries.append(sql)
                tried.release()
                raise sqlite3.OperationalError("database table is locked")

        def close(self) -> None:
            tries.append("closed")

    monkeypatch.setattr("grip.store.books.sqlite_checkpoints._EVERY_S", 0.001)
    monkeypatch.setattr("grip.store.books.sqlite_checkpoints.connect", lambda path: Busy())
    checkpointer = SqliteBooks(sqlite_house.database, {}, sqlite_house.clock)._checkpointer
    checkpointer.start()
    for _ in range(2):
        assert await asyncio.to_thread(tried.acquire, timeout=30)
    await asyncio.to_thread(checkpointer.stop)

    assert set(tries[:-1]) == {"PRAGMA wal_checkpoint(PASSIVE)"}
    assert tries[-1] == "closed"


async def blocked_by(
    operator: Any, books: HotBooks, customer: Any, *entries: Entry
) -> list[asyncio.Task[Outcome]]:
    """Submit entries and return their tasks when the database makes them wait for the operator."""
    await operator.execute("BEGIN")
    await operator.execute("SELECT 1 FROM wallet WHERE id = $1 FOR UPDATE", customer.wallet_id)
    tasks = [asyncio.create_task(books.submit(entry)) for entry in entries]
    while not await operator.fetchval(LOCKED):
        pass
    return tasks


async def test_a_settlement_survives_the_loss_of_its_connection(postgres_house, operator):
    """It is tried again and charges once; the admission beside it is refused, and holds nothing."""
    books = await postgres_house.open()
    ana = await postgres_house.customer()
    held, next_ = [await postgres_house.asks(books, ana, 2) for _ in range(2)]
    await books.submit(held)
    tasks = await blocked_by(operator, books, ana, postgres_house.settles(held, 2 * NANO), next_)
    await operator.execute(KILL)
    await operator.execute("ROLLBACK")
    settled, refused = await asyncio.gather(*tasks, return_exceptions=True)

    assert settled == Settled(cost_nano=2 * NANO, credits=2, balance_after=998)
    assert isinstance(refused, errors.DatabaseUnavailable)
    assert len(await postgres_house.rows("usage")) == 1
    assert await postgres_house.rows("holds") == []
    await postgres_house.verify()


async def test_connections_that_are_lost_under_load_lose_and_double_nothing(
    postgres_house, operator
):
    """Every settlement is charged once, however often the server throws everybody out."""
    two = [await postgres_house.open() for _ in range(2)]
    customers = [await postgres_house.customer() for _ in range(4)]
    entries = [await postgres_house.asks(two[0], customer, 3) for customer in customers]
    charged = []

    async def admitted(number: int, attempt: int = 0) -> Admit:
        entry: Admit = entries[number % 4]._replace(request_id=f"req_{number}.{attempt}")
        try:
            await two[number % 2].submit(entry)
        except errors.DatabaseUnavailable:
            await asyncio.sleep(0.01)  # who is turned away comes back, and not at once
            return await admitted(number, attempt + 1)
        return entry

    async def call(number: int) -> None:
        settle = postgres_house.settles(await admitted(number), 3 * NANO)
        charged.append(await two[number // 2 % 2].submit(settle))

    async def throw_out() -> None:
        for _ in range(4):
            await operator.execute(KILL)
            while not await operator.fetchval(OTHERS):
                pass

    async def calls(start: int) -> None:
        for number in range(start, 160, 8):
            await call(number)

    await asyncio.gather(throw_out(), *map(calls, range(8)))
    wallets = [await postgres_house.wallet(customer.wallet_id) for customer in customers]

    assert [type(outcome) for outcome in charged] == [Settled] * 160
    assert sum(1_000 - wallet.balance for wallet in wallets) == 3 * len(charged)
    assert await postgres_house.rows("holds") == []
    await postgres_house.verify()


async def test_reads_on_a_lost_connection_are_unavailable_and_recover(
    postgres_house, operator, monkeypatch
):
    """The pool opens another."""
    books = await postgres_house.open()
    ana = await postgres_house.customer()
    await operator.execute(KILL)
    seen: list[Any] = []
    looks: tuple[Callable[[], Awaitable[Any]], ...] = (
        lambda: books.caller(ana.hash, fresh=True),
        lambda: books.catalog(fresh=True),
    )
    while len(seen) < 2 or isinstance(seen[-1], errors.GripError):
        for look in looks:
            try:
                seen.append(await look())
            except errors.DatabaseUnavailable as error:
                seen.append(error)

    assert len(seen) < 10

    class Away:
        async def fetchrow(self, *_):
            raise ConnectionRefusedError

        fetchval = fetchrow

    monkeypatch.setattr(books, "_pool", Away())
    with pytest.raises(errors.DatabaseUnavailable):
        await books.caller(ana.hash, fresh=True)
    with pytest.raises(errors.DatabaseUnavailable):
        await books.catalog(fresh=True)
    monkeypatch.undo()


async def test_a_batch_that_fails_by_what_nobody_foresaw_is_answered(postgres_house, monkeypatch):
    """Its calls do not wait for ever, and what it may have held nobody keeps."""
    books = await postgres_house.open()
    ana = await postgres_house.customer()
    entry = await postgres_house.asks(books, ana, 2)
    run = books._batches.run

    async def fails_after(entries: list[Entry]) -> list[Outcome]:
        await run(entries)
        monkeypatch.setattr(books._batches, "run", run)
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(books._batches, "run", fails_after)
    with pytest.raises(errors.DatabaseUnavailable) as told:
        await books.submit(entry)

    assert told.value.detail == "unforeseen"
    await books.stop()
    postgres_house.opened.clear()
    assert await postgres_house.rows("holds") == []
    await postgres_house.verify()


async def test_a_flush_that_fails_by_what_nobody_foresaw_is_answered(postgres_house, monkeypatch):
    """The settlement can be asked for again, and happens once."""
    books = await postgres_house.open()
    ana = await postgres_house.customer()
    held = await postgres_house.asks(books, ana, 2)
    await books.submit(held)
    settle = postgres_house.settles(held, NANO)

    async def fails() -> None:
        raise RuntimeError("unforeseen")

    with monkeypatch.context() as patch:
        patch.setattr(books._lifeline, "flush", fails)
        with pytest.raises(errors.DatabaseUnavailable, match="cannot be used"):
            await books.submit(settle)

    assert isinstance(await books.submit(settle), Settled)
    assert (await postgres_house.wallet(ana.wallet_id)).balance == 999
    await postgres_house.verify()
