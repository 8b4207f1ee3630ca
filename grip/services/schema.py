"""The schema of the database: how it stands, and bringing it to the one of this version.

Refuses to take the schema away from under nodes whose code could not go on.
"""

from grip import errors
from grip.services.beats import Sleep, moving, sleeping
from grip.services.context import Context
from grip.store import audit, boots, schema
from grip.store.boots import Node
from grip.store.engine import Connection
from grip.store.schema import RUNS_FROM, SchemaStatus


async def status(context: Context) -> SchemaStatus:
    """Return how the schema stands, without changing it."""
    return await schema.status(context.database)


async def upgrade(context: Context, *, actor: str, sleep: Sleep = sleeping) -> SchemaStatus:
    """Bring the schema to the one of this version; return how it stood before.

    Raises Conflict while nodes run whose code is too old for it.
    """
    found = await schema.status(context.database)
    if not found.is_current and not found.is_newer:
        await _check_nodes(context, found.current, sleep)

    async def record(connection: Connection, before: SchemaStatus) -> None:
        if not before.is_current:
            await audit.append(
                connection,
                at_us=context.clock(),
                actor=actor,
                action="db.upgrade",
                subject="database",
                before=before.current,
                after=before.head,
            )

    return await schema.upgrade(context.database, record)


async def _check_nodes(context: Context, current: str | None, sleep: Sleep) -> None:
    """Refuse where a node runs that is too old; one that was killed only seems to run."""

    def is_too_old(node: Node) -> bool:
        # Who says nothing was made for the schema that it found, and for none after 0018.
        return (node.schema or min(current or "", boots.SILENT_UNTIL)) < RUNS_FROM

    found = await moving(context.database, which=is_too_old, sleep=sleep)
    hosts = sorted({node.host for node in found})
    if hosts:
        raise errors.Conflict(
            f"nodes run that are too old for the new schema ({', '.join(hosts)}); stop them, or "
            f"bring them to a version that is at {RUNS_FROM} at least, and run this again"
        )
