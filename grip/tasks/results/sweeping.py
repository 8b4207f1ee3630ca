"""Deleting results whose time is over.

The bytes go first, then the row says so: who dies between the two does it again, which changes
nothing, and so does a second node. Refuses to sweep what no row names; see `ResultStore.tidy`.
"""

from typing import Final

import msgspec
import structlog

from grip import errors
from grip.storage import ResultStore
from grip.store import results
from grip.store.engine import Database

BATCH_ROWS: Final = 100
_DAY_US: Final = 86_400_000_000

log = structlog.get_logger(__name__)


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep did: results deleted by it, those that could not be, and parts of dead puts."""

    deleted: int
    failed: int
    parts: int


async def sweep(
    database: Database, store: ResultStore, now_us: int, *, batch_rows: int = BATCH_ROWS
) -> Swept:
    """Delete every result that is due, `batch_rows` in a transaction.

    One that cannot be deleted is told in the log and tried again by the next sweep; it holds up no
    other. Raises DatabaseUnavailable.
    """
    deleted = failed = 0
    after: results.Place | None = None
    while True:
        async with database.read() as connection:
            due = await results.due(connection, now_us, after=after, limit=batch_rows)
        gone = [row for row in due if await _is_gone(store, row)]
        failed += len(due) - len(gone)
        if gone:
            async with database.write() as connection:
                deleted += await results.mark_deleted(connection, gone, now_us)
        if len(due) < batch_rows:
            return Swept(deleted=deleted, failed=failed, parts=await store.tidy(now_us - _DAY_US))
        after = due[-1].place


async def _is_gone(store: ResultStore, row: results.Due) -> bool:
    if row.key is None:  # passed on, never kept
        return True
    try:
        await store.delete(row.key)
    except errors.ResultStoreUnavailable as error:
        log.warning("result.not_deleted", key=row.key, error=str(error))
        return False
    return True
