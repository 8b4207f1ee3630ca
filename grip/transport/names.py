"""From a name to its addresses, once, in threads of its own and within a time.

`getaddrinfo` blocks its thread and knows no timeout, so slow name servers must not take the threads
that the rest of the process needs. Refuses to remember anything.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from grip.transport.port import TransportFault

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host for a port; raises TransportFault where there are none."""

LIMIT_S: Final = 5
_THREADS: Final = 4


class SystemNames:
    """Asks the resolver of the system."""

    def __init__(self, *, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="grip-names")

    async def resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of `host`, each once, in the system's order of preference."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limit_s):
                found = await loop.run_in_executor(self._threads, _ask, host, port)
        except TimeoutError:
            raise TransportFault("dns", f"no answer within {self._limit_s:g} s") from None
        except (OSError, UnicodeError) as error:
            raise TransportFault("dns", str(error)) from error
        return found

    def close(self) -> None:
        """Take no further names; those that are asked for come to their end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _ask(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
