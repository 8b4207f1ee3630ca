"""`grip accounts`: who owns wallets, and whether they may use them."""

from typing import Annotated

import typer

from grip.cli import output
from grip.cli.options import Actor, AsJson, Config, Limit
from grip.cli.output import moment, text
from grip.cli.runner import run
from grip.services import accounts
from grip.services.accounts import describe

app = typer.Typer(help="Customers: each account owns one wallet.")

_COLUMNS = (
    text("id"),
    text("email"),
    text("name"),
    text("wallet_id", "wallet"),
    moment("created_at", "created"),
    moment("disabled_at", "disabled"),
)

Account = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="The account's id, e-mail or unique name.")
]


@app.command()
def create(
    email: Annotated[str, typer.Option("--email", metavar="E", help="Their e-mail address.")],
    name: Annotated[str, typer.Option("--name", metavar="N", help="What they are called.")] = "",
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make an account with its wallet, on the tier free and with the sign-up credits."""
    made = run(config, accounts.create, actor=actor, email=email, name=name)
    output.done(
        describe(made), f"Made {made.id} for {made.email}, with {made.wallet_id}.", as_json=as_json
    )


@app.command("list")
def list_accounts(limit: Limit = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show all accounts, newest first."""
    found = run(config, accounts.list_accounts, limit=limit)
    output.rows(
        [describe(account) for account in found],
        _COLUMNS,
        as_json=as_json,
        empty="There are no accounts yet; make one with: grip accounts create",
    )


@app.command()
def show(account: Account, config: Config = None, as_json: AsJson = False) -> None:
    """Show all that is known of an account."""
    found = run(config, accounts.get, account)
    output.item(describe(found), as_json=as_json, title=f"Account {found.email}")


@app.command()
def disable(
    account: Account, actor: Actor = "", config: Config = None, as_json: AsJson = False
) -> None:
    """Stop an account: the keys it holds, and all keys of its wallet."""
    after = run(config, accounts.disable, account, actor=actor)
    output.done(describe(after), f"{after.email} is disabled now.", as_json=as_json)


@app.command()
def enable(
    account: Account, actor: Actor = "", config: Config = None, as_json: AsJson = False
) -> None:
    """Let a disabled account work again, its keys with it."""
    after = run(config, accounts.enable, account, actor=actor)
    output.done(describe(after), f"{after.email} is enabled now.", as_json=as_json)
