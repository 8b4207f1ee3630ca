"""`grip invoices`: invoices and credit notes, listed, shown, and as PDF."""

from pathlib import Path
from typing import Annotated

import typer

from grip import errors
from grip.cli import files, output
from grip.cli.options import Actor, AsJson, Config, Limit
from grip.cli.output import moment, number, text
from grip.cli.runner import run
from grip.services.selling import drawing, papers

app = typer.Typer(help="Invoices and credit notes.")

_COLUMNS = (
    text("number"),
    text("kind"),
    moment("issued_at", "issued"),
    text("wallet_id", "wallet"),
    text("customer"),
    number("net"),
    number("tax"),
    number("gross"),
    text("currency"),
    text("order_id", "order"),
)

Reference = Annotated[str, typer.Argument(metavar="INVOICE", help="Its number or its id.")]


@app.command("list")
def list_invoices(
    wallet: Annotated[
        str | None, typer.Option("--wallet", metavar="WALLET", help="Those of this wallet alone.")
    ] = None,
    limit: Limit = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show invoices and credit notes, newest first."""
    found = run(config, papers.list_documents, wallet=wallet, limit=limit)
    output.rows(
        [papers.describe(one) for one in found], _COLUMNS, as_json=as_json, empty="No invoices."
    )


@app.command()
def show(invoice: Reference, config: Config = None, as_json: AsJson = False) -> None:
    """Show all that stands on one."""
    found = run(config, papers.find, invoice)
    shown = {**papers.describe(found), "content": found.content}
    output.item(shown, as_json=as_json, title=found.name)


@app.command()
def pdf(
    invoice: Reference,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where to write it; its number unless told."),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Write one as PDF, with the invoice as XML inside where its kind of tax has any."""
    found, drawn = run(config, drawing.pdf_of, invoice)
    path = out or Path(f"{found.name}.pdf")
    files.write(path, drawn.pdf, "--out")
    shown = {
        "number": found.name,
        "file": str(path),
        "bytes": len(drawn.pdf),
        "sha256": drawn.sha256,
    }
    output.done(shown, f"{path}: {found.name}, {len(drawn.pdf)} bytes.", as_json=as_json)


@app.command()
def generate(
    period: Annotated[
        str, typer.Option("--period", metavar="YYYY-MM", help="The month that is billed.")
    ],
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Bill what was posted on account in a month: once for each wallet, however often it is run."""
    billed = run(config, papers.generate, period, actor=actor)
    output.rows(
        [papers.describe(one) for one in billed.made],
        _COLUMNS,
        as_json=as_json,
        empty=f"There was nothing to bill for {period}, or it is billed already.",
    )
    if billed.missing:
        raise errors.Conflict(f"{len(billed.missing)} not billed: {'; '.join(billed.missing)}")
