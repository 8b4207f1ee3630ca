"""`grip tasks`: media tasks of all customers, how they go, and stopping one."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer

from grip import app as gateway
from grip.cli import output
from grip.cli.options import Actor, AsJson, Config, Every, Limit
from grip.cli.output import moment, number, text
from grip.cli.runner import run
from grip.services import tasks
from grip.services.context import Context
from grip.store.tasks import Task
from grip.tasks.shown import operator_view

app = typer.Typer(help="Media tasks: pictures, films and sounds that outlive their request.")

_WATCHED = 20

_COLUMNS = (
    text("id"),
    text("wallet_id", "wallet"),
    text("model"),
    text("status"),
    text("phase"),
    number("progress", "%"),
    text("channel"),
    number("credits_reserved", "reserved"),
    number("credits_charged", "charged"),
    text("trouble"),
    moment("created_at", "created"),
)

_RESULTS = (
    number("index", "result"),
    text("content_type", "type"),
    number("bytes"),
    text("key", "kept as"),
    moment("expires_at", "expires"),
    moment("deleted_at", "deleted"),
)

_LOSSES = (
    text("id"),
    text("model"),
    text("channel"),
    text("upstream_id", "upstream id"),
    text("error_code", "told the owner"),
    text("loss"),
    number("buy_cost_usd", "buy cost $"),
    moment("seen_at", "seen"),
)

_EMPTY = "No tasks."

TaskId = Annotated[str, typer.Argument(metavar="TASK", help="The task's id.")]

Wallet = Annotated[
    str | None, typer.Option("--wallet", metavar="WALLET", help="Those of this wallet alone.")
]

Status = Annotated[
    str | None,
    typer.Option(
        "--status",
        metavar="STATUS",
        help="Those pending, processing, completed or failed alone.",
    ),
]

Model = Annotated[
    str | None, typer.Option("--model", metavar="MODEL", help="Those of this model alone.")
]


@app.command("list")
def list_tasks(
    wallet: Wallet = None,
    status: Status = None,
    model: Model = None,
    limit: Limit = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the tasks, newest first."""
    found = run(config, tasks.list_tasks, wallet=wallet, status=status, model=model, limit=limit)
    _tell(found, as_json=as_json)


@app.command()
def show(task: TaskId, config: Config = None, as_json: AsJson = False) -> None:
    """Show a task with its phase, its channel, its trouble, and what it made."""
    found, made = run(config, tasks.get, task)
    loss = run(config, tasks.loss_of, found.id)
    shown = operator_view(found) | ({} if loss is None else tasks.describe_loss(loss))
    results = [tasks.describe_result(one) for one in made]
    if as_json:
        output.item({**shown, "results": results}, as_json=True, title="")
        return
    output.item(shown, as_json=False, title=f"Task {found.id}")
    output.rows(results, _RESULTS, as_json=False, empty="It has made nothing so far.")


@app.command()
def cancel(task: TaskId, actor: Actor = "", config: Config = None, as_json: AsJson = False) -> None:
    """Stop a task: at once where no upstream has it, else the upstream is asked to.

    What the upstream made of that is charged or given back as it turns out.
    """
    after = run(config, _cancel, task, actor=actor)
    output.done(operator_view(after), _ended(after), as_json=as_json)


@app.command()
def losses(limit: Limit = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show what failed for its owner, and may stand on an upstream's bill all the same."""
    found = run(config, tasks.list_losses, limit=limit)
    shown = [
        {
            "id": one.task.id,
            "model": one.task.model,
            "channel": one.task.channel,
            "upstream_id": one.task.upstream_id,
            "error_code": one.task.error_code,
            **tasks.describe_loss(one.loss),
        }
        for one in found
    ]
    output.rows(shown, _LOSSES, as_json=as_json, empty="Nothing is known to be lost.")


@app.command()
def watch(
    wallet: Wallet = None,
    status: Status = None,
    model: Model = None,
    limit: Limit = None,
    every: Every = 2,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the newest tasks on the terminal until Ctrl-C; on a pipe, or with --json, once."""

    async def look(context: Context) -> list[Task]:
        return await tasks.list_tasks(
            context,
            wallet=wallet,
            status=status,
            model=model,
            limit=_WATCHED if limit is None else limit,
        )

    if as_json or not output.is_on_terminal():
        _tell(run(config, look), as_json=as_json)
        return
    # Ctrl-C is how a watch ends, not a failure.
    with suppress(KeyboardInterrupt), output.live(_COLUMNS, empty=_EMPTY) as screen:
        run(config, _watch, look, screen, every)


async def _watch(
    context: Context,
    look: Callable[[Context], Any],
    screen: Callable[[Sequence[dict[str, Any]]], None],
    every_s: float,
) -> None:
    """Look again and again, over one connection to the database."""
    while True:
        screen([_row(task) for task in await look(context)])
        await asyncio.sleep(every_s)


async def _cancel(context: Context, task_id: str, *, actor: str) -> Task:
    found, _ = await tasks.get(context, task_id)
    await gateway.cancelling(context).cancel(found.id, actor=actor)
    after, _ = await tasks.get(context, found.id)
    return after


def _ended(after: Task) -> str:
    if not after.is_over:
        return (
            f"{after.id}: {after.channel} is asked to stop; `grip tasks show` tells what it does."
        )
    if after.error_code == "cancelled":
        return f"{after.id} is cancelled; its {after.hold_credits} credits are given back."
    return f"{after.id} was over already: {after.status}."


def _tell(found: Sequence[Task], *, as_json: bool) -> None:
    shown = [operator_view(task) if as_json else _row(task) for task in found]
    output.rows(shown, _COLUMNS, as_json=as_json, empty=_EMPTY)


def _row(task: Task) -> dict[str, Any]:
    """Return a task for a table: with one word on what went wrong, or stands in its way."""
    return {**operator_view(task), "trouble": task.error_code or task.fault}
