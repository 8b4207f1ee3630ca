"""The queue of writers on a SQLite file: whoever has the turn may begin a transaction.

SQLite's own way to wait, trying again after a while, starves: of four busy processes one waits for
more than a second (measured, docs/adr/0006). The kernel queues those who wait for a file lock. What
takes no turn, such as another program, still meets SQLite's lock and waits for that.
"""

import asyncio
import fcntl
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from grip import errors

WAIT_S = 10
"""How long anybody waits for a turn before the database counts as away."""


class Door:
    """The way into the queue for all transactions of one process, which take one place in it.

    Without it, hundreds that begin at once would be hundreds of threads, before whom everybody
    else waits: the calls of customers, and the other processes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Have the turn within the block; raises DatabaseUnavailable where it is not to be had."""
        lock = self._own()
        try:
            async with asyncio.timeout(WAIT_S):
                await lock.acquire()
        except TimeoutError as error:
            raise _kept() from error
        try:
            async with turn(self._path):
                yield
        finally:
            lock.release()

    def _own(self) -> asyncio.Lock:
        """Return the lock of this loop: a database may be used from one after the other."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._lock = loop, asyncio.Lock()
        return self._lock


class Turn:
    """One writer's place in the queue, taken and given back many times; for one thread."""

    def __init__(self, path: Path) -> None:
        lock = path.with_name(f"{path.name}-queue")
        self._file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> None:
        """Wait for the turn, however long it takes."""
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def take_now(self) -> bool:
        """Take the turn if nobody has it; return whether it was to be had."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def give(self) -> None:
        """Let the next one have it."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Leave the queue, and with it the turn."""
        os.close(self._file)


@asynccontextmanager
async def turn(path: Path) -> AsyncIterator[None]:
    """Have the turn within the block; raises DatabaseUnavailable where it is not to be had."""
    try:
        mine = Turn(path)
    except OSError as error:
        raise errors.DatabaseUnavailable(
            "the database cannot be written; its folder must be writable for grip",
            detail=str(error),
        ) from error
    if not mine.take_now():
        await _wait(mine)
    try:
        yield
    finally:
        mine.close()


async def _wait(mine: Turn) -> None:
    """Wait for the turn in a thread; who stops waiting leaves the queue once the turn has come."""
    loop = asyncio.get_running_loop()
    taken: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if taken.cancelled():
            mine.close()
        else:
            taken.set_result(None)

    def work() -> None:
        mine.take()
        try:
            loop.call_soon_threadsafe(tell)
        except RuntimeError:  # the loop is closed, and nobody waits any more
            mine.close()

    threading.Thread(target=work, name="write-queue", daemon=True).start()
    is_had = False
    try:
        async with asyncio.timeout(WAIT_S):
            await taken
        is_had = True
    except TimeoutError as error:
        raise _kept() from error
    finally:
        # It came, and before the waiter could go on they were told to stop.
        if not is_had and not taken.cancelled():
            mine.close()


def _kept() -> errors.DatabaseUnavailable:
    return errors.DatabaseUnavailable(
        f"another process has kept the database locked for {WAIT_S} s; retry shortly"
    )
