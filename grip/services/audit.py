"""The audit log: who changed what, and why."""

from grip.services.context import Context
from grip.store import audit
from grip.store.records import AuditRow


async def list_audit(
    context: Context, *, subject: str | None = None, limit: int | None = None
) -> list[AuditRow]:
    """Return the changes, newest first, of the thing with the id `subject` or of all."""
    async with context.database.read() as connection:
        return await audit.load(connection, subject=subject, limit=limit)
