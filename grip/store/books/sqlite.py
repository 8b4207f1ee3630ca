"""The books on SQLite: one writer thread with the bare driver, and short reads on the loop.

The writer is in `sqlite_writer.py`, checkpoints are in `sqlite_checkpoints.py`. Here entries wait,
share batches, and get their answers, however long the writer takes.
"""

import asyncio
import contextvars
import sqlite3
import threading
from collections import deque
from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any, Final

import structlog

from grip import errors
from grip.clock import Clock
from grip.money.entries import Admit, Admitted, Entry, Outcome, Release
from grip.money.states import TierLimits
from grip.store.books import port, statements
from grip.store.books.caches import Lookups
from grip.store.books.sqlite_checkpoints import Checkpointer
from grip.store.books.sqlite_connection import connect
from grip.store.books.sqlite_writer import Writer
from grip.store.books.statements import for_sqlite
from grip.store.engine import Database, unavailable

_READ_TIMEOUT_MS: Final = 50  # on the loop, where nothing may wait
_STALLED_S: Final = 10.0
_LOOK_EVERY_S: Final = 1.0

Item = tuple[Entry, "asyncio.Future[Outcome] | None"]
"""An entry and who waits for it: nobody where the books let go of a hold by themselves."""

log = structlog.get_logger(__name__)


class SqliteBooks(Lookups):
    """`HotBooks` on a SQLite file."""

    def __init__(
        self,
        database: Database,
        tiers: Mapping[str, TierLimits],
        clock: Clock,
        meter: port.BatchMeter | None = None,
    ) -> None:
        if database.path is None:
            raise errors.ConfigurationInvalid("database.url: not a SQLite file")
        super().__init__(database)
        self._path = database.path
        self._meter = meter
        self._writer = Writer(self._path, tiers, clock)
        self._waiting: deque[Item] = deque()
        self._batches: SimpleQueue[list[Item] | None] = SimpleQueue()
        self._idle = asyncio.Event()
        self._idle.set()
        self._running: list[Item] = []
        self._begun = 0.0
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="books", daemon=True)
        self._checkpointer = Checkpointer(self._path)
        self._caller_sql = for_sqlite(statements.CALLER).sql
        self._version_sql = for_sqlite(statements.CATALOG_VERSION).sql

    async def start(self) -> None:
        """Open the reader on the loop, then start the writer and the checkpointer."""
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        try:
            self._reader = connect(self._path)
            self._reader.execute(f"PRAGMA busy_timeout = {_READ_TIMEOUT_MS}")
            self._writer.open()
        except (sqlite3.Error, OSError) as error:
            raise unavailable(error) from error
        self._reader.row_factory = sqlite3.Row
        self._thread.start()
        self._checkpointer.start()
        self._watch = self._loop.call_later(_LOOK_EVERY_S, self._look)

    async def stop(self) -> None:
        """Let the writer finish what waits, then close everything."""
        self._stopping = True
        self._watch.cancel()
        while not self._idle.is_set():
            await self._idle.wait()
        self._batches.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._checkpointer.stop)
        self._reader.close()

    async def submit(self, entry: Entry) -> Outcome:
        """Hand `entry` to the writer and wait for its commit."""
        port.refuse_overflow(entry, len(self._waiting), stopping=self._stopping)
        if isinstance(entry, Admit) and self._is_stalled():
            raise _stalled()
        future: asyncio.Future[Outcome] = self._loop.create_future()
        self._enqueue(entry, future)
        return await port.answer(entry, future, self._enqueue)

    @property
    def waiting(self) -> int:
        """How many entries wait for a transaction."""
        return len(self._waiting)

    @property
    def hung_s(self) -> float:
        """For how many seconds the writer has had its batch, 0 where it has none."""
        return self._loop.time() - self._begun if self._running else 0.0

    async def _read_caller(self, key_hash: str) -> Any:
        """Read on the loop: microseconds, and it waits for no writer."""
        try:
            return self._reader.execute(self._caller_sql, (key_hash,)).fetchone()
        except sqlite3.Error as error:
            raise unavailable(error) from error

    async def _read_version(self) -> int:
        try:
            (version,) = self._reader.execute(self._version_sql).fetchone()
        except sqlite3.Error as error:
            raise unavailable(error) from error
        return int(version)

    def _enqueue(self, entry: Entry, future: "asyncio.Future[Outcome] | None" = None) -> None:
        """Let the entry wait; all that arrive in one turn of the loop share a batch.

        A batch is nobody's own: what is logged of it names no request of those in it.
        """
        self._waiting.append((entry, future))
        if self._idle.is_set():
            self._idle.clear()
            self._loop.call_soon(self._flush, context=self._context)

    def _enqueue_again(self, entry: Entry) -> None:
        if not self._stopping:
            self._enqueue(entry)

    def _flush(self) -> None:
        """Hand what waits to the writer, which has nothing to do."""
        if not self._waiting:
            self._idle.set()
            return
        count = min(len(self._waiting), port.MAX_BATCH)
        self._running = [self._waiting.popleft() for _ in range(count)]
        self._begun = self._loop.time()
        self._batches.put(self._running)

    def _is_stalled(self) -> bool:
        return self.hung_s > _STALLED_S

    def _look(self) -> None:
        """Turn waiting admissions away where the writer does not come back.

        Another process may have stopped in the middle of a transaction, or the disk may hang.
        Settlements wait on: what they stand for has happened.
        """
        if self._is_stalled():
            log.error("books.stalled", entries=len(self._running), waiting=len(self._waiting))
            for entry, future in (*self._running, *self._waiting):
                if isinstance(entry, Admit) and future is not None and not future.done():
                    future.set_result(_stalled())
            self._waiting = deque(item for item in self._waiting if not isinstance(item[0], Admit))
        self._watch = self._loop.call_later(_LOOK_EVERY_S, self._look)

    def _answer(self, items: list[Item], outcomes: list[Outcome]) -> None:
        """Tell whoever waits; a hold that nobody waits for is let go, however long it takes."""
        if self._meter is not None:
            self._meter.done(len(items), self._loop.time() - self._begun)
        self._running = []
        for (entry, future), outcome in zip(items, outcomes, strict=True):
            if future is None:
                if isinstance(outcome, errors.DatabaseUnavailable):
                    self._loop.call_later(port.AGAIN_AFTER_S, self._enqueue_again, entry)
            elif not future.done():
                future.set_result(outcome)
            elif isinstance(outcome, Admitted):
                self._enqueue(Release(request_id=entry.request_id))
        if self._writer.is_lost:
            self.lost.set()
        self._loop.call_soon(self._flush)

    def _work(self) -> None:
        while (items := self._batches.get()) is not None:
            entries = [entry for entry, _ in items]
            try:
                outcomes = self._writer.run(entries)
            except Exception as error:  # noqa: BLE001 - a thread that ended would hang all calls
                log.critical("books.writer_failed", error=repr(error), entries=len(entries))
                outcomes = [port.broken(error) for _ in entries]
            self._loop.call_soon_threadsafe(self._answer, items, outcomes)
        self._writer.close()


def _stalled() -> errors.DatabaseUnavailable:
    return errors.DatabaseUnavailable(
        "the database does not answer at the moment; retry shortly",
        detail=f"a transaction has been waiting for more than {_STALLED_S:.0f} s",
    )
