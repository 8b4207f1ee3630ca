"""Plays the sandbox's scripts in process, with the waits and failures that they ask for."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from grip.providers import sandbox
from grip.providers.port import UpstreamRequest
from grip.transport.port import (
    Reply,
    StreamReply,
    Timeouts,
    TransportFault,
    most_bytes,
    too_large,
)


class SandboxPlayer:
    """Answers requests for `sandbox:` URLs."""

    async def send(self, request: UpstreamRequest, timeouts: Timeouts) -> Reply:
        """Return the whole answer; raises TransportFault where the script fails."""
        async with self.open(request, timeouts) as reply:
            body = await reply.read_all()
            return Reply(status=reply.status, headers=reply.headers, body=body)

    @asynccontextmanager
    async def open(
        self, request: UpstreamRequest, timeouts: Timeouts
    ) -> AsyncIterator[StreamReply]:
        """Yield the answer once the script has come to its head."""
        script = _script(request)
        fail, wait_s = script.behaviour.fail, script.behaviour.delay_s
        if fail == "connect":
            raise TransportFault("connect", "the sandbox was told to refuse connections")
        if fail == "close":
            raise TransportFault("closed", "the sandbox was told to close the connection")
        limit_s = min(timeouts.first_byte_s, timeouts.total_s)
        if fail == "stall" or wait_s > limit_s:
            await asyncio.sleep(limit_s)
            raise TransportFault("timeout", "the sandbox did not answer in time")
        if wait_s:
            await asyncio.sleep(wait_s)
        yield _Reply(script, timeouts)


def _script(request: UpstreamRequest) -> sandbox.Script:
    path = request.url.removeprefix(sandbox.SCHEME)
    if path.startswith(sandbox.TASKS):
        return sandbox.task_script(request.method, path, request.body)
    return sandbox.script(path, request.body)


class _Reply:
    """A `StreamReply` that plays the chunks of a script."""

    def __init__(self, script: sandbox.Script, timeouts: Timeouts) -> None:
        self.status = script.status
        self.headers: Mapping[str, str] = {"content-type": script.content_type}
        self._chunks = iter(script.chunks)
        self._wait_s = script.behaviour.chunk_delay_s
        self._limit_s = timeouts.chunk_s
        self._most = most_bytes(script.status)

    async def read(self) -> bytes:
        chunk = next(self._chunks, b"")
        if chunk and self._wait_s:
            await asyncio.sleep(min(self._wait_s, self._limit_s))
            if self._wait_s > self._limit_s:
                raise TransportFault("timeout", "no chunk in time")
        return chunk

    def finish(self) -> None:
        """Nothing is left."""

    async def read_all(self) -> bytes:
        parts = []
        size = 0
        while data := await self.read():
            parts.append(data)
            size += len(data)
            if size > self._most:
                raise too_large(self._most)
        return b"".join(parts)
