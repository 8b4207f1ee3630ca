"""The books on PostgreSQL: batches over asyncpg, any number of nodes at once.

Every batch locks in one order: holds, then wallets, keys and members, each by id, so that two
batches wait for each other and never deadlock. Time is the database's, read after the locks.
A settlement whose commit is in doubt is tried again: the deletion of its hold is the claim, and
`UNIQUE (usage.request_id)` the guard.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import structlog

from grip.money.batch import Plan
from grip.money.entries import Admit, Admitted, Entry, Outcome, Release
from grip.money.states import HoldState, KeyState, Loaded, MemberState, TierLimits, WalletState
from grip.store import books, statements
from grip.store.engine import Database, insist_on_durability, unavailable
from grip.store.records import Caller, Catalog
from grip.store.statements import for_postgres

_LANES = 2
_COMMAND_TIMEOUT_S = 10
_RETRY_AFTER_S = (0.05, 0.2, 1, 2, 4, 8)
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # Raised by the first use of a connection that the server closed while it was idle.
    asyncpg.InternalClientError,
)
_AWAY_STATES = (asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError)
_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


Item = tuple[Entry, "asyncio.Future[Outcome]"]

log = structlog.get_logger(__name__)


class PostgresBooks:
    """`HotBooks` on a PostgreSQL database."""

    def __init__(self, database: Database, tiers: Mapping[str, TierLimits]) -> None:
        self._database = database
        self._tiers = tiers
        self._waiting: deque[Item] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._lanes: list[asyncio.Task[None]] = []
        self._callers = books.CallerCache()
        self._catalog = books.CatalogCache(database, self._read_version)
        self._statements = _Statements()

    async def start(self) -> None:
        """Open the pool and the lanes that run batches."""
        try:
            self._pool = await asyncpg.create_pool(
                self._database.dsn,
                min_size=1,
                max_size=_LANES + 2,
                command_timeout=_COMMAND_TIMEOUT_S,
                init=insist_on_durability,
            )
        except (*_AWAY, asyncpg.PostgresError) as error:
            raise unavailable(error) from error
        self._lanes = [asyncio.create_task(self._lane()) for _ in range(_LANES)]

    async def stop(self) -> None:
        """Let the lanes finish what waits, then close the pool."""
        self._stopping = True
        self._wake.set()
        await asyncio.gather(*self._lanes)
        await self._pool.close()

    async def submit(self, entry: Entry) -> Outcome:
        """Queue `entry` and wait for its commit."""
        books.refuse_overflow(entry, len(self._waiting), stopping=self._stopping)
        return await books.answer(entry, self._enqueue(entry), self._enqueue)

    async def caller(self, key_hash: str, *, fresh: bool = False) -> Caller | None:
        """Look the key up, in memory unless `fresh`."""
        known = None if fresh else self._callers.get(key_hash)
        if known is not None:
            return known
        try:
            row = await self._pool.fetchrow(self._statements.caller, key_hash)
        except (*_AWAY, asyncpg.PostgresError) as error:
            raise unavailable(error) from error
        found = None if row is None else books.caller_record(row)
        self._callers.put(key_hash, found)
        return found

    async def catalog(self, *, fresh: bool = False) -> Catalog:
        """Return the snapshot, the newest where it must be `fresh`."""
        return await self._catalog.get(fresh=fresh)

    async def _read_version(self) -> int:
        try:
            return int(await self._pool.fetchval(self._statements.version))
        except (*_AWAY, asyncpg.PostgresError) as error:
            raise unavailable(error) from error

    def _enqueue(self, entry: Entry) -> "asyncio.Future[Outcome]":
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, future))
        self._wake.set()
        return future

    async def _lane(self) -> None:
        while True:
            if not self._waiting:
                if self._stopping:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            count = min(len(self._waiting), books.MAX_BATCH)
            items = [self._waiting.popleft() for _ in range(count)]
            outcomes = await self._run([entry for entry, _ in items])
            for (entry, future), outcome in zip(items, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)
                elif isinstance(outcome, Admitted):
                    self._enqueue(Release(request_id=entry.request_id))

    async def _run(self, entries: list[Entry]) -> list[Outcome]:
        """Run a batch; where one entry breaks it, halve until that one stands alone."""
        try:
            return await self._persist(entries)
        except (*_AWAY, *_AWAY_STATES, *_AGAIN) as error:
            log.warning("books.unavailable", error=repr(error), entries=len(entries))
            return [unavailable(error)] * len(entries)
        except Exception as error:  # noqa: BLE001 - whatever it is, every entry has its answer
            if len(entries) > 1:
                half = len(entries) // 2
                return await self._run(entries[:half]) + await self._run(entries[half:])
            log.critical("books.broken", error=repr(error), entry=repr(entries[0]))
            return [books.broken(error)]

    async def _persist(self, entries: list[Entry]) -> list[Outcome]:
        """Run a batch, again where its outcome is in doubt; no admission is tried twice.

        An admission in doubt may have left a hold, so a release takes its place. Admissions alone
        that never reached the server are given up at once.
        """
        refused: dict[str, Outcome] = {}
        for delay_s in (*_RETRY_AFTER_S, None):
            try:
                outcomes = await self._transact(entries)
            except (*_AWAY, *_AWAY_STATES, *_AGAIN) as error:
                only_admissions = all(isinstance(entry, Admit) for entry in entries)
                if delay_s is None or (isinstance(error, _Unsent) and only_admissions):
                    raise
                for entry in entries:
                    if isinstance(entry, Admit):
                        refused[entry.request_id] = unavailable(error)
                entries = [_without_admission(entry) for entry in entries]
                await asyncio.sleep(delay_s)
            else:
                return [
                    refused.get(entry.request_id, outcome)
                    for entry, outcome in zip(entries, outcomes, strict=True)
                ]
        raise AssertionError("unreachable")

    async def _transact(self, entries: list[Entry]) -> list[Outcome]:
        async with self._connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                if not books.is_durable(entries):
                    await connection.execute("SET LOCAL synchronous_commit = off")
                plan = Plan(await self._load(connection, entries), self._tiers)
                outcomes = [plan.decide(entry) for entry in entries]
                if books.needs_write(plan):
                    await self._apply(connection, plan)
            except BaseException:
                if not connection.is_closed():
                    await transaction.rollback()
                raise
            await transaction.commit()
        return outcomes

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        """Lend a connection; whatever fails at opening one, the database is away."""
        try:
            connection = await self._pool.acquire(timeout=_COMMAND_TIMEOUT_S)
        except (*_AWAY, asyncpg.PostgresError) as error:
            raise _Unsent(str(error)) from error
        try:
            yield connection
        finally:
            await self._pool.release(connection)

    async def _load(self, connection: Any, entries: list[Entry]) -> Loaded:
        admits, resolved = books.wanted(entries)
        holds = await self._many(connection, "hold", resolved)
        states = [HoldState(*row) for row in holds]
        named: list[Admit | HoldState] = [*admits, *states]
        wallets = await self._many(connection, "wallet", (item.wallet_id for item in named))
        keys = await self._many(connection, "key", (item.key_id for item in named))
        members = await self._many(connection, "member", (item.member_id for item in named))
        lost = set(resolved) - {hold.request_id for hold in states}
        settled = await self._many(connection, "settled", lost)
        now = await connection.fetchrow(self._statements.now)
        return Loaded(
            now_us=now["now_us"],
            catalog_version=now["version"],
            wallets={row["id"]: WalletState(*row) for row in wallets},
            keys={row["id"]: KeyState(*row) for row in keys},
            members={row["id"]: MemberState(*row) for row in members},
            holds={hold.request_id: hold for hold in states},
            settled={row["request_id"]: statements.settled(row) for row in settled},
        )

    async def _many(self, connection: Any, kind: str, ids: Iterable[str]) -> list[Any]:
        distinct = sorted(set(ids))
        if not distinct:
            return []
        found: list[Any] = await connection.fetch(self._statements.select[kind], distinct)
        return found

    async def _apply(self, connection: Any, plan: Plan) -> None:
        s = self._statements
        await s.update_wallet.run(connection, list(plan.dirty_wallets.values()))
        await s.update_key.run(connection, list(plan.dirty_keys.values()))
        await s.update_member.run(connection, list(plan.dirty_members.values()))
        if plan.new_holds:
            await connection.executemany(
                s.insert_hold, [s.hold_args(*hold) for hold in plan.new_holds]
            )
        if plan.gone_holds:
            gone = await connection.fetch(s.delete_holds, plan.gone_holds)
            books.expect(len(gone), len(plan.gone_holds), "holds resolved")
        if plan.usage:
            await connection.executemany(
                s.insert_usage, [s.usage_args(entry) for entry in plan.usage]
            )


class _Unsent(ConnectionError):
    """No connection could be had, so nothing of the batch has reached the server."""


def _without_admission(entry: Entry) -> Entry:
    return Release(request_id=entry.request_id) if isinstance(entry, Admit) else entry


class _Write:
    """An UPDATE of one row, run for many in one round trip and counted."""

    def __init__(self, statement: Any) -> None:
        compiled = for_postgres(statement)
        self._sql = f"{compiled.sql} RETURNING 1"
        self._args = compiled.getter()

    async def run(self, connection: Any, states: list[Any]) -> None:
        if states:
            done = await connection.fetchmany(self._sql, [self._args(state) for state in states])
            books.expect(len(done), len(states), self._sql)


class _Statements:
    """The hot statements, compiled for asyncpg."""

    def __init__(self) -> None:
        self.caller = for_postgres(statements.CALLER).sql
        self.version = for_postgres(statements.CATALOG_VERSION).sql
        self.now = for_postgres(statements.CATALOG_VERSION_AND_TIME).sql
        self.select = {kind: for_postgres(s).sql for kind, s in statements.SELECT_MANY.items()}
        self.update_wallet = _Write(statements.UPDATE_WALLET)
        self.update_key = _Write(statements.UPDATE_KEY)
        self.update_member = _Write(statements.UPDATE_MEMBER)
        hold = for_postgres(statements.INSERT_HOLD)
        self.insert_hold, self.hold_args = hold.sql, hold.hold_getter()
        usage = for_postgres(statements.INSERT_USAGE)
        self.insert_usage, self.usage_args = usage.sql, usage.usage_getter()
        self.delete_holds = for_postgres(statements.DELETE_HOLDS).sql
