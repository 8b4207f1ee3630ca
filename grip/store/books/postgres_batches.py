"""One batch on PostgreSQL: load and lock, plan, apply, commit.

Every batch locks in one order: holds, then wallets, keys, members and claims, each by id, so that
two batches wait for each other and never deadlock. Time is the database's, read after the locks.
A batch commits without waiting for the disk, which the barrier does.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import structlog

from grip import failpoints
from grip.money.batch import Plan
from grip.money.entries import Admit, Entry, Outcome
from grip.money.states import (
    ClaimState,
    HoldState,
    KeyState,
    Loaded,
    MemberState,
    TierLimits,
    WalletState,
)
from grip.store.books import port, statements
from grip.store.books.postgres_statements import APPLY, LOCK, arguments
from grip.store.books.statements import for_postgres
from grip.store.engine import Database

_COMMAND_TIMEOUT_S: Final = 10
_STALLED_AFTER_S: Final = 3
"""How long a transaction keeps its locks while nothing comes from its process."""

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # Raised by the first use of a connection that the server closed while it was idle.
    asyncpg.InternalClientError,
)
AWAY_STATES = (
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    # A standby, or a server that was told to take no writes.
    asyncpg.ReadOnlySQLTransactionError,
    # This process had stalled, and its transaction is gone.
    asyncpg.IdleInTransactionSessionTimeoutError,
)
AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

log = structlog.get_logger(__name__)


class Unsent(ConnectionError):
    """No connection could be had, so nothing of the batch has reached the server."""


async def open_pool(dsn: str, size: int, init: Any) -> Any:
    """Return a pool of at most `size` connections, each prepared by `init` for good.

    asyncpg would undo that, and take a round trip for it, whenever a connection is given back.
    """
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        command_timeout=_COMMAND_TIMEOUT_S,
        init=init,
        reset=_leave_as_it_is,
    )


class Batches:
    """Runs batches, several at a time, each on a connection of its own."""

    def __init__(self, database: Database, tiers: Mapping[str, TierLimits]) -> None:
        self._dsn = database.dsn
        self._tiers = tiers
        self._sql = _Statements()

    async def start(self, size: int) -> None:
        """Open the connections; raises what asyncpg does."""
        self._pool = await open_pool(self._dsn, size, _prepare)

    async def stop(self) -> None:
        """Close the connections."""
        await self._pool.close()

    async def run(self, entries: list[Entry]) -> list[Outcome]:
        """Run a batch; where one entry breaks it, halve until that one stands alone.

        Raises what says that the database is away, or that the batch is worth another try.
        """
        try:
            return await self._transact(entries)
        except (*AWAY, *AWAY_STATES, *AGAIN):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, every entry has its answer
            if len(entries) > 1:
                half = len(entries) // 2
                return await self.run(entries[:half]) + await self.run(entries[half:])
            log.critical("books.broken", error=repr(error), entry=port.shown(entries[0]))
            return [port.broken(error)]

    async def _transact(self, entries: list[Entry]) -> list[Outcome]:
        kind = "settle" if port.is_durable(entries) else "hold"
        async with self._connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                plan = Plan(await self._load(connection, entries), self._tiers)
                outcomes = [plan.decide(entry) for entry in entries]
                if plan.changes_anything:
                    await self._apply(connection, plan)
            except BaseException:
                if not connection.is_closed():
                    await transaction.rollback()
                raise
            failpoints.hit(f"{kind}.before_commit")
            await transaction.commit()
        failpoints.hit(f"{kind}.after_commit")
        return outcomes

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        """Lend a connection; whatever fails at opening one, the database is away."""
        try:
            connection = await self._pool.acquire(timeout=_COMMAND_TIMEOUT_S)
        except (*AWAY, asyncpg.PostgresError) as error:
            raise Unsent(str(error)) from error
        try:
            yield connection
        finally:
            await self._pool.release(connection)

    async def _load(self, connection: Any, entries: list[Entry]) -> Loaded:
        admits, resolved = port.wanted(entries)
        holds = await self._many(connection, "hold", resolved)
        states = [HoldState(*row) for row in holds]
        named: list[Admit | HoldState] = [*admits, *states]
        wallets, keys, members = await connection.fetchrow(
            LOCK.sql,
            sorted({item.wallet_id for item in named}),
            sorted({item.key_id for item in named}),
            sorted({item.member_id for item in named}),
        )
        lost = set(resolved) - {hold.request_id for hold in states}
        settled = await self._many(connection, "settled", lost)
        claims = await self._claims(connection, admits)
        boots = sorted({admit.boot_id for admit in admits})
        now = await connection.fetchrow(self._sql.now, boots)
        return Loaded(
            now_us=now["now_us"],
            catalog_version=now["version"],
            wallets={row[0]: WalletState(*row) for row in wallets},
            keys={row[0]: KeyState(*row) for row in keys},
            members={row[0]: MemberState(*row) for row in members},
            holds={hold.request_id: hold for hold in states},
            settled={row["request_id"]: statements.settled(row) for row in settled},
            claims={(claim.key_id, claim.idem_key): claim for claim in claims},
            dead_boots=set(now["dead_boots"]),
        )

    async def _claims(self, connection: Any, admits: list[Admit]) -> list[ClaimState]:
        named = sorted({(a.key_id, a.idem_key) for a in admits if a.idem_key is not None})
        found = [await connection.fetchrow(self._sql.claim, *name) for name in named]
        return [ClaimState(*row) for row in found if row is not None]

    async def _many(self, connection: Any, kind: str, ids: Iterable[str]) -> list[Any]:
        distinct = sorted(set(ids))
        if not distinct:
            return []
        found: list[Any] = await connection.fetch(self._sql.select[kind], distinct)
        return found

    async def _apply(self, connection: Any, plan: Plan) -> None:
        values, expected = arguments(plan)
        written = await connection.fetchrow(APPLY.sql, *values)
        for (name, count), wanted in zip(written.items(), expected, strict=True):
            port.expect(count, wanted, name)
        await self._sql.update_hold.run(connection, list(plan.grown_holds.values()))
        if plan.gone_claims or plan.new_claims or plan.kept:
            await self._apply_claims(connection, plan)

    async def _apply_claims(self, connection: Any, plan: Plan) -> None:
        sql = self._sql
        if plan.gone_claims:
            gone = await connection.fetchmany(f"{sql.delete_claim} RETURNING 1", plan.gone_claims)
            port.expect(len(gone), len(plan.gone_claims), "claims freed")
        await sql.insert_claim.run(connection, plan.new_claims)
        await sql.keep_claim.run(connection, plan.kept)
        await sql.insert_answer.run(
            connection, [kept for kept in plan.kept if kept.body is not None]
        )


async def _leave_as_it_is(_connection: Any) -> None:
    """Keep what `init` set; batches leave nothing else behind."""


async def _prepare(connection: Any) -> None:
    """Commit without waiting for the disk; lock nobody out where this process stalls."""
    await connection.execute(
        "SET synchronous_commit = off; "
        f"SET idle_in_transaction_session_timeout = '{_STALLED_AFTER_S}s'"
    )


class _Write:
    """A statement that touches one row, run for many in one round trip and counted."""

    def __init__(self, statement: Any) -> None:
        compiled = for_postgres(statement)
        self._sql = f"{compiled.sql} RETURNING 1"
        self._args = compiled.getter()

    async def run(self, connection: Any, states: list[Any]) -> None:
        if states:
            done = await connection.fetchmany(self._sql, [self._args(state) for state in states])
            port.expect(len(done), len(states), self._sql)


class _Statements:
    """The hot statements, compiled for asyncpg."""

    def __init__(self) -> None:
        self.now = for_postgres(statements.CATALOG_TIME_AND_BOOTS).sql
        self.select = {kind: for_postgres(s).sql for kind, s in statements.SELECT_MANY.items()}
        self.claim = for_postgres(statements.CLAIM.with_for_update()).sql
        self.update_hold = _Write(statements.UPDATE_HOLD)
        self.delete_claim = for_postgres(statements.DELETE_CLAIM).sql
        self.insert_claim = _Write(statements.INSERT_CLAIM)
        self.keep_claim = _Write(statements.KEEP_CLAIM)
        self.insert_answer = _Write(statements.INSERT_ANSWER)
