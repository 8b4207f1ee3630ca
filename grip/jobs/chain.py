"""The step `chain`: closes blocks of the hash chain, and makes a checkpoint once a day.

The first checkpoint verifies the whole of the books, as one does each week; others what came since.
"""

from typing import Final

from grip import errors
from grip.app import App
from grip.services import chain, closing
from grip.services.maintenance.step import Done, Run

WHAT: Final = "close what the journals have grown by, and make a checkpoint once a day"
ACTOR: Final = "maintenance"


async def run(app: App, how: Run) -> Done:
    """Close all that can be closed, and make a checkpoint where one is due and the books right."""
    context = app.context
    of = await chain.pending(context)
    is_due = await closing.is_due(context)
    if how.dry_run:
        return Done(did={"rows": of, "checkpoints": int(is_due)})
    done = 0

    def told(rows: int) -> None:
        nonlocal done
        done += rows
        how.told(done, max(of, done))

    rows = await chain.close(context, told=told)
    made, problems = await _checkpoint(app) if is_due else (0, ())
    dropped = await closing.drop_stale(context)
    return Done(did={"rows": rows, "checkpoints": made, "balances": dropped}, problems=problems)


async def _checkpoint(app: App) -> tuple[int, tuple[str, ...]]:
    """Make one; return how many were made, and what is wrong with the books."""
    whole = await closing.is_whole_due(app.context)
    try:
        await closing.checkpoint(app.context, actor=ACTOR, whole=whole)
    except closing.Overtaken:
        return 0, ()
    except errors.Conflict as error:
        return 0, (error.message,)
    return 1, ()
