"""The schema of the database: how it stands, and bringing it to the one of this version."""

from grip.services.context import Context
from grip.store import audit, schema
from grip.store.schema import SchemaStatus


async def status(context: Context) -> SchemaStatus:
    """Return how the schema stands, without changing it."""
    return await schema.status(context.database)


async def upgrade(context: Context, *, actor: str) -> SchemaStatus:
    """Bring the schema to the one of this version; return how it stood before."""
    before = await schema.upgrade(context.database)
    if not before.is_current:
        async with context.database.write() as connection:
            await audit.append(
                connection,
                at_us=context.clock(),
                actor=actor,
                action="db.upgrade",
                subject="database",
                before=before.current,
                after=before.head,
            )
    return before
