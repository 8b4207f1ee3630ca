"""The audit log: who changed what, and why; listed, and written out for those who keep it."""

import contextlib
import csv
from collections.abc import AsyncGenerator
from typing import Any, Final, TextIO

import msgspec

from grip import errors
from grip.clock import to_iso
from grip.services.context import Context
from grip.services.spreadsheets import BYTE_ORDER_MARK, harmless
from grip.store import audit
from grip.store.audit import Wanted
from grip.store.records import AuditRow
from grip.store.snapshot import freeze

_COLUMNS: Final = ("number", "time", "actor", "action", "subject", "before", "after", "reason")


def wanted(
    *,
    actor: str | None = None,
    action: str | None = None,
    subject: str | None = None,
    from_us: int | None = None,
    to_us: int | None = None,
) -> Wanted:
    """Return what is asked for, None being all of it; an action may be a noun, such as `channel`.

    Raises InvalidRequest for a span that ends before it begins.
    """
    if from_us is not None and to_us is not None and from_us > to_us:
        raise errors.InvalidRequest("the span would end before it begins", param="to")
    return Wanted(actor=actor, action=action, subject=subject, from_us=from_us, to_us=to_us)


async def list_audit(
    context: Context,
    *,
    subject: str | None = None,
    where: Wanted | None = None,
    limit: int | None = None,
) -> list[AuditRow]:
    """Return the changes, newest first: of the thing `subject`, those `where`, or all."""
    async with context.database.read() as connection:
        return await audit.load(connection, where or Wanted(subject=subject), limit=limit)


def describe(row: AuditRow) -> dict[str, Any]:
    """Return a change as it is listed."""
    return {
        "at": to_iso(row.at_us),
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "before": row.before,
        "after": row.after,
        "reason": row.reason,
    }


async def export(context: Context, where: Wanted) -> list[dict[str, Any]]:
    """Return the changes, oldest first, each with the number that it has in the log."""
    async with contextlib.aclosing(_pages(context, where)) as pages:
        return [{"number": row.seq, **describe(row)} async for page in pages for row in page]


async def write_csv(context: Context, where: Wanted, stream: TextIO) -> int:
    """Write the changes, oldest first, as RFC 4180 with a byte order mark; return how many.

    What was before and after is JSON. A text that a spreadsheet would take for a formula gets an
    apostrophe in front. `stream` takes untranslated UTF-8.
    """
    stream.write(BYTE_ORDER_MARK)
    writer = csv.writer(stream)
    writer.writerow(_COLUMNS)
    count = 0
    async with contextlib.aclosing(_pages(context, where)) as pages:
        async for page in pages:
            writer.writerows(map(_cells, page))
            count += len(page)
    return count


async def _pages(context: Context, where: Wanted) -> AsyncGenerator[list[AuditRow], None]:
    """Yield pages of one state of the log.

    What fails where they are written is not raised in here, and not taken for the database's.
    """
    async with context.database.read() as connection:
        await freeze(connection)
        async for page in audit.pages(connection, where):
            yield page


def _cells(row: AuditRow) -> tuple[object, ...]:
    texts = (row.actor, row.action, row.subject, _json(row.before), _json(row.after), row.reason)
    return (row.seq, to_iso(row.at_us), *map(harmless, texts))


def _json(value: object) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()
