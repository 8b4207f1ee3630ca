"""The barrier behind which commits on PostgreSQL are on disk.

Batches commit without waiting for the disk, which frees the rows they lock at once: a wallet that
everybody calls on is locked for a transaction's work and not for a flush. One small commit that
does wait then flushes the log up to itself, and with it every commit before. Whoever joins while a
flush runs shares the next one. A flush proves nothing of what a server had committed before it
began anew; whether it has, the `Lifeline` tells.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncpg

from grip.store.engine import insist_on_durability

_FLUSH: Final = "SELECT pg_logical_emit_message(true, 'grip', '')"
_TIMEOUT_S: Final = 10


class BegunAnew(ConnectionError):
    """The server may have begun anew between a commit and its flush."""


class Lifeline:
    """The connection that flushes: a server that dies, in whatever way, takes it along.

    `life` counts how often it was opened. Who finds the same after a flush as before a commit knows
    that one server did both, and has lost nothing in between.
    """

    def __init__(self, dsn: str) -> None:
        self.life = 0
        self._dsn = dsn
        self._connection: Any = None

    async def open(self) -> None:
        """Connect; raises what asyncpg does."""
        connection = await asyncpg.connect(self._dsn, command_timeout=_TIMEOUT_S)
        await insist_on_durability(connection)
        self._connection = connection
        self.life += 1

    async def flush(self) -> None:
        """Flush, on a new connection where the old one is gone; raises what asyncpg does."""
        if self._connection is None or self._connection.is_closed():
            await self.open()
        try:
            await self._connection.execute(_FLUSH)
        except BaseException:
            self._connection.terminate()
            raise

    def insist(self, life: int) -> None:
        """Raise BegunAnew unless the life is still this one."""
        if self.life != life:
            raise BegunAnew("the server may have begun anew since the commit")

    async def close(self) -> None:
        """Disconnect."""
        if self._connection is not None:
            await self._connection.close(timeout=_TIMEOUT_S)


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
