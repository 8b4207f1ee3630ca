"""`grip worker`: the jobs of a gateway in a process that serves nobody."""

import asyncio
import os
from typing import Final

import typer

from grip import app as gateway
from grip import logs, settings, systemd
from grip.cli import output
from grip.cli.options import AsJson, Config, os_user
from grip.jobs import process
from grip.services import starts
from grip.settings import Settings
from grip.store import schema

app = typer.Typer(add_completion=False)

_ENDS_WITHIN_S: Final = 90
"""How long the steps of tasks that run may take to come to their end."""


@app.command()
def worker(config: Config = None, as_json: AsJson = False) -> None:
    """Run tasks, callbacks and clean-up until SIGTERM or SIGINT, without serving HTTP.

    `grip serve` does all of it too: this adds hands, on as many machines as you like.
    """
    chosen = settings.load(config)
    gateway.check(chosen)
    logs.configure(chosen.log)
    asyncio.run(_prepare(chosen))

    def ready() -> None:
        output.message({"ready": True}, ["grip works"], as_json=as_json)

    notifier = systemd.Notifier.of(settings.ENVIRON, os.getpid())
    overseer = notifier.overseer(ready=ready, ends_within_s=_ENDS_WITHIN_S)
    process.run(gateway.build(chosen), overseer=overseer)


async def _prepare(chosen: Settings) -> None:
    """Make or check the schema, and leave word of the settings that hold."""
    context = gateway.context(chosen)
    try:
        await schema.ensure(context.database)
        await starts.record(context, command="worker", actor=os_user())
    finally:
        await context.database.close()
