"""`grip ledger`: whether the books are right, and how to prove it later."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from grip.cli import errors, output
from grip.cli.options import Actor, AsJson, Config
from grip.cli.output import number, text
from grip.cli.runner import run
from grip.errors import InvalidRequest
from grip.services import checkpoints, closing, ledger
from grip.services.checkpoints import Line
from grip.services.ledger import Report

app = typer.Typer(help="The journal of credits, and its invariants.")

_COLUMNS = (
    text("name", "check"),
    text("ok"),
    number("count", "violations"),
    text("violations", "what"),
)


@app.callback()
def _noun() -> None:
    """The journal of credits, and its invariants."""


@app.command()
def verify(
    since_checkpoint: Annotated[
        bool,
        typer.Option("--since-checkpoint", help="Go on from the last checkpoint."),
    ] = False,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            "--checkpoint",
            metavar="LINE",
            help="Prove that the books contain this one, as it was printed.",
        ),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild every balance from the books, and check every invariant; exit 1 where one fails."""
    if since_checkpoint and checkpoint is not None:
        raise InvalidRequest(
            "a line is proven by all of the books; leave out --since-checkpoint", param="checkpoint"
        )
    line = None if checkpoint is None else checkpoints.read(checkpoint)
    report = _verified(config, since_checkpoint=since_checkpoint, line=line)
    shown = ledger.describe(report)
    if as_json:
        output.item(shown, as_json=True, title="")
    else:
        output.rows(shown["checks"], _COLUMNS, as_json=False, empty="")
    if not report.ok:
        raise typer.Exit(errors.FAILED)


@app.command("checkpoint")
def make_checkpoint(actor: Actor = "", config: Config = None, as_json: AsJson = False) -> None:
    """Verify the books, and print one line that proves them later; keep it elsewhere."""
    made = run(config, closing.checkpoint, actor=actor)
    shown = checkpoints.describe(made)
    output.message(shown, [shown["line"]], as_json=as_json)


def _verified(config: Config, *, since_checkpoint: bool, line: Line | None) -> Report:
    """Return the report, with a bar on a terminal while it is made."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("Verifying", total=ledger.CHECKS)
        return run(
            config,
            ledger.verify_and_note,
            since_checkpoint=since_checkpoint,
            line=line,
            done=lambda _check: progress.advance(bar),
        )
