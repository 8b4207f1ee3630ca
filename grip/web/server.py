"""The HTTP server: uvicorn in a loop of our own, on a socket of our own, with our own signals.

What a client can make the server keep or wait for is bounded in `protocol.py`. A socket that
outlives the process is left gently: who is on the way is answered, who comes later waits.
"""

import asyncio
import contextlib
import gc
import resource
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final, cast

import uvicorn
import uvloop
from litestar.types import ASGIApp

from grip import errors
from grip.app import App
from grip.jobs import Ticker, pulse
from grip.systemd import Overseer
from grip.web import app as web_app
from grip.web.protocol import BoundedProtocol, bounded

_KEEP_ALIVE_S: Final = 75
_BACKLOG: Final = 2048
_OWN_FILES: Final = 128
_MANY_FILES: Final = 1024 * 1024
_LAST_WORDS_S: Final = 2
"""How long calls may end by themselves where nothing can be charged any more."""

_LINGER_S: Final = 0.5
_LINGER_LOOKS: Final = 10
"""How long requests that are on their way are still taken, and how often those are looked for."""


class AddressUnusable(errors.GripError):
    """The address to listen on is taken, not ours, or not allowed."""

    code = "address_unusable"
    category = errors.Category.CONFLICT


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises AddressUnusable."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise AddressUnusable(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another --port or --host"
        ) from error
    listener.setblocking(False)
    return listener


def run(
    app: App,
    listeners: Sequence[socket.socket],
    *,
    overseer: Overseer,
    succeeds: Sequence[str] = (),
    stops: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT),
    gently: bool = False,
) -> None:
    """Serve until a signal of `stops`, then finish what runs and put it into the books.

    `overseer` hears how it is, ready once requests can be answered; `succeeds` are the boots of
    workers that died. `gently` is for sockets that outlive this process: no request that was sent
    before its client could know of the end is cut off. Raises GripError where the start fails, or
    the disk.
    """
    linger_s = _LINGER_S if gently else 0
    uvloop.run(_serve(app, listeners, overseer, succeeds, stops, linger_s=linger_s))


async def _serve(
    app: App,
    listeners: Sequence[socket.socket],
    overseer: Overseer,
    succeeds: Sequence[str],
    stops: Sequence[signal.Signals],
    *,
    linger_s: float,
) -> None:
    await app.start(succeeds=succeeds)
    ticker = Ticker(app)
    ticker.start()
    async with pulse.felt(app.books, overseer):
        try:
            server = _Server(_config(web_app.build(app), app), overseer, linger_s)
            loop = asyncio.get_running_loop()
            for number in stops:
                loop.add_signal_handler(number, server.leave)
            async with _leaving_when_lost(app, server):
                await server.serve(sockets=list(listeners))
                await asyncio.gather(*server.server_state.tasks, return_exceptions=True)
        finally:
            await app.drain()
            await ticker.stop()
            await app.stop()
    if app.books.lost.is_set():
        raise errors.DatabaseUnavailable(
            "the disk did not take what was written: see to it (df, dmesg), then start grip again"
        )


@contextlib.asynccontextmanager
async def _leaving_when_lost(app: App, server: "_Server") -> AsyncIterator[None]:
    """End the server when its books say that only a new process can go on."""

    async def watch() -> None:
        await app.books.lost.wait()
        server.leave()
        await asyncio.sleep(_LAST_WORDS_S)
        server.leave()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()


def _config(app: ASGIApp, gateway: App) -> uvicorn.Config:
    return uvicorn.Config(
        cast("Any", app),
        interface="asgi3",
        http=bounded(_most_connections(gateway.settings.server.max_connections)),
        ws="none",
        loop="none",
        lifespan="off",
        workers=1,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        headers=[("x-content-type-options", "nosniff")],
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=gateway.settings.server.graceful_stop_s,
        backlog=_BACKLOG,
    )


def _most_connections(wanted: int) -> int:
    """Return how many connections may be kept: each may need a file of its own, to an upstream.

    The process lets itself open as many files as it may.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, _MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(min(wanted, (files - _OWN_FILES) // 2), 1)


class _Server(uvicorn.Server):
    """uvicorn without its signals, telling when it is ready, and lingering if it is to."""

    def __init__(self, config: uvicorn.Config, overseer: Overseer, linger_s: float) -> None:
        super().__init__(config)
        self._overseer = overseer
        self._linger_s = linger_s

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the loop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open for requests, then say so."""
        await super().startup(sockets)
        _settle_memory()
        self._overseer.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no further connection, and end those that there are, after what is on its way."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        if self._linger_s:
            await self._linger()
        await super().shutdown()

    async def _linger(self) -> None:
        """Let every connection end with its next answer, and give clients time to find out."""
        for _ in range(_LINGER_LOOKS):
            for connection in list(self.server_state.connections):
                cast("BoundedProtocol", connection).end_with_next()
            await asyncio.sleep(self._linger_s / _LINGER_LOOKS)

    def leave(self) -> None:
        """Stop taking requests, and finish those that run; a second call cuts them short."""
        if self.should_exit:
            self.force_exit = True
            for task in self.server_state.tasks:
                task.cancel()
        else:
            self._overseer.stopping()
        self.should_exit = True


def _settle_memory() -> None:
    """Take what was made at start out of the collector's sight, and let it run rarely.

    A collection in mid-stream costs milliseconds; requests leave hardly any cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
