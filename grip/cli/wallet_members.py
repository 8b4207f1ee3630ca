"""`grip wallet members`: who may draw on a wallet, and up to which limit."""

from typing import Annotated

import typer

from grip.cli import output
from grip.cli.options import Actor, AsJson, Config, Limit
from grip.cli.output import moment, number, text
from grip.cli.runner import run
from grip.services import members
from grip.services.members import describe
from grip.store.records import Member

app = typer.Typer(help="Members of a wallet, its owner included.")

_COLUMNS = (
    text("id"),
    text("email"),
    text("owner"),
    number("limit"),
    number("spent"),
    moment("created_at", "since"),
)

Wallet = Annotated[
    str,
    typer.Argument(metavar="WALLET", help="The wallet's id, or its owner's e-mail or name."),
]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The member's e-mail.")]
Cap = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="CREDITS",
        help="What their keys may spend in all; without it there is no limit.",
    ),
]


@app.command("list")
def list_members(
    wallet: Wallet, limit: Limit = None, config: Config = None, as_json: AsJson = False
) -> None:
    """Show the members, newest first."""
    found = run(config, members.list_members, wallet, limit=limit)
    output.rows(
        [describe(member) for member in found], _COLUMNS, as_json=as_json, empty="No members."
    )


@app.command()
def add(
    wallet: Wallet,
    email: Email,
    limit: Cap = None,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make an account a member."""
    added = run(config, members.add, wallet, email, actor=actor, limit=limit)
    output.done(
        describe(added),
        f"{added.email} is a member of {added.wallet_id} now, {_limit(added)}.",
        as_json=as_json,
    )


@app.command("limit")
def set_limit(
    wallet: Wallet,
    email: Email,
    limit: Cap = None,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Cap what a member's keys may spend in all; without --limit, lift the cap."""
    after = run(config, members.set_limit, wallet, email, limit, actor=actor)
    output.done(
        describe(after),
        f"{after.email} is in {after.wallet_id} {_limit(after)} now.",
        as_json=as_json,
    )


@app.command()
def remove(
    wallet: Wallet,
    email: Email,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """End a membership; the member's keys are dead for good, also if they join again."""
    gone = run(config, members.remove, wallet, email, actor=actor)
    output.done(
        describe(gone), f"{gone.email} has left {gone.wallet_id}, their keys too.", as_json=as_json
    )


def _limit(member: Member) -> str:
    if member.credit_limit is None:
        return "without a limit"
    return f"with a limit of {member.credit_limit} credits"
