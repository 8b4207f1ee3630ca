"""`grip models simulate`: what a price list would have brought."""

from pathlib import Path
from typing import Annotated, Any

import typer

from grip.cli import output, parse
from grip.cli.options import AsJson, Config, Since, Until
from grip.cli.output import number, text
from grip.cli.runner import run
from grip.services import price_list
from grip.services import simulate as service

_SUMS = (
    number("calls"),
    number("revenue_before", "revenue $"),
    number("revenue_after", "new revenue $"),
    number("change_usd", "change $"),
    number("margin_before", "margin $"),
    number("margin_after", "new margin $"),
    number("percent_after", "new %"),
    number("unknown_calls", "calls of unknown cost"),
)


def simulate(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help='A price list in TOML: [models."NAME"] with input = "2.50" …'
        ),
    ],
    since: Since = None,
    until: Until = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what past calls would have brought at the prices in a file; nothing is changed."""
    found = service.describe(
        run(
            config,
            service.simulate,
            price_list.read(file),
            from_us=parse.moment(since, "--from"),
            to_us=parse.moment(until, "--to"),
        )
    )
    if as_json:
        output.item(found, as_json=True, title="")
        return
    models = [_flat(one) for one in (*found["models"], {"model": "(all)", **found["total"]})]
    output.rows(models, (text("model"), *_SUMS), as_json=False, empty="")
    customers = (text("wallet_id", "wallet"), text("owner"), *_SUMS)
    rows = [_flat(one) for one in found["customers"]]
    output.rows(rows, customers, as_json=False, empty="No charged calls.")


def _flat(one: dict[str, Any]) -> dict[str, Any]:
    before, after = one["before"], one["after"]
    return {
        **one,
        "revenue_before": before["revenue_usd"],
        "revenue_after": after["revenue_usd"],
        "margin_before": before["margin_usd"],
        "margin_after": after["margin_usd"],
        "percent_after": after["percent"],
    }
