"""The steps `retention` and `health`, with what workers sweep by themselves while they run."""

from typing import Final

from grip.app import App
from grip.services.maintenance import retention
from grip.services.maintenance.step import Done, Run

HEALTH: Final = "forget what channels were sick with long ago"


async def expire(app: App, how: Run) -> Done:
    """Delete what is over; kept answers and results go even where no worker runs."""
    done = await retention.run(app.context, how)
    if how.dry_run or done.problems:
        return done
    answers = await app.answers.sweep()
    swept = await app.tasks.sweep()
    problems = (f"{swept.failed} results could not be deleted: see the log",) * bool(swept.failed)
    did = {**done.did, "answers": answers, "results": swept.deleted}
    return Done(did=did, problems=problems)


async def health(app: App, how: Run) -> Done:
    """Forget ailments that are over, and those of channels that are gone."""
    return Done() if how.dry_run else Done(did={"ailments": await app.health.forget()})
