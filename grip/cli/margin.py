"""`grip margin`: what was earned, and what would be lost."""

from typing import Annotated, Any

import typer

from grip.cli import output, parse
from grip.cli.options import AsJson, Config, Since, Until
from grip.cli.output import number, text
from grip.cli.runner import run
from grip.errors import InvalidRequest
from grip.services import exposure as prospects
from grip.services import margin

app = typer.Typer()

_NAMES = {
    "model": (text("model"),),
    "channel": (text("channel_id", "id"), text("channel")),
    "wallet": (text("wallet_id", "wallet"), text("owner")),
}

_COLUMNS = (
    number("calls"),
    number("revenue_usd", "revenue $"),
    number("buy_cost_usd", "buy cost $"),
    number("margin_usd", "margin $"),
    number("percent", "%"),
    number("unknown_calls", "calls of unknown cost"),
    number("unknown_revenue_usd", "their revenue $"),
)

_EXPOSURE_COLUMNS = (
    text("mark", "verdict"),
    text("model"),
    text("channel"),
    text("per"),
    number("sell", "sell $"),
    number("buy", "buy $"),
    number("margin", "margin $"),
)


@app.callback(invoke_without_command=True)
def earned(
    context: typer.Context,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="WHAT", help=f"One of {', '.join(margin.BY)}; else model."),
    ] = None,
    since: Since = None,
    until: Until = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what calls brought less what they cost you, the worst first."""
    if context.invoked_subcommand is not None:
        if any((by, since, until, config, as_json)):
            word = context.invoked_subcommand
            raise InvalidRequest(f"options go after the command: grip margin {word} --json")
        return
    what = parse.choice(by, "--by", tuple(margin.BY))
    found = run(
        config,
        margin.earned,
        by=what,
        from_us=parse.moment(since, "--from"),
        to_us=parse.moment(until, "--to"),
    )
    output.rows(
        [margin.describe(one) for one in found],
        (*_NAMES[what], *_COLUMNS),
        as_json=as_json,
        empty="No charged calls.",
    )


@app.command()
def exposure(config: Config = None, as_json: AsJson = False) -> None:
    """Show what each model would earn on each channel, before any traffic; losses go first."""
    found = [prospects.describe(one) for one in run(config, prospects.exposures)]
    output.rows(
        found if as_json else [{**one, "mark": _mark(one)} for one in found],
        _EXPOSURE_COLUMNS,
        as_json=as_json,
        empty="There is no enabled model with a price; see: grip models list",
    )


def _mark(found: dict[str, Any]) -> str:
    if found["channel_id"] is None:
        return "no channel"
    return {True: "LOSS", None: "unknown", False: "ok"}[found["loses"]]
