"""`grip wallet`: prepaid credits, tiers, and what happened to them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from grip.cli import files, output, parse, wallet_members, wallet_providers
from grip.cli.options import Actor, AsJson, Config, Limit, Reason, Since, Until
from grip.cli.output import moment, number, text
from grip.cli.runner import run
from grip.cli.wallet_members import Wallet
from grip.errors import InvalidRequest
from grip.services import statements, wallets
from grip.services.context import Context
from grip.services.statements import Statement
from grip.services.views import wallet_view

app = typer.Typer(help="Wallets and the credits in them (1 credit is $0.001).")
app.add_typer(wallet_members.app, name="members")
app.command("providers")(wallet_providers.providers)

_COLUMNS = (
    text("id"),
    text("owner"),
    text("tier"),
    number("balance"),
    number("held"),
    number("available"),
    number("debt"),
)
_STATEMENT = (
    moment("at", "time"),
    text("kind"),
    text("reference"),
    text("description"),
    number("amount"),
    number("balance"),
)

Credits = Annotated[int, typer.Argument(metavar="CREDITS", help="Whole credits, 1 or more.")]


OnAccount = Annotated[
    bool,
    typer.Option("--on-account", help="As a credit line: `grip invoices generate` bills it."),
]


@app.command("list")
def list_wallets(limit: Limit = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show all wallets, newest first."""
    found = run(config, wallets.list_wallets, limit=limit)
    output.rows(
        [wallet_view(one) for one in found],
        _COLUMNS,
        as_json=as_json,
        empty="There are no wallets yet; an account is made with one: grip accounts create",
    )


@app.command()
def show(wallet: Wallet, config: Config = None, as_json: AsJson = False) -> None:
    """Show what a wallet holds."""
    found = run(config, wallets.get, wallet)
    output.item(wallet_view(found), as_json=as_json, title=f"Wallet of {found.owner}")


@app.command()
def credit(
    wallet: Wallet,
    credits_: Credits,
    reason: Reason,
    on_account: OnAccount = False,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Add credits by hand; what the wallet owes is paid first."""
    after = run(
        config,
        wallets.credit,
        wallet,
        credits_,
        actor=actor,
        reason=reason,
        on_account=on_account,
    )
    output.done(
        wallet_view(after), f"{after.id} has a balance of {after.balance} credits.", as_json=as_json
    )


@app.command()
def debit(
    wallet: Wallet,
    credits_: Credits,
    reason: Reason,
    on_account: OnAccount = False,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Take credits off by hand; refused where fewer are available."""
    after = run(
        config,
        wallets.debit,
        wallet,
        credits_,
        actor=actor,
        reason=reason,
        on_account=on_account,
    )
    output.done(
        wallet_view(after), f"{after.id} has a balance of {after.balance} credits.", as_json=as_json
    )


@app.command()
def tier(
    wallet: Wallet,
    to: Annotated[str, typer.Argument(metavar="TIER", help="A tier of the configuration.")],
    reason: Reason,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Put a wallet on a tier; members beyond its cap stay."""
    after = run(config, wallets.set_tier, wallet, to, actor=actor, reason=reason)
    output.done(wallet_view(after), f"{after.id} is on {after.tier} now.", as_json=as_json)


@app.command()
def statement(
    wallet: Wallet,
    since: Since = None,
    until: Until = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write it to this file, for a spreadsheet."),
    ] = None,
    pdf: Annotated[
        Path | None,
        typer.Option("--pdf", metavar="FILE", help="Write it to this file, to be sent."),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the balance before, every change, and the balance after."""
    found = run(
        config,
        statements.statement,
        wallet,
        from_us=parse.moment(since, "--from"),
        to_us=parse.moment(until, "--to"),
    )
    shown = statements.describe(found)
    if csv is not None and pdf is not None:
        raise InvalidRequest("say --csv or --pdf, one at a time", param="pdf")
    path = csv or pdf
    if csv is not None:
        _write(found, csv)
    if pdf is not None:
        drawn = run(config, _draw, found)
        files.write(pdf, drawn, "--pdf")
    if path is not None:
        sentence = f"Wrote {len(found.rows)} rows to {path}; closing {found.closing} credits."
        output.done({**shown, "file": str(path)}, sentence, as_json=as_json)
    elif as_json:
        output.item(shown, as_json=True, title="")
    else:
        output.rows(_lines(shown), _STATEMENT, as_json=False, empty="")


async def _draw(context: Context, found: Statement) -> bytes:
    seller = context.settings.seller.name or "grip"
    return statements.draw_pdf(found, seller=seller, now_us=context.clock())


def _lines(shown: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows with the opening before them and the closing after them."""
    edge = {"reference": "", "description": "", "amount": ""}
    opening = {**edge, "at": shown["from"], "kind": "opening", "balance": shown["opening"]}
    closing = {**edge, "at": shown["to"], "kind": "closing", "balance": shown["closing"]}
    return [opening, *shown["rows"], closing]


def _write(found: Statement, path: Path) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            statements.write_csv(found, stream)
    except OSError as error:
        raise InvalidRequest(f"--csv: {path} cannot be written: {error.strerror}") from error
