"""The state of the schema: made on first use, upgraded on request, refused when it is not ours.

An empty database is filled by whichever command comes first. One that is behind is never changed
unasked: `grip db upgrade` does that.
"""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from grip import errors
from grip.store.engine import Database

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


async def status(database: Database) -> SchemaStatus:
    """Return how the schema stands, without changing it."""
    async with database.read() as connection:
        current = await connection.run_sync(_current)
    return SchemaStatus(current=current, head=_head())


async def upgrade(database: Database) -> SchemaStatus:
    """Bring the schema to the one of this version, in one transaction; return how it stood."""
    async with database.write() as connection:
        return await connection.run_sync(_upgrade)


async def ensure(database: Database) -> None:
    """Make the schema in an empty database; raise DatabaseOutdated where it is another one."""
    before = await status(database)
    if before.current is None:
        await upgrade(database)
    elif not before.is_current:
        raise errors.DatabaseOutdated(
            f"the database is at {before.current} and this version needs {before.head}; "
            "run: grip db upgrade"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    return config


def _head() -> str:
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise errors.DatabaseOutdated("no migrations are installed; reinstall grip-gateway")
    return head


def _current(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: sa.Connection) -> SchemaStatus:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
    before = SchemaStatus(current=_current(connection), head=_head())
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return before
