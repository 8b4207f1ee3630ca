"""`grip maintenance`: looks after the books and the tables; a line for cron."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from grip import app as gateway
from grip import logs, settings
from grip.app import App
from grip.cli import errors, output
from grip.cli.options import Actor, AsJson, Config
from grip.cli.output import text
from grip.jobs import maintenance as job
from grip.jobs.maintenance import Report
from grip.services.maintenance.step import Step
from grip.settings import Settings
from grip.store import schema

app = typer.Typer(add_completion=False)

_COLUMNS = (text("step"), text("did"), text("problems"))


@app.command()
def maintenance(
    steps: Annotated[
        list[str] | None, typer.Argument(metavar="[STEP]...", help="These alone, not all.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be done, and change nothing.")
    ] = False,
    trust_clock: Annotated[
        bool,
        typer.Option("--trust-clock", help="The clock is right, however far it is from the rows."),
    ] = False,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Do what is due, and say what was done; safe to run twice, or on two machines at once."""
    chosen = settings.load(config)
    logs.configure(chosen.log)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as progress:

        def begun(step: Step) -> Callable[[int, int | None], None]:
            bar = progress.add_task(step.name, total=None)

            def told(done: int, of: int | None) -> None:
                progress.update(bar, completed=done, total=of)

            return told

        how = partial(job.run, dry_run=dry_run, trusts_clock=trust_clock, actor=actor, begun=begun)
        reports = asyncio.run(_run(chosen, steps or [], how, dry_run=dry_run))
    shown = [_shown(report) for report in reports]
    if as_json:
        output.rows(shown, (), as_json=True, empty="")
    else:
        rows = [row | {"did": _words(row["did"])} for row in shown]
        output.rows(rows, _COLUMNS, as_json=False, empty="")
    if any(report.done.problems for report in reports):
        raise typer.Exit(errors.FAILED)


async def _run(
    chosen: Settings,
    names: list[str],
    how: Callable[[App, list[str]], Awaitable[list[Report]]],
    *,
    dry_run: bool,
) -> list[Report]:
    running = gateway.build(chosen)
    job.chosen(running, names)
    if dry_run:
        await schema.ensure(running.context.database)
    else:
        await running.start()
    try:
        return await how(running, names)
    finally:
        if dry_run:
            await running.context.database.close()
        else:
            await running.stop()


def _shown(report: Report) -> dict[str, Any]:
    return {
        "step": report.step.name,
        "did": dict(report.done.did),
        "problems": list(report.done.problems),
    }


def _words(did: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in did.items() if count) or "nothing was due"
