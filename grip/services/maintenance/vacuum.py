"""The step `vacuum`: space that deletions left, and what PostgreSQL plans its queries by."""

from typing import Final

from grip.services.context import Context
from grip.services.maintenance.step import Done, Run
from grip.store import vacuum

WHAT: Final = "give back what deletions left, and vacuum tables on PostgreSQL"


async def run(context: Context, how: Run) -> Done:
    """Do it, however often; nobody waits for it."""
    tidied = await vacuum.run(context.database, dry_run=how.dry_run)
    return Done(did={"tables": tidied.tables, "pages": tidied.pages})
