"""`grip usage`: the log of charged calls."""

from typing import Annotated

import typer

from grip.cli import output, parse
from grip.cli.options import AsJson, Config, Limit, Since, Until
from grip.cli.output import moment, number, text
from grip.cli.runner import run
from grip.services import usage
from grip.services.usage import describe
from grip.services.views import usage_view

app = typer.Typer(help="Charged calls: who, which model, what it cost.")

_COLUMNS = (
    moment("created_at", "time"),
    text("request_id", "request"),
    text("wallet_id", "wallet"),
    text("key_name", "key"),
    text("model"),
    text("channel"),
    text("status"),
    number("input_tokens", "input"),
    number("output_tokens", "output"),
    number("cost_nano"),
    number("credits"),
    number("balance_after", "balance"),
    number("latency_ms", "ms"),
)


@app.command("list")
def list_usage(
    wallet: Annotated[
        str | None, typer.Option("--wallet", metavar="WALLET", help="Calls of this wallet alone.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="Calls of this key alone.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="Calls of this model alone.")
    ] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the charged calls, newest first."""
    found = run(
        config,
        usage.list_usage,
        wallet=wallet,
        key=key,
        model=model,
        from_us=parse.moment(since, "--from"),
        to_us=parse.moment(until, "--to"),
        limit=limit,
    )
    output.rows(
        [usage_view(row) for row in found], _COLUMNS, as_json=as_json, empty="No charged calls."
    )


@app.command()
def show(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="The id in x-grip-request-id.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of a charged call."""
    found = run(config, usage.get, request)
    output.item(describe(found), as_json=as_json, title=f"Call {found.request_id}")
