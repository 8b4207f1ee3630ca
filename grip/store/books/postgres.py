"""The books on PostgreSQL: batches over asyncpg, any number of nodes at once.

Entries wait here, share batches (`postgres_batches.py`), and are answered: admissions once they are
committed, the rest behind the barrier (`postgres_barrier.py`) once it is on disk. A settlement
whose commit or flush is in doubt is tried again: the deletion of its hold is the claim, and
`UNIQUE (usage.request_id)` the guard.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Mapping
from itertools import compress
from typing import Any, Final

import asyncpg
import structlog

from grip import errors, failpoints
from grip.money.entries import Admit, Admitted, Entry, Outcome, Release
from grip.money.states import TierLimits
from grip.store.books import port, statements
from grip.store.books.caches import Lookups
from grip.store.books.postgres_barrier import Barrier, Lifeline
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

_TRANSACTIONS: Final = 2
"""Batches that run at the same time; more of them would only be smaller."""

_RETRY_AFTER_S: Final = (0.05, 0.2, *(1,) * 15)
Item = tuple[Entry, "asyncio.Future[Outcome] | None"]
"""An entry and who waits for it: nobody where the books let go of a hold by themselves."""

log = structlog.get_logger(__name__)


class PostgresBooks(Lookups):
    """`HotBooks` on a PostgreSQL database."""

    def __init__(
        self,
        database: Database,
        tiers: Mapping[str, TierLimits],
        meter: port.BatchMeter | None = None,
    ) -> None:
        super().__init__(database)
        self._database = database
        self._meter = meter
        self._batches = Batches(database, tiers)
        self._lifeline = Lifeline(database.dsn)
        self._barrier = Barrier(self._flush)
        self._waiting: deque[Item] = deque()
        self._free = _TRANSACTIONS
        self._pausing = 0
        self._is_waking = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._caller_sql = for_postgres(statements.CALLER).sql
        self._version_sql = for_postgres(statements.CATALOG_VERSION).sql

    async def start(self) -> None:
        """Open the connections; raises DatabaseUnavailable."""
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        try:
            self._pool = await open_pool(self._database.dsn, 2, insist_on_durability)
            await self._batches.start(_TRANSACTIONS + 2)
            await self._lifeline.open()
        except (*AWAY, asyncpg.PostgresError) as error:
            raise unavailable(error) from error

    async def stop(self) -> None:
        """Let what waits be finished, then close the connections."""
        self._stopping = True
        self._wake()
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._batches.stop()
        await self._lifeline.close()
        await self._pool.close()

    async def submit(self, entry: Entry) -> Outcome:
        """Queue `entry` and wait for its commit."""
        port.refuse_overflow(entry, len(self._waiting), stopping=self._stopping)
        if isinstance(entry, Admit) and self._is_away():
            raise _away()
        future: asyncio.Future[Outcome] = self._loop.create_future()
        self._enqueue(entry, future)
        return await port.answer(entry, future, self._enqueue)

    @property
    def waiting(self) -> int:
        """How many entries wait for a transaction."""
        return len(self._waiting)

    @property
    def hung_s(self) -> float:
        """Nothing: all is done on the loop."""
        return 0.0

    async def _read_caller(self, key_hash: str) -> Any:
        try:
            return await self._pool.fetchrow(self._caller_sql, key_hash)
        except (*AWAY, asyncpg.PostgresError) as error:
            raise unavailable(error) from error

    async def _read_version(self) -> int:
        try:
            return int(await self._pool.fetchval(self._version_sql))
        except (*AWAY, asyncpg.PostgresError) as error:
            raise unavailable(error) from error

    async def _flush(self) -> None:
        await self._lifeline.flush()

    def _enqueue(self, entry: Entry, future: "asyncio.Future[Outcome] | None" = None) -> None:
        """Let the entry wait; all that arrive in one turn of the loop share a batch.

        A batch is nobody's own: what is logged of it names no request of those in it.
        """
        self._waiting.append((entry, future))
        if not self._is_waking:
            self._is_waking = True
            self._loop.call_soon(self._wake, context=self._context)

    def _enqueue_again(self, entry: Entry) -> None:
        if not self._stopping:
            self._enqueue(entry)

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
        """Run a batch; whatever happens to it, everybody has an answer."""
        try:
            await self._run(items)
        except Exception as error:  # noqa: BLE001 - a batch that vanished would hang its calls
            log.critical("books.batch_failed", error=repr(error), entries=len(items))
            in_doubt = [entry for entry, future in items if _was_not_told(entry, future)]
            self._answer(items, [unavailable(error) for _ in items])
            for admission in in_doubt:
                self._enqueue(*self._undone(admission))

    async def _run(self, items: list[Item]) -> None:
        """Run a batch; answer its admissions once it is committed, the rest once it is on disk."""
        life = self._lifeline.life
        begun, entries = self._loop.time(), len(items)
        try:
            items, outcomes = await self._persist(items)
        finally:
            if self._meter is not None:
                self._meter.done(entries, self._loop.time() - begun)
            self._free += 1
            self._wake()
        admissions = [isinstance(entry, Admit) for entry, _ in items]
        rest = list(compress(items, (not admitted for admitted in admissions)))
        self._answer(list(compress(items, admissions)), list(compress(outcomes, admissions)))
        if rest:
            left = compress(outcomes, (not admitted for admitted in admissions))
            await self._confirm(rest, list(left), life)

    async def _confirm(self, items: list[Item], outcomes: list[Outcome], life: int) -> None:
        """Answer what must be on disk behind the barrier; `life` was the lifeline's before.

        Where the flush fails, or is that of a server which has begun anew, what was committed may
        be lost: all is done again, which changes nothing where it was not.
        """
        for delay_s in (*_RETRY_AFTER_S, None):
            try:
                if port.is_durable([entry for entry, _ in items]):
                    await self._barrier.wait()
                    self._lifeline.insist(life)
            except (*AWAY, asyncpg.PostgresError) as error:
                log.warning("books.not_flushed", error=repr(error), entries=len(items))
                if delay_s is None:
                    outcomes = [unavailable(error) for _ in items]
                    break
                await asyncio.sleep(delay_s)
                life = self._lifeline.life
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
                self._answer(admissions, [unavailable(error) for _ in admissions])
                items = [item for item in items if not isinstance(item[0], Admit)]
                if not isinstance(error, Unsent):
                    items += [self._undone(entry) for entry, _ in admissions]
                if not items:
                    return [], []
                if delay_s is None:
                    return items, [unavailable(error) for _ in items]
                await self._pause(delay_s)
        raise AssertionError("unreachable")

    def _undone(self, admission: Entry) -> Item:
        return Release(request_id=admission.request_id), None

    async def _pause(self, delay_s: float) -> None:
        """Wait before another try; where all batches do, admissions are turned away meanwhile."""
        self._pausing += 1
        try:
            if self._is_away():
                self._turn_away()
            await asyncio.sleep(delay_s)
        finally:
            self._pausing -= 1

    def _is_away(self) -> bool:
        return self._free == 0 and self._pausing >= _TRANSACTIONS

    def _turn_away(self) -> None:
        """Answer the admissions that wait; nothing of them has reached the server."""
        for entry, future in self._waiting:
            if isinstance(entry, Admit) and future is not None and not future.done():
                future.set_result(_away())
        self._waiting = deque(item for item in self._waiting if not isinstance(item[0], Admit))

    def _answer(self, items: list[Item], outcomes: list[Outcome]) -> None:
        """Tell whoever waits; a hold that nobody waits for is let go, however long it takes."""
        for (entry, future), outcome in zip(items, outcomes, strict=True):
            if future is None:
                if isinstance(outcome, errors.DatabaseUnavailable):
                    self._loop.call_later(port.AGAIN_AFTER_S, self._enqueue_again, entry)
            elif not future.done():
                future.set_result(outcome)
            elif isinstance(outcome, Admitted):
                self._enqueue(Release(request_id=entry.request_id))


def _was_not_told(entry: Entry, future: "asyncio.Future[Outcome] | None") -> bool:
    """Whether this is an admission that nobody knows of: if it left a hold, it is let go."""
    if future is None or not isinstance(entry, Admit):
        return False
    return future.cancelled() or not future.done()


def _away() -> errors.DatabaseUnavailable:
    return errors.DatabaseUnavailable(
        "the database does not answer at the moment; retry shortly",
        detail="every transaction waits for it to come back",
    )
