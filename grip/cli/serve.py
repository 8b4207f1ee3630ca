"""`grip serve`: the gateway itself, in one process or several."""

import asyncio
import dataclasses
import json
import os
import signal
import socket
from collections.abc import Sequence
from typing import Annotated, Final, NoReturn

import structlog
import typer

from grip import app as gateway
from grip import logs, settings, systemd
from grip.cli import output
from grip.cli.options import AsJson, Config, os_user
from grip.clock import system_clock
from grip.ids import IdSource
from grip.metrics import Shelf, shelf
from grip.services import demo as demo_service
from grip.services import deployment, starts
from grip.services.context import Context
from grip.services.doctor import exposure
from grip.settings import Settings
from grip.store import schema
from grip.web import server, supervisor

log = structlog.get_logger(__name__)

app = typer.Typer(add_completion=False)

_BOOKS_S: Final = 30
"""What a stop may take beyond the time that running requests have."""

_FIRST_PROCESS: Final = 1
_KILLED: Final = 128


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; else [server] host.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; 0 takes a free one; else [server] port."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Worker processes; else [server] workers.")
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="On a database of its own: an account, a key, a sandbox.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Run the gateway until SIGTERM or SIGINT.

    Where systemd hands over sockets, it listens on these.
    """
    chosen = _override(settings.load(config), host, port, workers)
    gateway.check(chosen)
    logs.configure(chosen.log)
    is_first = os.getpid() == _FIRST_PROCESS
    if is_first:
        signal.signal(signal.SIGTERM, _leave)
    inherited = systemd.handed_over(settings.ENVIRON, os.getpid())
    if inherited:
        address, number = inherited[0].getsockname()[:2]
        chosen = _override(chosen, address, number, None)
    listeners = inherited or [server.listen(chosen.server.host, chosen.server.port)]
    sockets = [systemd.address_of(one) for one in inherited]
    access = asyncio.run(_prepare(chosen, sockets, demo=demo))
    url = _url(chosen.server.host, listeners[0].getsockname()[1])
    notifier = systemd.Notifier.of(settings.ENVIRON, os.getpid())
    overseer = notifier.overseer(
        ready=lambda: _tell(url, listeners, access, as_json=as_json),
        ends_within_s=chosen.server.graceful_stop_s + _BOOKS_S,
    )
    if chosen.server.workers == 1 and not is_first:
        server.run(gateway.build(chosen), listeners, overseer=overseer, gently=bool(inherited))
        return
    raise typer.Exit(
        _supervise(
            chosen,
            listeners,
            overseer,
            gently=bool(inherited),
            silence_max_s=notifier.watchdog_s,
        )
    )


def _supervise(
    chosen: Settings,
    listeners: Sequence[socket.socket],
    overseer: systemd.Overseer,
    *,
    gently: bool,
    silence_max_s: float | None,
) -> int:
    """Run workers on the same sockets until they are stopped; return the exit status."""
    ids, places = IdSource(), shelf.places(chosen.server.workers)
    return supervisor.run(
        chosen.server.workers,
        lambda worker: server.run(
            gateway.build(chosen, boot_id=worker.boot_id, shelf=Shelf(places, worker.place)),
            listeners,
            overseer=worker.overseer,
            succeeds=worker.succeeds,
            stops=(signal.SIGTERM,),
            gently=gently,
        ),
        overseer=overseer,
        new_boot_id=lambda: ids.new("boot", system_clock()),
        silence_max_s=silence_max_s,
    )


def _leave(number: int, _frame: object) -> NoReturn:
    """End a start: the first process of a container hears no signal that it does not handle."""
    raise SystemExit(_KILLED + number)


def _override(
    chosen: Settings, host: str | None, port: int | None, workers: int | None
) -> Settings:
    server_settings = chosen.server
    return dataclasses.replace(
        chosen,
        server=dataclasses.replace(
            server_settings,
            host=server_settings.host if host is None else host,
            port=server_settings.port if port is None else port,
            workers=server_settings.workers if workers is None else workers,
        ),
    )


async def _prepare(
    chosen: Settings, sockets: Sequence[str], *, demo: bool
) -> demo_service.Access | None:
    """Make or check the schema before any worker starts; return the way into the demo."""
    context = gateway.context(chosen)
    try:
        await schema.ensure(context.database)
        await _warn(context, sockets)
        access = await demo_service.prepare(context) if demo else None
        await starts.record(context, command="serve", actor=os_user(), sockets=sockets)
    finally:
        await context.database.close()
    return access


async def _warn(context: Context, sockets: Sequence[str]) -> None:
    """Log what is risky, before anything is served."""
    risks = deployment.risks(context)
    exposed = await exposure.check(context, sockets)
    risks += [f"{one.sentence} {one.remedy}" for one in exposed if one.remedy]
    risks += await deployment.shared_risks(context, socket.gethostname())
    for risk in risks:
        log.warning("serve.risk", risk=risk)


def _url(host: str, port: int) -> str:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def _tell(
    url: str,
    listeners: Sequence[socket.socket],
    access: demo_service.Access | None,
    *,
    as_json: bool,
) -> None:
    listens = [systemd.address_of(listener) for listener in listeners]
    if access is None:
        line = f"grip serves {url}"
        if [f"http://{address}" for address in listens] != [url]:
            line += f", and listens on {', '.join(listens)}"
        output.message({"url": url, "listens": listens}, [line], as_json=as_json)
        return
    curl = _curl(url, access.key)
    lines = [
        f"grip serves {url} with a demo account of {access.balance} credits.",
        f"API key, shown this once: {access.key}",
        "",
        "Try it from another terminal:",
        "",
        curl,
    ]
    output.message({"url": url, "key": access.key, "curl": curl}, lines, as_json=as_json)


def _curl(url: str, key: str) -> str:
    """Return one line that can be pasted into a shell, and that answers."""
    body = {
        "model": demo_service.CHAT_MODEL,
        "messages": [{"role": "user", "content": "Hello"}],
    }
    return (
        f"curl -s {url}/v1/chat/completions -H 'Authorization: Bearer {key}' "
        f"-H 'Content-Type: application/json' -d '{json.dumps(body)}'"
    )
