"""The state of the schema: made on first use, upgraded on request, refused when it is not ours.

An empty database is filled by whichever command comes first. One that is behind is never changed
unasked: `grip db upgrade` does that.
"""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip import errors
from grip.store.engine import Database

HEAD: Final = "0018"
"""The revision of this version: the last file in `migrations/versions`."""

_CURRENT = sa.text("SELECT version_num FROM alembic_version")
_UPGRADE_LOCK = 0x67726970  # "grip": nodes that start together on one PostgreSQL take turns


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaStatus:
    """The revision in the database (None where it is empty) and the one of this version."""

    current: str | None
    head: str

    @property
    def is_current(self) -> bool:
        """Whether this version can work on the database."""
        return self.current == self.head

    @property
    def is_newer(self) -> bool:
        """Whether a later version has been at work here; revisions count up."""
        return self.current is not None and self.current > self.head


async def status(database: Database) -> SchemaStatus:
    """Return how the schema stands, without changing it."""
    async with database.read() as connection:
        return await _status(connection)


async def upgrade(database: Database) -> SchemaStatus:
    """Bring the schema to the one of this version, in one transaction; return how it stood."""
    # Alembic takes a tenth of a second to load, and this is its only use.
    from grip.store.migrations.runner import run_to_head  # noqa: PLC0415

    async with database.write() as connection:
        if not database.is_sqlite:
            lock = sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK))
            await connection.execute(lock)
        before = await _status(connection)
        if before.is_newer:
            raise _newer(before)
        await connection.run_sync(run_to_head)
    return before


async def ensure(database: Database) -> None:
    """Make the schema in an empty database; raise DatabaseOutdated where it is another one."""
    before = await status(database)
    if before.current is None:
        await upgrade(database)
    elif before.is_newer:
        raise _newer(before)
    elif not before.is_current:
        raise errors.DatabaseOutdated(
            f"the database is at {before.current} and this version needs {before.head}; "
            "run: grip db upgrade"
        )


def _newer(found: SchemaStatus) -> errors.DatabaseOutdated:
    return errors.DatabaseOutdated(
        f"the database is at {found.current}, of a newer grip than this one ({found.head}); "
        "run that one"
    )


async def _status(connection: AsyncConnection) -> SchemaStatus:
    is_there = await connection.run_sync(lambda c: sa.inspect(c).has_table("alembic_version"))
    current = (await connection.execute(_CURRENT)).scalar_one_or_none() if is_there else None
    return SchemaStatus(current=current, head=HEAD)
