"""A thread for work that may stop neither the loop nor the end of the process.

It is a daemon: what hangs in it (a queue for a lock, a disk) is given up with the process, which
the threads of the loop's own executor are not. Refuses to be waited for longer than its callers do.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_Work = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class Aside:
    """Does one thing after the other in a thread of its own, from the first one on."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def do(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, or raise what it raises; who is cancelled leaves it to it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put((work, future, loop))
        return await future

    def end(self) -> None:
        """Let the thread end after what waits; nobody waits for it."""
        self._queue.put(None)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            work, future, loop = item
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - it is the caller's to raise
                self._tell(loop, future.set_exception, future, error)
            else:
                self._tell(loop, future.set_result, future, result)

    @staticmethod
    def _tell(
        loop: asyncio.AbstractEventLoop,
        tell: Callable[[Any], None],
        future: "asyncio.Future[Any]",
        value: object,
    ) -> None:
        def now() -> None:
            if not future.done():
                tell(value)

        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(now)
