"""The transport of a running gateway: the network, and the sandbox that needs none."""

from contextlib import AbstractAsyncContextManager

from grip.providers.port import UpstreamRequest
from grip.providers.sandbox import SCHEME
from grip.transport.buffered import BufferedClient
from grip.transport.port import Reply, StreamReply, Timeouts
from grip.transport.sandbox import SandboxPlayer
from grip.transport.streaming import StreamingClient


class Network:
    """Sends each request with the client that is cheapest for it."""

    def __init__(self) -> None:
        self._buffered = BufferedClient()
        self._streaming = StreamingClient()
        self._sandbox = SandboxPlayer()

    async def send(self, request: UpstreamRequest, timeouts: Timeouts) -> Reply:
        """Return the whole answer; raises TransportFault."""
        if request.url.startswith(SCHEME):
            return await self._sandbox.send(request, timeouts)
        return await self._buffered.send(request, timeouts)

    def open(
        self, request: UpstreamRequest, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[StreamReply]:
        """Return the answer once its head is there; raises TransportFault."""
        if request.url.startswith(SCHEME):
            return self._sandbox.open(request, timeouts)
        return self._streaming.open(request, timeouts)

    async def close(self) -> None:
        """Close all connections."""
        await self._buffered.close()
        await self._streaming.close()
