"""A worker's pulse: a sign of life each time that its loop has turned and its books have answered.

What does not come back gives no sign any more, and whoever waits for one starts another process.
Refuses to judge what the books answer: a database that is away is said elsewhere, and a new process
would find it no nearer.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from grip import errors
from grip.money.entries import Release
from grip.store.books import HotBooks
from grip.systemd import Overseer

NOTHING: Final = Release(request_id="")
"""Lets go of a hold that nobody has: it goes the way of all entries, and changes nothing."""


@contextlib.asynccontextmanager
async def felt(books: HotBooks, overseer: Overseer) -> AsyncIterator[None]:
    """Let the pulse beat for `overseer` until the block ends, where it wants one."""
    every_s = overseer.alive_every_s
    if every_s is None:
        yield
        return
    beating = asyncio.create_task(beat(books, overseer.alive, every_s=every_s))
    try:
        yield
    finally:
        beating.cancel()


async def beat(
    books: HotBooks,
    alive: Callable[[], None],
    *,
    every_s: float,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Give a sign of life after each answer of the books, for ever."""
    while True:
        with contextlib.suppress(errors.GripError):  # a refusal is an answer
            await books.submit(NOTHING)
        alive()
        await sleep(every_s)
