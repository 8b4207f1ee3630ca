"""`grip usage`: the log of charged calls."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from grip.cli import output, parse
from grip.cli.options import Actor, AsJson, Config, Limit, Reason, Since, Until
from grip.cli.output import moment, number, text
from grip.cli.runner import run
from grip.clock import to_iso
from grip.errors import InvalidRequest
from grip.services import content as content_service
from grip.services import usage
from grip.services import usage_summary as sums
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


_SUMS = (
    number("calls"),
    number("input_tokens", "input"),
    number("output_tokens", "output"),
    number("cost_usd", "sold $"),
    text("share"),
    number("buy_cost_usd", "buy cost $"),
    number("unknown_buy", "of unknown cost"),
)


@app.command()
def summary(
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="WHAT", help=f"One of {', '.join(sums.BY)}; else day."),
    ] = None,
    wallet: Annotated[
        str | None, typer.Option("--wallet", metavar="WALLET", help="Calls of this wallet alone.")
    ] = None,
    since: Since = None,
    until: Until = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what was sold by day, month, model, channel, wallet or key; of whole days in UTC."""
    what = parse.choice(by, "--by", tuple(sums.BY))
    found = run(
        config,
        sums.summary,
        by=what,
        wallet=wallet,
        from_us=parse.moment(since, "--from"),
        to_us=parse.moment(until, "--to"),
    )
    most = max((row["cost_nano"] for row in found), default=0)
    shown = found
    if not as_json:
        shown = [row | {"share": output.bar(row["cost_nano"], most)} for row in found]
    output.rows(shown, (text(what), *_SUMS), as_json=as_json, empty="No charged calls.")


Request = Annotated[str, typer.Argument(metavar="REQUEST", help="The id in x-grip-request-id.")]


@app.command()
def show(
    request: Request,
    content: Annotated[
        bool,
        typer.Option("--content", help="Its content too, as far as it is kept: this is audited."),
    ] = False,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of a charged call; with --content, of any call."""
    if content:
        _show_content(run(config, content_service.read, request, actor=actor), as_json=as_json)
        return
    found = run(config, usage.get, request)
    output.item(describe(found), as_json=as_json, title=f"Call {found.request_id}")


@app.command()
def redact(
    reason: Reason,
    request: Annotated[
        str | None, typer.Argument(metavar="[REQUEST]", help="The id in x-grip-request-id.")
    ] = None,
    wallet: Annotated[
        str | None,
        typer.Option("--wallet", metavar="WALLET", help="Instead: all calls of this wallet."),
    ] = None,
    since: Since = None,
    until: Until = None,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Wipe the content of a call, or of a wallet's calls, for good; what was charged stays."""
    if (request is None) == (wallet is None):
        raise InvalidRequest("name a REQUEST or a --wallet, and not both", param="request")
    if wallet is not None:
        wiped = run(
            config,
            content_service.redact_wallet,
            wallet,
            actor=actor,
            reason=reason,
            from_us=parse.moment(since, "--from"),
            to_us=parse.moment(until, "--to"),
        )
    else:
        if since is not None or until is not None:
            raise InvalidRequest("--from and --to go with --wallet", param="from")
        run(config, content_service.redact, request or "", actor=actor, reason=reason)
        wiped = 1
    output.done(
        {"redacted": wiped},
        f"The content of calls that was wiped for good: {wiped}.",
        as_json=as_json,
    )


def _show_content(found: content_service.Reading, *, as_json: bool) -> None:
    row, detail = found.row, found.detail
    told = content_service.describe(detail)
    if row is not None:
        shown = describe(row)
    elif detail is not None:
        shown = {
            "request_id": detail.request_id,
            "created_at": to_iso(detail.created_us),
            "wallet_id": detail.wallet_id,
            "key_id": detail.key_id,
            "model": detail.trace.model,
            "status": detail.trace.outcome,
        }
    else:
        raise AssertionError("one of them is there")
    if as_json:
        output.item({**shown, "content": told}, as_json=True, title="")
        return
    output.item(shown, as_json=False, title=f"Call {shown['request_id']}")
    for side in ("request", "response"):
        output.page(_heading(told, side), told[side])


def _heading(told: Mapping[str, Any], side: str) -> str:
    if told[side] is None:
        state = str(told["state"]).replace("_", " ")
        return f"{side}: none is kept" if state == "kept" else f"{side}: {state}"
    cut = ", cut" if told[f"{side}_cut"] else ""
    return f"{side}, {told[f'{side}_bytes']} bytes{cut}:"
