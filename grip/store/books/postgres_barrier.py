"""The barrier behind which commits on PostgreSQL are on disk.

Batches commit without waiting for the disk, which frees the rows they lock at once: a wallet that
everybody calls on is locked for a transaction's work and not for a flush. One small commit that
does wait then flushes the log up to itself, and with it every commit before. Whoever joins while a
flush runs shares the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable


class Barrier:
    """Shares flushes among those who wait; `flush` raises where it cannot be known to have run."""

    def __init__(self, flush: Callable[[], Awaitable[None]]) -> None:
        self._flush = flush
        self._waiting: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None

    async def wait(self) -> None:
        """Return once everything that was committed before is on disk; raises what `flush` does."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        await future

    async def _work(self) -> None:
        while self._waiting:
            shared, self._waiting = self._waiting, []
            error: Exception | None = None
            try:
                await self._flush()
            except Exception as raised:  # noqa: BLE001 - every waiter is told, and decides
                error = raised
            for future in shared:
                if future.done():
                    continue
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)
        self._task = None
