"""The books on SQLite: one writer thread with the bare driver, and short reads on the loop.

Admissions commit at `synchronous = NORMAL` (they survive the death of the process; a power cut may
forget an unsettled hold, which charges nothing), whatever holds a settlement at FULL. Checkpoints
run in a thread of their own: inside a commit they cost 10 ms at the 99.9th percentile.
"""

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import structlog

from grip import errors
from grip.clock import Clock
from grip.money.batch import Plan
from grip.money.entries import Admit, Admitted, Entry, Outcome, Release
from grip.money.states import HoldState, KeyState, Loaded, MemberState, TierLimits, WalletState
from grip.store import books, statements
from grip.store.engine import SQLITE_PRAGMAS, Database, unavailable
from grip.store.records import Caller, Catalog
from grip.store.statements import for_sqlite

_CHECKPOINT_EVERY_S = 1.0
_READ_TIMEOUT_MS = 50  # on the loop, where nothing may wait
_TRIES = 3
_AGAIN_AFTER_S = 0.2
_TRUNCATE_ABOVE_BYTES = 32 * 1024 * 1024

Item = tuple[Entry, "asyncio.Future[Outcome]"]

log = structlog.get_logger(__name__)


class SqliteBooks:
    """`HotBooks` on a SQLite file."""

    def __init__(self, database: Database, tiers: Mapping[str, TierLimits], clock: Clock) -> None:
        if database.path is None:
            raise errors.ConfigurationInvalid("database.url: not a SQLite file")
        self._path = database.path
        self._writer = _Writer(self._path, tiers, clock)
        self._waiting: deque[Item] = deque()
        self._batches: SimpleQueue[list[Item] | None] = SimpleQueue()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="books", daemon=True)
        self._checkpointer = _Checkpointer(self._path)
        self._callers = books.CallerCache()
        self._catalog = books.CatalogCache(database, self._read_version)
        self._caller_sql = for_sqlite(statements.CALLER).sql
        self._version_sql = for_sqlite(statements.CATALOG_VERSION).sql

    async def start(self) -> None:
        """Open the reader on the loop, then start the writer and the checkpointer."""
        self._loop = asyncio.get_running_loop()
        try:
            self._reader = connect(self._path)
            self._reader.execute(f"PRAGMA busy_timeout = {_READ_TIMEOUT_MS}")
            self._writer.open()
        except sqlite3.Error as error:
            raise unavailable(error) from error
        self._reader.row_factory = sqlite3.Row
        self._thread.start()
        self._checkpointer.start()

    async def stop(self) -> None:
        """Let the writer finish what waits, then close everything."""
        self._stopping = True
        while not self._idle.is_set():
            await self._idle.wait()
        self._batches.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._checkpointer.stop)
        self._reader.close()

    async def submit(self, entry: Entry) -> Outcome:
        """Hand `entry` to the writer and wait for its commit."""
        books.refuse_overflow(entry, len(self._waiting), stopping=self._stopping)
        return await books.answer(entry, self._enqueue(entry), self._enqueue)

    async def caller(self, key_hash: str, *, fresh: bool = False) -> Caller | None:
        """Look the key up on the loop: a read of microseconds that waits for no writer."""
        known = None if fresh else self._callers.get(key_hash)
        if known is not None:
            return known
        try:
            row = self._reader.execute(self._caller_sql, (key_hash,)).fetchone()
        except sqlite3.Error as error:
            raise unavailable(error) from error
        found = None if row is None else books.caller_record(row)
        self._callers.put(key_hash, found)
        return found

    async def catalog(self, *, fresh: bool = False) -> Catalog:
        """Return the snapshot, the newest where it must be `fresh`."""
        return await self._catalog.get(fresh=fresh)

    async def _read_version(self) -> int:
        try:
            (version,) = self._reader.execute(self._version_sql).fetchone()
        except sqlite3.Error as error:
            raise unavailable(error) from error
        return int(version)

    def _enqueue(self, entry: Entry) -> "asyncio.Future[Outcome]":
        """Let the entry wait; all that arrive in one turn of the loop share a batch."""
        future: asyncio.Future[Outcome] = self._loop.create_future()
        self._waiting.append((entry, future))
        if self._idle.is_set():
            self._idle.clear()
            self._loop.call_soon(self._flush)
        return future

    def _flush(self) -> None:
        """Hand what waits to the writer, which has nothing to do."""
        if not self._waiting:
            self._idle.set()
            return
        count = min(len(self._waiting), books.MAX_BATCH)
        self._batches.put([self._waiting.popleft() for _ in range(count)])

    def _answer(self, items: list[Item], outcomes: list[Outcome]) -> None:
        for (entry, future), outcome in zip(items, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)
            elif isinstance(outcome, Admitted):
                self._enqueue(Release(request_id=entry.request_id))
        self._loop.call_soon(self._flush)

    def _work(self) -> None:
        while (items := self._batches.get()) is not None:
            entries = [entry for entry, _ in items]
            try:
                outcomes = self._writer.run(entries)
            except Exception as error:  # noqa: BLE001 - a thread that ended would hang all calls
                log.critical("books.writer_failed", error=repr(error), entries=len(entries))
                outcomes = [books.broken(error)] * len(entries)
            self._loop.call_soon_threadsafe(self._answer, items, outcomes)
        self._writer.close()


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection with grip's pragmas, in autocommit mode."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in SQLITE_PRAGMAS:
        connection.execute(pragma)
    return connection


