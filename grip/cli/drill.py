"""`grip drill`: breaks a gateway of its own, and tells what was lost."""

import secrets
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from grip import settings
from grip.cli import errors, output
from grip.cli.options import AsJson
from grip.cli.output import number, text
from grip.drill import engines, interrupts, report, run
from grip.drill.report import Verdict
from grip.drill.run import Terms

app = typer.Typer(add_completion=False)

_COLUMNS = (text("what", "tried"), number("count", "how often"), number("lost"))
_SEEDS = 1_000_000
_DAY_S = 86_400


@app.command()
def drill(
    seconds: Annotated[
        int, typer.Option(min=1, max=_DAY_S, help="How long things are broken, on each engine.")
    ] = 60,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Draws the same plan of troubles again; else a fresh one."),
    ] = None,
    postgres: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Drill on PostgreSQL too: a server whose user may create databases.",
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            min=2, max=64, help="Worker processes; one that is killed must leave another."
        ),
    ] = 2,
    tasks: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100_000,
            metavar="N",
            help="Drill media tasks in place of calls: begin so many, and kill their workers.",
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the scratch folder and the scratch database.")
    ] = False,
    config: Annotated[  # noqa: ARG001 - said to be ignored, where it is explained
        Path | None,
        typer.Option(
            "--config",
            metavar="PATH",
            help="Taken as everywhere, and not read: the drill has a configuration of its own.",
            rich_help_panel="Common options",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Break a gateway on a scratch database, and prove that no money was lost.

    Nothing of yours is touched: neither your configuration nor your database is read.
    """
    terms = Terms(
        seconds=seconds,
        seed=secrets.randbelow(_SEEDS) if seed is None else seed,
        workers=workers,
        keep=keep,
        tasks=tasks,
        operators=settings.ENVIRON,
    )
    verdicts = interrupts.run(_verdicts(terms, postgres))
    _tell(terms, verdicts, as_json=as_json)
    if not all(verdict.ok for verdict in verdicts):
        raise typer.Exit(errors.FAILED)


async def _verdicts(terms: Terms, postgres: str | None) -> list[Verdict]:
    """Drill on each engine, with a bar on a terminal."""
    if postgres is not None:
        await engines.check(postgres)
    on_terminal = sys.stderr.isatty()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not on_terminal) as progress:
        bar = _Bar(progress)
        verdicts = [await run.drill(terms, bar)]
        if postgres is not None:
            verdicts.append(await run.drill(terms, bar, postgres=postgres))
    return verdicts


class _Bar:
    """Shows one phase after the other in the same line."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def phase(self, what: str, total: float) -> None:
        """Begin a part of the drill."""
        self._progress.reset(self._task, description=what, total=total, completed=0)

    def at(self, done: float) -> None:
        """Show how far it has come."""
        self._progress.update(self._task, completed=done)


def _tell(terms: Terms, verdicts: list[Verdict], *, as_json: bool) -> None:
    if as_json:
        output.item(_shown(terms, verdicts), as_json=True, title="")
        return
    for verdict in verdicts:
        output.message(
            {}, [f"{verdict.engine}, {terms.seconds} s, seed {terms.seed}"], as_json=False
        )
        rows = report.describe(verdict)["tried"]
        output.rows(rows, _COLUMNS, as_json=False, empty="")
        output.message({}, [*_lines(verdict), ""], as_json=False)


def _shown(terms: Terms, verdicts: list[Verdict]) -> dict[str, Any]:
    return {
        "ok": all(verdict.ok for verdict in verdicts),
        "seed": terms.seed,
        "seconds": terms.seconds,
        "engines": [report.describe(verdict) for verdict in verdicts],
    }


def _lines(verdict: Verdict) -> list[str]:
    """Return one line on the checks, what those say that fail, and where the files are."""
    failed = [check for check in verdict.checks if not check.ok]
    held = len(verdict.checks) - len(failed)
    lines = [f"{held} of {len(verdict.checks)} checks and invariants hold."]
    for check in failed:
        lines.append(f"  {check.name}: {check.count}")
        lines += [f"    {violation}" for violation in check.violations]
    if verdict.scratch is not None:
        lines.append(f"The files of this drill are in {verdict.scratch}")
    if verdict.database is not None:
        lines.append(f"Its database {verdict.database} is left on the server.")
    return lines
