"""`grip maintenance`: its steps in their order, and the running of them.

Owns the order, and that no step keeps the next from running. Refuses to know what a step does.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog

from grip import errors
from grip.app import App
from grip.jobs import backups, chain, leases, sweeps
from grip.services.maintenance import invoices, retention, rollup, vacuum
from grip.services.maintenance.record import record
from grip.services.maintenance.step import Done, Run, Step

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of one step."""

    step: Step
    done: Done


def steps(app: App) -> tuple[Step, ...]:
    """Return all steps in the order in which they run."""
    context = app.context
    return (
        Step(name="leases", what=leases.WHAT, run=lambda how: leases.run(app, how)),
        Step(name="chain", what=chain.WHAT, run=lambda how: chain.run(app, how)),
        Step(name="rollup", what=rollup.WHAT, run=lambda how: rollup.run(context, how)),
        Step(name="retention", what=retention.WHAT, run=lambda how: sweeps.expire(app, how)),
        Step(name="vacuum", what=vacuum.WHAT, run=lambda how: vacuum.run(context, how)),
        Step(name="invoices", what=invoices.WHAT, run=lambda how: invoices.run(context, how)),
        Step(name="health", what=sweeps.HEALTH, run=lambda how: sweeps.health(app, how)),
        Step(name="backups", what=backups.WHAT, run=lambda how: backups.run(app, how)),
    )


def chosen(app: App, names: Sequence[str]) -> tuple[Step, ...]:
    """Return the steps of these names in their own order, all of them for none.

    Raises InvalidRequest for a name that is none.
    """
    known = steps(app)
    for name in names:
        if name not in (step.name for step in known):
            offered = ", ".join(step.name for step in known)
            raise errors.InvalidRequest(f"{name!r} is no step: there are {offered}", param="step")
    return tuple(step for step in known if not names or step.name in names)


async def run(
    app: App,
    names: Sequence[str] = (),
    *,
    dry_run: bool = False,
    trusts_clock: bool = False,
    actor: str,
    begun: Callable[[Step], Callable[[int, int | None], None]],
) -> list[Report]:
    """Run steps one after the other; one that fails is a problem of its own.

    `begun` hears of each, and returns who hears how far it is. What a step did leaves an audit row.
    """
    reports = []
    for step in chosen(app, names):
        how = Run(dry_run=dry_run, trusts_clock=trusts_clock, told=begun(step))
        done = await _guarded(step, partial(step.run, how))
        did = {what: count for what, count in done.did.items() if count}
        if did and not dry_run:
            noted = await _guarded(step, partial(_record, app, step, did, actor))
            done = replace(done, problems=done.problems + noted.problems)
        reports.append(Report(step=step, done=done))
    return reports


async def _guarded(step: Step, work: Callable[[], Awaitable[Done]]) -> Done:
    """Do it; whatever it fails with is a problem of this step, and keeps no other from running."""
    try:
        return await work()
    except errors.GripError as error:
        return Done(problems=(str(error),))
    except Exception as error:
        log.exception("maintenance.failed", step=step.name)
        return Done(problems=(f"this is a defect of grip: {type(error).__name__}: {error}",))


async def _record(app: App, step: Step, did: Mapping[str, int], actor: str) -> Done:
    """Leave an audit row of what a step did."""
    await record(app.context, step.name, did, actor=actor)
    return Done()
