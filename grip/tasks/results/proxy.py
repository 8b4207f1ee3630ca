"""Results that are not kept: each reader is given what the vendor still has.

A `ResultReader` like the stores, so that serving knows no difference. It is given where one result
lies, with the headers that its channel sends today, and the guarded transport. Owns how long a
vendor is waited for; how slowly the client reads is no business of the vendor's.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import AsyncExitStack
from typing import Final, TypeVar

from grip import errors
from grip.tasks.results.vendor import Dial, Origin, incoming

_SILENCE_S: Final = 30.0
_WAIT_S: Final = 600.0
"""How long a vendor may let one reader wait, at once and in all."""

T = TypeVar("T")


class ProxyReader:
    """Reads one result where its vendor has it."""

    def __init__(self, dial: Dial, origin: Origin) -> None:
        self._dial = dial
        self._origin = origin

    async def open(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes; raises ResultUnavailable where the vendor does not have them."""
        left = stop - start
        patience = _Patience()
        async with AsyncExitStack() as stack:
            asked = incoming(self._dial, self._origin, start=start, stop=stop)
            found = await patience.take(stack.enter_async_context(asked))
            while piece := await patience.take(anext(found.chunks, b"")):
                left -= len(piece)
                yield piece
        if left:
            raise errors.ResultUnavailable(f"the vendor's result {key} is shorter than it was")


class _Patience:
    """Counts the time that is spent waiting for a vendor."""

    def __init__(self) -> None:
        self._left_s = _WAIT_S

    async def take(self, answer: Awaitable[T]) -> T:
        """Return what comes; raises ResultUnavailable where it does not come in time."""
        now_s = asyncio.get_running_loop().time
        began_s = now_s()
        try:
            async with asyncio.timeout(min(_SILENCE_S, self._left_s)):
                return await answer
        except TimeoutError:
            raise errors.ResultUnavailable("the vendor's result does not arrive in time") from None
        finally:
            self._left_s -= now_s() - began_s
