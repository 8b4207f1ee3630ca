"""A worker that serves nobody: the jobs alone, from its start to a signal.

Owns its life in a loop of its own. Refuses to listen anywhere.
"""

import asyncio
import signal
from collections.abc import Sequence

import uvloop

from grip import errors
from grip.app import App
from grip.jobs import pulse
from grip.jobs.ticker import Ticker
from grip.systemd import Overseer


def run(
    app: App,
    *,
    overseer: Overseer,
    stops: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT),
) -> None:
    """Do what is due until a signal of `stops`, then let what runs come to its end, in bounds.

    `overseer` hears how it is. Raises GripError where the start fails, or the disk.
    """
    uvloop.run(_work(app, overseer, stops))


async def _work(app: App, overseer: Overseer, stops: Sequence[signal.Signals]) -> None:
    leaving = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in stops:
        loop.add_signal_handler(number, leaving.set)
    await app.start()
    ticker = Ticker(app)
    ticker.start()
    async with pulse.felt(app.books, overseer):
        try:
            overseer.ready()
            await _first(leaving, app.books.lost)
        finally:
            overseer.stopping()
            await ticker.stop()
            await app.stop()
    if app.books.lost.is_set():
        raise errors.DatabaseUnavailable(
            "the disk did not take what was written: see to it (df, dmesg), then start grip again"
        )


async def _first(*events: asyncio.Event) -> None:
    """Wait for whichever of these comes first."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