class _Writer:
    """Runs batches on one connection, in one thread."""

    def __init__(self, path: Path, tiers: Mapping[str, TierLimits], clock: Clock) -> None:
        self._path = path
        self._tiers = tiers
        self._clock = clock
        self._durable = True
        self._select = {kind: for_sqlite(s).sql for kind, s in statements.SELECT_ONE.items()}
        self._version = for_sqlite(statements.CATALOG_VERSION).sql
        self._update_wallet = _Write(statements.UPDATE_WALLET)
        self._update_key = _Write(statements.UPDATE_KEY)
        self._update_member = _Write(statements.UPDATE_MEMBER)
        self._insert_hold = for_sqlite(statements.INSERT_HOLD)
        self._hold_args = self._insert_hold.hold_getter()
        self._delete_hold = for_sqlite(statements.DELETE_HOLD).sql
        self._insert_usage = for_sqlite(statements.INSERT_USAGE)
        self._usage_args = self._insert_usage.usage_getter()

    def open(self) -> None:
        self._db = connect(self._path)
        self._db.execute("PRAGMA wal_autocheckpoint = 0")

    def close(self) -> None:
        self._db.close()

    def run(self, entries: list[Entry]) -> list[Outcome]:
        """Run `entries`; what resolves a hold is tried again where the file is locked or full."""
        outcomes = self._run(entries)
        for _ in range(_TRIES - 1):
            again = [
                index
                for index, outcome in enumerate(outcomes)
                if isinstance(outcome, errors.DatabaseUnavailable)
                and not isinstance(entries[index], Admit)
            ]
            if not again:
                break
            time.sleep(_AGAIN_AFTER_S)
            for index, outcome in zip(
                again, self._run([entries[index] for index in again]), strict=True
            ):
                outcomes[index] = outcome
        return outcomes

    def _run(self, entries: list[Entry]) -> list[Outcome]:
        """Run `entries` in one transaction; where one breaks it, halve until it stands alone."""
        try:
            return self._transact(entries)
        except sqlite3.OperationalError as error:
            log.warning("books.unavailable", error=str(error), entries=len(entries))
            return [unavailable(error)] * len(entries)
        except Exception as error:  # noqa: BLE001 - whatever it is, every entry has its answer
            if len(entries) > 1:
                half = len(entries) // 2
                return self._run(entries[:half]) + self._run(entries[half:])
            log.critical("books.broken", error=repr(error), entry=repr(entries[0]))
            return [books.broken(error)]

    def _transact(self, entries: list[Entry]) -> list[Outcome]:
        self._set_durability(durable=books.is_durable(entries))
        self._db.execute("BEGIN IMMEDIATE")
        try:
            plan = Plan(self._load(entries), self._tiers)
            outcomes = [plan.decide(entry) for entry in entries]
            if not books.needs_write(plan):
                self._db.execute("ROLLBACK")
                return outcomes
            self._apply(plan)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return outcomes

    def _set_durability(self, *, durable: bool) -> None:
        if durable is not self._durable:
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def _load(self, entries: list[Entry]) -> Loaded:
        (version,) = self._db.execute(self._version).fetchone()
        rows = Loaded(now_us=self._clock(), catalog_version=version)
        admits, resolved = books.wanted(entries)
        for request_id in resolved:
            if (row := self._one("hold", request_id)) is not None:
                rows.holds[request_id] = hold = HoldState(*row)
                self._load_purses(rows, hold)
            elif (row := self._one("settled", request_id)) is not None:
                rows.settled[request_id] = statements.settled(row)
        for admit in admits:
            self._load_purses(rows, admit)
        return rows

    def _load_purses(self, rows: Loaded, entry: Admit | HoldState) -> None:
        if entry.wallet_id not in rows.wallets and (row := self._one("wallet", entry.wallet_id)):
            rows.wallets[entry.wallet_id] = WalletState(*row)
        if entry.key_id not in rows.keys and (row := self._one("key", entry.key_id)):
            rows.keys[entry.key_id] = KeyState(*row)
        if entry.member_id not in rows.members and (row := self._one("member", entry.member_id)):
            rows.members[entry.member_id] = MemberState(*row)

    def _one(self, kind: str, key: str) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._db.execute(self._select[kind], (key,)).fetchone()
        return row

    def _apply(self, plan: Plan) -> None:
        self._update_wallet.run(self._db, list(plan.dirty_wallets.values()))
        self._update_key.run(self._db, list(plan.dirty_keys.values()))
        self._update_member.run(self._db, list(plan.dirty_members.values()))
        if plan.new_holds:
            self._db.executemany(
                self._insert_hold.sql, [self._hold_args(*hold) for hold in plan.new_holds]
            )
        if plan.gone_holds:
            gone = [(request_id,) for request_id in plan.gone_holds]
            done = self._db.executemany(self._delete_hold, gone)
            books.expect(done.rowcount, len(gone), "holds resolved")
        if plan.usage:
            self._db.executemany(
                self._insert_usage.sql, [self._usage_args(entry) for entry in plan.usage]
            )


class _Write:
    """An UPDATE of one row, run for many and counted."""

    def __init__(self, statement: Any) -> None:
        compiled = for_sqlite(statement)
        self._sql = compiled.sql
        self._args = compiled.getter()

    def run(self, db: sqlite3.Connection, states: list[Any]) -> None:
        if states:
            done = db.executemany(self._sql, [self._args(state) for state in states])
            books.expect(done.rowcount, len(states), self._sql)


class _Checkpointer:
    """Moves the write-ahead log into the file, aside from any commit."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="checkpoint", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        db = connect(self._path)
        # A checkpoint that waits for readers keeps writers waiting with it; the next one will do.
        db.execute("PRAGMA busy_timeout = 0")
        while not self._stopping.wait(_CHECKPOINT_EVERY_S):
            try:
                large = self._wal.exists() and self._wal.stat().st_size > _TRUNCATE_ABOVE_BYTES
                db.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if large else 'PASSIVE'})")
            except (sqlite3.Error, OSError) as error:
                log.debug("books.checkpoint_postponed", error=str(error))
        db.close()
