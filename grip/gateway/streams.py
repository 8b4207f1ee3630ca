"""A stream on its way from upstream to client, and what it says of itself.

The end of the stream (its usage chunk and `[DONE]`) is kept back until the charge is on disk.
When the client leaves, the upstream is read on for a while, so that its own report is charged.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from grip import errors
from grip.gateway.call import Call, Ticket
from grip.gateway.upstream import OpenStream
from grip.money.entries import Admitted, Settled
from grip.money.pricing import Usage
from grip.providers.json_object import JsonObject
from grip.providers.port import Report, StreamEvent

DRAIN_S: Final = 30
"""How long an upstream is read on after its client has left."""


class Sink(Protocol):
    """Where a stream goes: a client that may leave."""

    async def start(self, admitted: Admitted) -> None:
        """Send the head of the answer."""

    async def send(self, data: bytes) -> bool:
        """Send bytes; returns whether the client is still there."""

    async def end(self, data: bytes) -> None:
        """Send the last bytes and end the answer."""

    async def fail(self, error: errors.GripError) -> None:
        """End the answer with an error event."""

    def when_left(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, when the client leaves."""


class Relay:
    """Passes one stream on, and remembers what a settlement needs."""

    def __init__(self, call: Call, ticket: Ticket, sink: Sink) -> None:
        self.ticket = ticket
        self.stream: OpenStream | None = None
        self.report: Report | None = None
        self.upstream_id: str | None = None
        self.client_left = False
        self._call = call
        self._sink = sink
        self._texts: list[str] = []
        self._usage_event: StreamEvent | None = None
        self._end = b""
        self._is_reading = True

    @property
    def text(self) -> str:
        """All that was generated."""
        return "".join(self._texts)

    async def run(self, stream: OpenStream) -> None:
        """Relay `stream` to its end, or to the end of the drain where the client has left."""
        self.stream = stream
        self._call.first_byte_ms = self._call.elapsed_ms()
        await self._sink.start(self.ticket.admitted)
        try:
            async with asyncio.timeout(None) as limit:
                self._sink.when_left(lambda: self._leave(limit))
                async for events in stream.events():
                    data = b"".join([event.data for event in events if self._passes(event)])
                    if data and not self.client_left and not await self._sink.send(data):
                        self._leave(limit)
        except TimeoutError:
            if not self.client_left:
                raise
        finally:
            self._is_reading = False

    async def end(self, usage: Usage, settled: Settled) -> None:
        """Let the client see the end: the usage, where it asked for it, then `[DONE]`."""
        if self.client_left:
            return
        tail = self._end
        if self._call.wants_usage:
            tail = self._usage_chunk(usage, settled) + tail
        await self._sink.end(tail)

    async def fail(self, error: errors.GripError) -> None:
        """End the answer with an error, without `[DONE]`."""
        if not self.client_left:
            await self._sink.fail(error)

    def _passes(self, event: StreamEvent) -> bool:
        """Note what the event says; return whether its bytes go on at once."""
        if event.text:
            self._texts.append(event.text)
        if event.report is not None:
            self.report = event.report
        if self.upstream_id is None:
            self.upstream_id = event.upstream_id
        if event.is_end:
            self._end = event.data
            return False
        if event.is_usage:
            self._usage_event = event
            return False
        return True

    def _leave(self, limit: asyncio.Timeout) -> None:
        if self.client_left:
            return
        self.client_left = True
        if self._is_reading:
            limit.reschedule(asyncio.get_running_loop().time() + DRAIN_S)

    def _usage_chunk(self, usage: Usage, settled: Settled) -> bytes:
        """Return the upstream's usage chunk with the cost in it, or one of our own."""
        if self._usage_event is not None:
            # One that cannot be edited, as with a member that stands twice, gives way to ours.
            with contextlib.suppress(errors.InvalidRequest):
                return _priced(self._usage_event.payload, settled)
        made: dict[str, Any] = {
            "id": self.upstream_id or self._call.request_id,
            "object": "chat.completion.chunk",
            "created": self.ticket.admitted.admitted_us // 1_000_000,
            "model": self._call.model,
            "choices": [],
            "usage": {
                "prompt_tokens": usage.input_tokens,
                "completion_tokens": usage.output_tokens,
                "total_tokens": usage.tokens,
                "cost_nano": settled.cost_nano,
            },
        }
        return b"data: " + msgspec.json.encode(made) + b"\n\n"


def _priced(payload: bytes, settled: Settled) -> bytes:
    """Return a usage chunk with its cost, as an event; raises InvalidRequest."""
    chunk = JsonObject(payload)
    usage = JsonObject(chunk.text_of("usage")).replace({"cost_nano": settled.cost_nano})
    text = chunk.replace({"usage": msgspec.Raw(usage)})
    return b"data: " + text.replace(b"\n", b"\ndata: ") + b"\n\n"
