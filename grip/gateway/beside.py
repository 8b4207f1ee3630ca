"""Work on large bodies, done beside the loop: one at a time, in a thread of its own.

Reading ten megabytes takes 0.1 s where they are text or tools, and seconds where they were made to
be slow: a million empty parts. On the loop every other call would wait for it. One thread bounds
what such bodies take of processor and memory; refuses to know what the work is.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

LARGE_BYTES: Final = 64 * 1024
"""A body above this is large: one below takes less than a millisecond, but for the worst of them.

Going beside the loop and back costs a tenth of one.
"""

P = ParamSpec("P")
T = TypeVar("T")


class Beside:
    """The thread that does the work; it begins with the first of it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="beside")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `work` returns, or raise what it raises; who is cancelled waits no more."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: work(*args, **kwargs))

    def close(self) -> None:
        """Take no more work; what waits is cancelled."""
        self._thread.shutdown(wait=False, cancel_futures=True)
