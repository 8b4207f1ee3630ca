"""Results that are not kept: each reader is given what the vendor still has.

A `ResultReader` like the stores, so that serving knows no difference. What it needs: a function
that finds where a key's result lies, with the headers that its channel sends today, and the
guarded transport.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable

from grip import errors
from grip.tasks.results.vendor import Dial, Origin, incoming


class ProxyReader:
    """Reads results where their vendors have them."""

    def __init__(self, dial: Dial, find: Callable[[str], Awaitable[Origin]]) -> None:
        self._dial = dial
        self._find = find

    async def open(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes; raises ResultUnavailable where the vendor does not have them."""
        origin = await self._find(key)
        left = stop - start
        async with incoming(self._dial, origin, start=start, stop=stop) as found:
            async for chunk in found.chunks:
                left -= len(chunk)
                yield chunk
        if left:
            raise errors.ResultUnavailable(f"the vendor's result {key} is shorter than it was")
