"""The books on PostgreSQL: batches over asyncpg, any number of nodes at once.

Entries wait here, share batches (`postgres_batches.py`), and are answered: admissions once they are
committed, the rest behind the barrier (`postgres_barrier.py`) once it is on disk. A settlement
whose commit or flush is in doubt is tried again: the deletion of its hold is the claim, and
`UNIQUE (usage.request_id)` the guard.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from itertools import compress
from typing import Final

import asyncpg
import structlog

from grip import failpoints
from grip.money.entries import Admit, Admitted, Entry, Outcome, Release
from grip.money.states import TierLimits
from grip.store.books import port, statements
from grip.store.books.caches import CallerCache, CatalogCache, caller_record
from grip.store.books.postgres_barrier import Barrier
from grip.store.books.postgres_batches import (
    AGAIN,
    AWAY,
    AWAY_STATES,
    Batches,
    Unsent,
    open_pool,
)
from grip.store.books.statements import for_postgres
from grip.store.engine import Database, insist_on_durability, unavailable
from grip.store.records import Caller, Catalog

_TRANSACTIONS: Final = 2
"""Batches that run at the same time; more of them would only be smaller."""

_RETRY_AFTER_S: Final = (0.05, 0.2, 1, 2, 4, 8)
_FLUSH: Final = "SELECT pg_logical_emit_message(true, 'grip', '')"
Item = tuple[Entry, "asyncio.Future[Outcome]"]

log = structlog.get_logger(__name__)


class PostgresBooks:
    """`HotBooks` on a PostgreSQL database."""

    def __init__(self, database: Database, tiers: Mapping[str, TierLimits]) -> None:
        self._database = database
        self._batches = Batches(database, tiers)
        self._barrier = Barrier(self._flush)
        self._waiting: deque[Item] = deque()
        self._free = _TRANSACTIONS
        self._is_waking = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._callers = CallerCache()
        self._catalog = CatalogCache(database, self._read_version)
        self._caller_sql = for_postgres(statements.CALLER).sql
        self._version_sql = for_postgres(statements.CATALOG_VERSION).sql

    async def start(self) -> None:
        """Open the connections; raises DatabaseUnavailable."""
        self._loop = asyncio.get_running_loop()
        try:
            self._pool = await open_pool(self._database.dsn, 2, insist_on_durability)
            await self._batches.start(_TRANSACTIONS + 2)
        except (*AWAY, asyncpg.PostgresError) as error:
            raise unavailable(error) from error

    async def stop(self) -> None:
        """Let what waits be finished, then close the connections."""
        self._stopping = True
        self._wake()
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._batches.stop()
        await self._pool.close()

    async def submit(self, entry: Entry) -> Outcome:
        """Queue `entry` and wait for its commit."""
        port.refuse_overflow(entry, len(self._waiting), stopping=self._stopping)
        return await port.answer(entry, self._enqueue(entry), self._enqueue)

    async def caller(self, key_hash: str, *, fresh: bool = False) -> Caller | None:
        """Look the key up, in memory unless `fresh`."""
        known = None if fresh else self._callers.get(key_hash)
        if known is not None:
            return known
        try:
            row = await self._pool.fetchrow(self._caller_sql, key_hash)
        except (*AWAY, asyncpg.PostgresError) as error:
            raise unavailable(error) from error
        found = None if row is None else caller_record(row)
        self._callers.put(key_hash, found)
        return found

    async def catalog(self, *, fresh: bool = False) -> Catalog:
        """Return the snapshot, the newest where it must be `fresh`."""
        return await self._catalog.get(fresh=fresh)

    async def _read_version(self) -> int:
        try:
            return int(await self._pool.fetchval(self._version_sql))
        except (*AWAY, asyncpg.PostgresError) as error:
            raise unavailable(error) from error

    async def _flush(self) -> None:
        await self._pool.execute(_FLUSH)

    def _enqueue(self, entry: Entry) -> "asyncio.Future[Outcome]":
        """Let the entry wait; all that arrive in one turn of the loop share a batch."""
        future: asyncio.Future[Outcome] = self._loop.create_future()
        self._waiting.append((entry, future))
        if not self._is_waking:
            self._is_waking = True
            self._loop.call_soon(self._wake)
        return future

    def _wake(self) -> None:
        self._is_waking = False
        while self._waiting and self._free:
            self._free -= 1
            count = min(len(self._waiting), port.MAX_BATCH)
            items = [self._waiting.popleft() for _ in range(count)]
            task = self._loop.create_task(self._carry(items))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, items: list[Item]) -> None:
        """Run a batch; answer its admissions once it is committed, the rest once it is on disk."""
        try:
            items, outcomes = await self._persist(items)
        finally:
            self._free += 1
            self._wake()
        admissions = [isinstance(entry, Admit) for entry, _ in items]
        rest = list(compress(items, (not admitted for admitted in admissions)))
        self._answer(list(compress(items, admissions)), list(compress(outcomes, admissions)))
        if rest:
            left = compress(outcomes, (not admitted for admitted in admissions))
            await self._confirm(rest, list(left))

    async def _confirm(self, items: list[Item], outcomes: list[Outcome]) -> None:
        """Answer what must be on disk behind the barrier.

        Where the flush fails, the server may have lost what it had committed: all is done again,
        which changes nothing where it was not lost.
        """
        for delay_s in (*_RETRY_AFTER_S, None):
            try:
                if port.is_durable([entry for entry, _ in items]):
                    await self._barrier.wait()
            except (*AWAY, asyncpg.PostgresError) as error:
                log.warning("books.not_flushed", error=repr(error), entries=len(items))
                if delay_s is None:
                    outcomes = [unavailable(error)] * len(items)
                    break
                await asyncio.sleep(delay_s)
                items, outcomes = await self._persist(items)
            else:
                failpoints.hit("settle.after_sync")
                break
        self._answer(items, outcomes)

    async def _persist(self, items: list[Item]) -> tuple[list[Item], list[Outcome]]:
        """Run a batch, again where its outcome is in doubt; no admission is tried twice.

        An admission that failed is answered at once. It may have left a hold where its commit is
        in doubt, so that a release takes its place.
        """
        for delay_s in (*_RETRY_AFTER_S, None):
            try:
                return items, await self._batches.run([entry for entry, _ in items])
            except (*AWAY, *AWAY_STATES, *AGAIN) as error:
                log.warning("books.unavailable", error=repr(error), entries=len(items))
                admissions = [item for item in items if isinstance(item[0], Admit)]
                self._answer(admissions, [unavailable(error)] * len(admissions))
                items = [item for item in items if not isinstance(item[0], Admit)]
                if not isinstance(error, Unsent):
                    items += [self._undone(entry) for entry, _ in admissions]
                if not items:
                    return [], []
                if delay_s is None:
                    return items, [unavailable(error)] * len(items)
                await asyncio.sleep(delay_s)
        raise AssertionError("unreachable")

    def _undone(self, admission: Entry) -> Item:
        return Release(request_id=admission.request_id), self._loop.create_future()

    def _answer(self, items: list[Item], outcomes: list[Outcome]) -> None:
        for (entry, future), outcome in zip(items, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)
            elif isinstance(outcome, Admitted):
                self._enqueue(Release(request_id=entry.request_id))
