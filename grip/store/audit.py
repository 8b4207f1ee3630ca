"""The append-only record of every change that somebody made."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store import rows
from grip.store.records import AuditRow
from grip.store.tables import audit

_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows are asked for: all of them, unless told; times are [from, to).

    An `action` such as `channel` stands for `channel.add` and all others of its noun.
    """

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    from_us: int | None = None
    to_us: int | None = None


ALL: Final = Wanted()


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
    connection: AsyncConnection, wanted: Wanted = ALL, *, limit: int | None = None
) -> list[AuditRow]:
    """Return the changes that are asked for, newest first."""
    query = sa.select(audit).where(*_conditions(wanted)).order_by(audit.c.seq.desc()).limit(limit)
    return [rows.record(AuditRow, row) for row in (await connection.execute(query)).mappings()]


async def pages(connection: AsyncConnection, wanted: Wanted = ALL) -> AsyncIterator[list[AuditRow]]:
    """Yield the changes that are asked for, oldest first, a thousand at a time."""
    query = sa.select(audit).where(*_conditions(wanted)).order_by(audit.c.seq).limit(_PAGE)
    last = 0
    while True:
        found = (await connection.execute(query.where(audit.c.seq > last))).mappings()
        page = [rows.record(AuditRow, row) for row in found]
        if page:
            yield page
        if len(page) < _PAGE:
            return
        last = page[-1].seq


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.actor is not None:
        found.append(audit.c.actor == wanted.actor)
    if wanted.action is not None:
        of_noun = audit.c.action.startswith(f"{wanted.action}.", autoescape=True)
        found.append(sa.or_(audit.c.action == wanted.action, of_noun))
    if wanted.subject is not None:
        found.append(audit.c.subject == wanted.subject)
    if wanted.from_us is not None:
        found.append(audit.c.at_us >= wanted.from_us)
    if wanted.to_us is not None:
        found.append(audit.c.at_us < wanted.to_us)
    return found
