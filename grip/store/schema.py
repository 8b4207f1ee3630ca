"""The state of the schema: made on first use, upgraded on request, refused when it is not ours.

An empty database is filled by whichever command comes first. One that is behind is never changed
unasked: `grip db upgrade` does that. One that is ahead says in `meta` which older code may still
run on it, so that nodes can be upgraded one by one.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip import errors
from grip.store.engine import Database
from grip.store.tables import meta

HEAD: Final = "0020"
"""The revision of this version: the last file in `migrations/versions`."""

RUNS_FROM: Final = "0019"
"""The oldest revision whose code may go on running on this schema, while nodes are upgraded one by
one. A migration that older code could not live with sets it to its own revision. None is older than
0019, the first whose code asks the schema whether it may."""

_RUNS_FROM_NAME: Final = "schema.runs_from"
_CURRENT = sa.text("SELECT version_num FROM alembic_version")
_UPGRADE_LOCK = 0x67726970  # "grip": nodes that start together on one PostgreSQL take turns
_LOCK_TIMEOUT = "5s"
"""How long an upgrade waits for a table: as long, all calls and heartbeats wait behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaStatus:
    """The revision in the database (None where it is empty) and the one of this version.

    `runs_from` is the oldest one whose code may run on it; None where the database does not say.
    """

    current: str | None
    head: str
    runs_from: str | None = None

    @property
    def is_current(self) -> bool:
        """Whether the schema is the one of this version."""
        return self.current == self.head

    @property
    def is_usable(self) -> bool:
        """Whether this version can work on the database: a newer one may say that it can."""
        is_allowed = self.runs_from is not None and self.runs_from <= self.head
        return self.is_current or (self.is_newer and is_allowed)

    @property
    def is_newer(self) -> bool:
        """Whether a later version has been at work here; revisions count up."""
        return self.current is not None and self.current > self.head


Afterwards = Callable[[AsyncConnection, SchemaStatus], Awaitable[None]]
"""What else belongs to an upgrade."""


async def status(database: Database) -> SchemaStatus:
    """Return how the schema stands, without changing it."""
    async with database.read() as connection:
        return await _status(connection)


async def upgrade(database: Database, then: Afterwards | None = None) -> SchemaStatus:
    """Bring the schema to the one of this version, in one transaction; return how it stood.

    `then` is called in that transaction with how it stood, once the tables are there. Raises
    Conflict where somebody keeps a table that is to be changed.
    """
    async with database.write() as connection:
        await take_turn(connection)
        before = await _status(connection)
        if before.is_newer:
            raise _newer(before)
        async with _without_queueing(connection, before):
            await run_to(connection, HEAD)
        await _say_who_may_run(connection)
        if then is not None:
            await then(connection, before)
    return before


async def take_turn(connection: AsyncConnection) -> None:
    """Let nobody else change the schema before the end of this transaction."""
    if connection.dialect.name == "postgresql":
        lock = sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK))
        await connection.execute(lock)


@asynccontextmanager
async def _without_queueing(
    connection: AsyncConnection, before: SchemaStatus
) -> AsyncIterator[None]:
    """Give up soon where others read what is to be changed: PostgreSQL lets all wait behind us."""
    if connection.dialect.name != "postgresql" or before.current is None:
        yield
        return
    await connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
    try:
        yield
    except sa.exc.DBAPIError as error:
        if not isinstance(getattr(error.orig, "__cause__", None), asyncpg.LockNotAvailableError):
            raise
        raise errors.Conflict(
            "somebody keeps a table that is to be changed, mostly a backup (grip db backup, "
            "pg_dump) or a long query; nothing was changed: run this again when that has ended "
            "(SELECT pid, query FROM pg_stat_activity ORDER BY xact_start)"
        ) from error


async def run_to(connection: AsyncConnection, revision: str) -> None:
    """Apply the migrations up to one of this version's revisions."""
    # Alembic takes a tenth of a second to load, and this is its only use.
    from grip.store.migrations import runner  # noqa: PLC0415

    await connection.run_sync(runner.run_to, revision)


async def ensure(database: Database) -> SchemaStatus:
    """Make the schema in an empty database; return how it stands.

    Raises DatabaseOutdated where it is one that this version cannot work on.
    """
    found = await status(database)
    if found.current is None:
        await upgrade(database)
        return await status(database)
    if found.is_usable:
        return found
    if found.is_newer:
        raise _newer(found)
    raise errors.DatabaseOutdated(
        f"the database is at {found.current} and this version needs {found.head}; "
        "run: grip db upgrade"
    )


def _newer(found: SchemaStatus) -> errors.DatabaseOutdated:
    return errors.DatabaseOutdated(
        f"the database is at {found.current}, of a newer grip than this one ({found.head}); "
        "run that one"
    )


async def _say_who_may_run(connection: AsyncConnection) -> None:
    change = sa.update(meta).where(meta.c.name == _RUNS_FROM_NAME).values(value=RUNS_FROM)
    if (await connection.execute(change)).rowcount == 0:
        await connection.execute(sa.insert(meta).values(name=_RUNS_FROM_NAME, value=RUNS_FROM))


async def _status(connection: AsyncConnection) -> SchemaStatus:
    is_there = await connection.run_sync(lambda c: sa.inspect(c).has_table("alembic_version"))
    if not is_there:
        return SchemaStatus(current=None, head=HEAD)
    current = (await connection.execute(_CURRENT)).scalar_one_or_none()
    says = sa.select(meta.c.value).where(meta.c.name == _RUNS_FROM_NAME)
    runs_from = None if current is None else (await connection.execute(says)).scalar_one_or_none()
    return SchemaStatus(current=current, head=HEAD, runs_from=runs_from)
