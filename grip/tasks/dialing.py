"""How results are reached: over the guarded transport, and the vendor's own host wherever it is.

Owns the bridge between the two ports. The operator named the vendor's address, so that it may lead
to a private network; every other one is a stranger's.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from grip.providers.port import UpstreamRequest
from grip.tasks.results.vendor import Dial
from grip.transport.guarded import GuardedClient, GuardedReply
from grip.transport.port import StreamReply

DEADLINE_S: Final = 600
"""How long one result may take to arrive."""


def dial_to(
    client: GuardedClient, trusted: str, most_bytes: int, *, deadline_s: float | None = DEADLINE_S
) -> Dial:
    """Return what fetches results of one vendor, whose own address is `trusted`.

    Without a deadline, whoever reads sees to it that the vendor is not waited for in vain.
    """

    def dial(request: UpstreamRequest) -> AbstractAsyncContextManager[StreamReply]:
        return _open(client, request, trusted, most_bytes, deadline_s)

    return dial


@asynccontextmanager
async def _open(
    client: GuardedClient,
    request: UpstreamRequest,
    trusted: str,
    most_bytes: int,
    deadline_s: float | None,
) -> AsyncIterator[StreamReply]:
    async with client.open(
        request.url,
        headers=request.headers,
        deadline_s=deadline_s,
        most_bytes=most_bytes,
        trusted=trusted or None,
    ) as reply:
        yield _Reply(reply)


class _Reply:
    """A guarded answer as a `StreamReply`."""

    def __init__(self, reply: GuardedReply) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self._chunks = reply.chunks()

    async def read(self) -> bytes:
        """Return the next bytes, empty at the end; raises TransportFault."""
        return await anext(self._chunks, b"")

    async def read_all(self) -> bytes:
        """Return the whole body; raises TransportFault."""
        return b"".join([chunk async for chunk in self._chunks])

    def finish(self) -> None:
        """Nothing is kept of a connection that is not used again."""
