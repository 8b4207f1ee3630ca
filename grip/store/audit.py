"""The append-only record of every change that somebody made."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store import rows
from grip.store.records import AuditRow
from grip.store.tables import audit


async def append(
    connection: AsyncConnection,
    *,
    at_us: int,
    actor: str,
    action: str,
    subject: str,
    before: Any = None,
    after: Any = None,
    reason: str = "",
) -> None:
    """Write one change, in the transaction that makes it; `before` and `after` become JSON."""
    await connection.execute(
        sa.insert(audit).values(
            at_us=at_us,
            actor=actor,
            action=action,
            subject=subject,
            before=before,
            after=after,
            reason=reason,
        )
    )


async def load(
    connection: AsyncConnection, *, subject: str | None = None, limit: int | None = None
) -> list[AuditRow]:
    """Return the changes, newest first, of one subject or of all."""
    query = sa.select(audit).order_by(audit.c.seq.desc()).limit(limit)
    if subject is not None:
        query = query.where(audit.c.subject == subject)
    return [rows.record(AuditRow, row) for row in (await connection.execute(query)).mappings()]
