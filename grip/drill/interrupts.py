"""Runs a coroutine to its end, or to the end of its clean-up where somebody interrupts it."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns; raises KeyboardInterrupt where a signal ended it.

    The first signal cancels it. Further ones change nothing: a clean-up that is cut short would
    leave a gateway running.
    """
    try:
        return asyncio.run(_run(work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _run(work: Coroutine[Any, Any, T]) -> T:
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    told: list[signal.Signals] = []

    def interrupt(number: signal.Signals) -> None:
        if not told:
            told.append(number)
            task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, interrupt, number)
    return await task
