"""How maintenance shares the database with calls: after each turn they have as long as it took."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Sleep = Callable[[float], Awaitable[None]]


@asynccontextmanager
async def turn(sleep: Sleep) -> AsyncIterator[None]:
    """Do what is in the block, which is one short transaction, and then nothing for as long."""
    begun = time.monotonic()
    yield
    await sleep(time.monotonic() - begun)
