"""`grip keys`: API keys, whose secrets are shown once."""

from typing import Annotated

import typer

from grip.cli import output, parse
from grip.cli.options import Actor, AsJson, Config, Limit
from grip.cli.output import number, text
from grip.cli.runner import run
from grip.clock import system_clock
from grip.services import keys
from grip.services.keys import NewKey, describe

app = typer.Typer(help="API keys: what they may do, and how they end.")

_COLUMNS = (
    text("id"),
    text("name"),
    text("wallet_id", "wallet"),
    text("member"),
    text("status"),
    number("budget"),
    number("spent"),
    number("rpm"),
    text("models"),
    text("last4"),
)

Key = Annotated[str, typer.Argument(metavar="KEY", help="The key's id or unique name.")]
Wallet = Annotated[
    str,
    typer.Option(
        "--wallet", metavar="WALLET", help="The wallet's id, or its owner's e-mail or name."
    ),
]


@app.command()
def create(
    wallet: Wallet,
    name: Annotated[str, typer.Option("--name", metavar="N", help="What it is for.")],
    member: Annotated[
        str | None,
        typer.Option("--member", metavar="EMAIL", help="Who holds it; else the wallet's owner."),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option("--budget", metavar="CREDITS", help="What it may spend in all."),
    ] = None,
    rpm: Annotated[
        int | None, typer.Option("--rpm", metavar="N", help="Requests in any 60 seconds.")
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option("--models", metavar="A,B", help="The models it may use; else all."),
    ] = None,
    groups: Annotated[
        list[str] | None,
        typer.Option("--group", metavar="G", help="A channel group it may use; repeat. Else all."),
    ] = None,
    content_logging: Annotated[
        bool | None,
        typer.Option(
            "--content-logging/--no-content-logging",
            help="Whether content is logged; else as [content] logging says.",
        ),
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="TIME", help="When it stops working.")
    ] = None,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a key; its secret is shown now and never again."""
    made = run(
        config,
        keys.create,
        wallet,
        actor=actor,
        name=name,
        member=member,
        budget=budget,
        rpm=rpm,
        models=parse.several(models),
        groups=parse.several(groups),
        content_logging=content_logging,
        expires_us=parse.moment(expires, "--expires"),
    )
    _tell(made, as_json=as_json)


@app.command("list")
def list_keys(
    wallet: Annotated[
        str | None,
        typer.Option("--wallet", metavar="WALLET", help="Show the keys of this wallet alone."),
    ] = None,
    limit: Limit = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the keys, newest first; those of members who left are not among them."""
    found = run(config, keys.list_keys, wallet, limit=limit)
    output.rows(
        [describe(key, system_clock()) for key in found],
        _COLUMNS,
        as_json=as_json,
        empty="There are no keys yet; make one with: grip keys create",
    )


@app.command()
def show(key: Key, config: Config = None, as_json: AsJson = False) -> None:
    """Show all that is known of a key; its secret is not."""
    found = run(config, keys.get, key)
    output.item(describe(found, system_clock()), as_json=as_json, title=f"Key {found.name}")


@app.command()
def roll(key: Key, actor: Actor = "", config: Config = None, as_json: AsJson = False) -> None:
    """Give a key another secret under the same id; the old one is refused from now on."""
    _tell(run(config, keys.roll, key, actor=actor), as_json=as_json)


@app.command()
def revoke(key: Key, actor: Actor = "", config: Config = None, as_json: AsJson = False) -> None:
    """End a key for good."""
    after = run(config, keys.revoke, key, actor=actor)
    output.done(
        describe(after, system_clock()), f"{after.id} is revoked for good.", as_json=as_json
    )


def _tell(made: NewKey, *, as_json: bool) -> None:
    output.done(
        {**describe(made.key, system_clock()), "key": made.secret},
        f"{made.key.id} has this secret, shown this once: {made.secret}",
        as_json=as_json,
    )
