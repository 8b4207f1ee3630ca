"""`grip ledger`: whether the books are right."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from grip.cli import errors, output
from grip.cli.options import AsJson, Config
from grip.cli.output import number, text
from grip.cli.runner import run
from grip.errors import Conflict
from grip.services import ledger
from grip.services.ledger import Report

app = typer.Typer(help="The journal of credits, and its invariants.")

_COLUMNS = (text("name", "check"), text("ok"), number("count", "violations"), text("violations"))


@app.callback()
def _noun() -> None:
    """The journal of credits, and its invariants."""


@app.command()
def verify(
    since_checkpoint: Annotated[
        bool,
        typer.Option("--since-checkpoint", help="Go on from the last checkpoint."),
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild every balance from the books, and check every invariant; exit 1 where one fails."""
    if since_checkpoint:
        raise Conflict("there is no checkpoint to go on from; run: grip ledger verify")
    report = _verified(config)
    shown = ledger.describe(report)
    if as_json:
        output.item(shown, as_json=True, title="")
    else:
        output.rows(shown["checks"], _COLUMNS, as_json=False, empty="")
    if not report.ok:
        raise typer.Exit(errors.FAILED)


def _verified(config: Config) -> Report:
    """Return the report, with a bar on a terminal while it is made."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("Verifying", total=ledger.CHECKS)
        return run(config, ledger.verify, done=lambda _check: progress.advance(bar))
