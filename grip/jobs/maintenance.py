"""`grip maintenance`: its steps in their order, and the running of them.

Owns the order, and that no step keeps the next from running. Refuses to know what a step does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grip import errors
from grip.app import App
from grip.jobs import backups, chain, leases, sweeps
from grip.services.maintenance import invoices, retention, rollup, vacuum
from grip.services.maintenance.record import record
from grip.services.maintenance.step import Done, Run, Step


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
        try:
            done = await step.run(how)
            await _record(app, step, done, dry_run=dry_run, actor=actor)
        except errors.GripError as error:
            done = Done(problems=(str(error),))
        reports.append(Report(step=step, done=done))
    return reports


async def _record(app: App, step: Step, done: Done, *, dry_run: bool, actor: str) -> None:
    """Leave an audit row of what a step did, where that was anything."""
    did = {what: count for what, count in done.did.items() if count}
    if did and not dry_run:
        await record(app.context, step.name, did, actor=actor)
