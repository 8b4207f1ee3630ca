"""`grip reconcile`: orders beside the provider's books, the journal and the invoices."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from grip import app as gateway
from grip.cli import output, parse
from grip.cli.options import AsJson, Config, Since, Until
from grip.cli.output import text
from grip.cli.runner import run
from grip.errors import InvalidRequest, PaymentProviderUnable
from grip.payments.csv_export import read_charges
from grip.payments.port import Charge
from grip.services.context import Context
from grip.services.selling import reconciling
from grip.services.selling.reconciling import Difference

app = typer.Typer(add_completion=False)

_COLUMNS = (
    text("what"),
    text("order_id", "order"),
    text("payment_ref", "payment"),
    text("here"),
    text("there", "at the provider"),
)
_MONTH_US = 31 * 24 * 3600 * 1_000_000


@app.command()
def reconcile(
    provider: Annotated[
        str | None,
        typer.Option("--provider", metavar="NAME", help="This one alone; all that keep books."),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="The provider's export, instead of asking it."),
    ] = None,
    since: Since = None,
    until: Until = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show where orders, provider, journal and invoices differ; exit 1 where they do.

    Without times, the last 31 days.
    """

    async def look(context: Context) -> list[Difference]:
        now_us = context.clock()
        to_us = parse.moment(until, "--to") or now_us
        from_us = parse.moment(since, "--from") or to_us - _MONTH_US
        if from_us > to_us:
            raise InvalidRequest("--from is after --to", param="from")
        return [
            *await reconciling.own_books(context),
            *await _providers(context, provider, csv, from_us, to_us),
        ]

    found = run(config, look)
    output.rows([asdict(one) for one in found], _COLUMNS, as_json=as_json, empty="Nothing differs.")
    if found:
        raise typer.Exit(1)


async def _providers(
    context: Context, name: str | None, csv: Path | None, from_us: int, to_us: int
) -> list[Difference]:
    """Return the differences with one provider, or with all that can be asked."""
    if csv is not None and name is None:
        raise InvalidRequest("say --provider: whose export is it?", param="provider")
    providers = gateway.payment_providers(context.settings)
    found: list[Difference] = []
    try:
        for one in providers.names if name is None else (name,):
            span = {"from_us": from_us, "to_us": to_us}
            earlier_us = from_us - reconciling.EARLIER_US
            try:
                charges = (
                    _exported(csv, earlier_us, to_us)
                    if csv is not None
                    else providers.get(one).charges(earlier_us, to_us)
                )
                found += await reconciling.with_provider(context, one, charges, **span)
            except PaymentProviderUnable:
                # Without a name, whoever keeps no books is passed by.
                if name is not None:
                    raise
    finally:
        await providers.close()
    return found


async def _exported(csv: Path, from_us: int, to_us: int) -> AsyncIterator[Charge]:
    try:
        with csv.open(encoding="utf-8", newline="") as lines:
            found = list(read_charges(lines))
    except OSError as error:
        raise InvalidRequest(f"--csv: {csv} cannot be read: {error.strerror}") from error
    for charge in found:
        if from_us <= charge.created_us < to_us:
            yield charge
