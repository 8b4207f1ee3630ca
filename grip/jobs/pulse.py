"""A worker's pulse: a sign of life each time that its loop has turned, and no thread of it hangs.

What does not come back gives no sign any more, and whoever waits for one starts another process.
Refuses to ask the database: one that is away, or drops what it is sent, is said elsewhere, and a
new process would find it no nearer.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from grip.store.books import HotBooks
from grip.systemd import Overseer


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
    """Give a sign of life every `every_s`, for ever, but where the books have hung for longer."""
    while True:
        if books.hung_s <= every_s:
            alive()
        await sleep(every_s)
