"""`grip callbacks`: what was told to the tenants' servers, and the secrets that sign it."""

from typing import Annotated

import typer

from grip.cli import output, parse
from grip.cli.options import Actor, AsJson, Config, Limit
from grip.cli.output import moment, number, text
from grip.cli.runner import run
from grip.errors import InvalidRequest
from grip.services import callback_secrets, callbacks

app = typer.Typer(help="Deliveries to the callback_url of tasks.")

_COLUMNS = (
    text("id"),
    text("task_id", "task"),
    text("wallet_id", "wallet"),
    text("event"),
    text("state"),
    text("reason"),
    number("attempts"),
    moment("next_attempt_at", "next attempt"),
    moment("created_at", "created"),
    text("url"),
)

_ATTEMPTS = (
    number("number", "attempt"),
    moment("started_at", "started"),
    text("outcome"),
    number("status"),
    number("latency_ms", "ms"),
    text("detail"),
    text("reply"),
)

Callback = Annotated[str, typer.Argument(metavar="ID", help="The id, sent as webhook-id.")]


@app.command("list")
def list_callbacks(
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="STATE", help="Those pending, delivered or dead alone."),
    ] = None,
    wallet: Annotated[
        str | None, typer.Option("--wallet", metavar="WALLET", help="Those of this wallet alone.")
    ] = None,
    limit: Limit = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the callbacks, newest first."""
    found = run(config, callbacks.list_callbacks, state=state, wallet=wallet, limit=limit)
    output.rows(
        [callbacks.describe(one) for one in found],
        _COLUMNS,
        as_json=as_json,
        empty="No callbacks.",
    )


@app.command()
def show(callback: Callback, config: Config = None, as_json: AsJson = False) -> None:
    """Show a callback and each attempt at it, with what the receiver began to answer."""
    found, attempts = run(config, callbacks.get, callback)
    shown = callbacks.describe(found)
    tried = [callbacks.describe_attempt(one) for one in attempts]
    if as_json:
        output.item({**shown, "history": tried}, as_json=True, title="")
        return
    output.item(shown, as_json=False, title=f"Callback {found.id}")
    output.rows(tried, _ATTEMPTS, as_json=False, empty="Not tried yet.")


@app.command()
def replay(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID…", help="The callbacks to send again.")
    ] = None,
    dead: Annotated[
        bool, typer.Option("--dead", help="Instead of ids: all that were given up.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="With --dead: given up then or later."),
    ] = None,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Send callbacks again under the same webhook-id, with all of their attempts anew."""
    if bool(ids) == dead or (since and not dead):
        raise InvalidRequest("name the ids to replay, or all of them: --dead [--since TIME]")
    if dead:
        since_us = parse.moment(since, "--since")
        done = run(config, callbacks.replay_dead, since_us=since_us, actor=actor)
    else:
        done = run(config, callbacks.replay, ids or [], actor=actor)
    output.done(
        {"replayed": done},
        f"{len(done)} due now; `grip callbacks list` shows how that goes.",
        as_json=as_json,
    )


@app.command()
def secret(
    wallet: Annotated[
        str,
        typer.Argument(metavar="WALLET", help="The wallet's id, or its owner's e-mail or name."),
    ],
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make another one; for a day both sign.")
    ] = False,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make the secret that signs a wallet's callbacks; it is shown now and never again."""
    made = run(config, callback_secrets.create, wallet, actor=actor, rotate=rotate)
    output.done(
        callback_secrets.describe(made),
        f"{made.wallet_id} signs its callbacks with this secret, shown this once: {made.secret}",
        as_json=as_json,
    )
