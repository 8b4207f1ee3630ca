"""A stream on its way from upstream to client, and what it says of itself.

The end of the stream (its usage chunk and `[DONE]`) is kept back until the charge is on disk.
When the client leaves, the upstream is read on for a while, so that its own report is charged.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from grip import errors
from grip.gateway.allowance import Allowance
from grip.gateway.answers import MAX_BYTES
from grip.gateway.call import Call, Ending, Ticket, Told
from grip.gateway.upstream import OpenStream
from grip.money.entries import COMPLETED, CUT, LIMITED, Admitted
from grip.money.pricing import Usage
from grip.providers.port import Report, StreamEvent


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

    def __init__(
        self,
        call: Call,
        ticket: Ticket,
        sink: Sink,
        *,
        ending: Ending,
        allowance: Allowance,
        drain_s: float,
    ) -> None:
        self.ticket = ticket
        self.stream: OpenStream | None = None
        self.report: Report | None = None
        self.upstream_id: str | None = None
        self.client_left = False
        self._call = call
        self._sink = sink
        self._ending = ending
        self._allowance = allowance
        self._drain_s = drain_s
        self._usage_payload: bytes | None = None
        self._end = b""
        self._is_limited = False
        self._is_reading = True
        self._kept: list[bytes] | None = None if call.idem_key is None else []
        self._kept_bytes = 0

    def text(self) -> str:
        """Return all that was generated."""
        return self._allowance.text()

    @property
    def held_nano(self) -> int:
        """What is held by now."""
        return self.ticket.held_nano + self._allowance.grown_nano

    @property
    def status(self) -> str:
        """How the stream went, for its usage row."""
        if self._is_limited:
            return LIMITED
        return CUT if self.client_left else COMPLETED

    async def run(self, stream: OpenStream) -> None:
        """Relay `stream` to its end, to where the money ends, or to the end of the drain."""
        self.stream = stream
        self._allowance.read_with(stream.text)
        self._call.first_byte_ms = self._call.elapsed_ms()
        await self._sink.start(self.ticket.admitted)
        try:
            async with asyncio.timeout(None) as limit:
                self._sink.when_left(lambda: self._leave(limit))
                while events := await stream.next():
                    if not await self._pass_on(events, limit):
                        self._is_limited = True
                        break
        except TimeoutError:
            if not self.client_left:
                raise
        finally:
            self._is_reading = False

    def tail(self, usage: Usage, cost_nano: int) -> bytes:
        """Return what the client is to see last: why it ends, the usage if wanted, `[DONE]`."""
        told = Told(
            stream_id=self.upstream_id or self._call.request_id,
            created_s=self.ticket.admitted.admitted_us // 1_000_000,
            usage_payload=self._usage_payload,
        )
        length = self._ending.length(self._call, told) if self._is_limited else b""
        wanted = self._call.wants_usage
        counted = self._ending.usage(self._call, told, usage, cost_nano) if wanted else b""
        return length + counted + (self._end or self._ending.end)

    def whole(self, tail: bytes) -> bytes | None:
        """Return the whole answer with its tail; None where it is not all there."""
        if self._kept is None or not (self._end or self._is_limited):
            return None
        return b"".join([*self._kept, tail])

    async def end(self, tail: bytes) -> None:
        """Let the client see the end."""
        if not self.client_left:
            await self._sink.end(tail)

    async def fail(self, error: errors.GripError) -> None:
        """End the answer with an error, without `[DONE]`."""
        if not self.client_left:
            await self._sink.fail(error)

    async def _pass_on(self, events: list[StreamEvent], limit: asyncio.Timeout) -> bool:
        """Send what goes on at once; returns whether there is money for more."""
        data: list[bytes] = []
        for event in events:
            if self._allowance.is_used_up and (event.unread or event.text):
                await self._send(b"".join(data), limit)
                data.clear()
                if not await self._allowance.extend():
                    return False
            if self._passes(event):
                data.append(event.data)
        await self._send(b"".join(data), limit)
        return True

    async def _send(self, data: bytes, limit: asyncio.Timeout) -> None:
        if not data:
            return
        if self._kept is not None:
            self._keep(data)
        if not self.client_left and not await self._sink.send(data):
            self._leave(limit)

    def _keep(self, data: bytes) -> None:
        """Remember what was sent, as far as it may be kept."""
        self._kept_bytes += len(data)
        if self._kept is not None and self._kept_bytes <= MAX_BYTES:
            self._kept.append(data)
        else:
            self._kept = None

    def _passes(self, event: StreamEvent) -> bool:
        """Note what the event says; return whether its bytes go on at once."""
        if event.unread or event.text:
            # A count that more text follows was not the last word.
            self.report = self._usage_payload = None
        if event.unread:
            self._allowance.add_unread(event.data, event.unread)
            return True
        if event.text:
            self._allowance.add(event.text, len(event.data))
        if event.report is not None:
            self.report = event.report
            self._allowance.report(event.report.output_tokens or 0)
        if self.upstream_id is None:
            self.upstream_id = event.upstream_id
        if event.is_end:
            self._end = event.data
            return False
        if event.is_usage:
            self._usage_payload = event.payload
            return False
        return True

    def _leave(self, limit: asyncio.Timeout) -> None:
        """Note that the client has left; read on for as long as there is a reason to.

        Whoever sent an Idempotency-Key may come back for the whole answer.
        """
        if self.client_left:
            return
        self.client_left = True
        if not self._is_reading or self._call.idem_key is not None or self.stream is None:
            return
        drains = self.stream.candidate.channel.drains
        now_s = asyncio.get_running_loop().time()
        limit.reschedule(now_s + (self._drain_s if drains else 0))
