"""A stream on its way from upstream to client, and what it says of itself.

The end of the stream (its usage chunk and `[DONE]`) is kept back until the charge is on disk.
When the client leaves, the upstream is waited for and read on for a while, so that its own report
is charged, or stopped at once, as its channel says; no further one is asked for nobody.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from grip import errors
from grip.gateway.allowance import Allowance
from grip.gateway.answers import MAX_BYTES
from grip.gateway.call import Call, Candidate, Ending, Ticket, Told
from grip.gateway.upstream import OpenStream
from grip.money.entries import COMPLETED, CUT, LIMITED, Admitted
from grip.money.pricing import Usage
from grip.providers.port import Report, StreamEvent


class Sink(Protocol):
    """Where a stream goes: a client that may leave."""

    def listen(self) -> None:
        """Begin to notice whether the client leaves."""

    async def start(self, admitted: Admitted, fallback: str | None) -> None:
        """Send the head of the answer, which names the model that serves instead of the named."""

    async def send(self, data: bytes) -> bool:
        """Send bytes; returns whether the client is still there."""

    async def end(self, data: bytes) -> None:
        """Send the last bytes and end the answer."""

    async def fail(self, error: errors.GripError) -> None:
        """End the answer with an error event."""

    def when_left(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, when the client leaves; at once where it has left already."""


class StreamTerms(msgspec.Struct, frozen=True, kw_only=True):
    """How streams are held and drained: output tokens of a slice, seconds of a drain."""

    slice_tokens: int
    drain_s: float


class Relay:
    """Passes one stream on, and remembers what a settlement needs.

    `seen` is the beginning of what was sent, up to `seen_most` bytes of `seen_bytes` in all.
    """

    def __init__(
        self,
        call: Call,
        ticket: Ticket,
        sink: Sink,
        *,
        ending: Ending,
        allowance: Allowance,
        drain_s: float,
        seen_most: int = 0,
    ) -> None:
        self.ticket = ticket
        self.stream: OpenStream | None = None
        self.candidate: Candidate | None = None
        self.attempts = 0
        self.report: Report | None = None
        self.upstream_id: str | None = None
        self.client_left = False
        self._call = call
        self._sink = sink
        self._ending = ending
        self._allowance = allowance
        self._drain_s = drain_s
        self._usage_payload: bytes | None = None
        self._usage_event = b""
        self._block = -1
        self._head = b""
        self._events = 0
        self._end = b""
        self._is_limited = False
        self._limit = asyncio.timeout(None)
        self._is_running = False
        self._kept: list[bytes] | None = None if call.idem_key is None else []
        self._kept_bytes = 0
        self.seen: list[bytes] = []
        self.seen_bytes = 0
        self._seen_room = seen_most
        self._sees = seen_most > 0

    def text(self) -> str:
        """Return all that was generated."""
        return self._allowance.text()

    @property
    def held_nano(self) -> int:
        """What is held by now."""
        return self.ticket.held_nano + self.grown_nano

    @property
    def grown_nano(self) -> int:
        """By how much the hold has grown."""
        return self._allowance.grown_nano

    @property
    def is_owed(self) -> bool:
        """Whether an upstream has worked for the client: it has begun, or was stopped for them.

        What an upstream takes for a prompt that it was sent nobody knows before it answers.
        """
        if self.stream is not None:
            return True
        return self.client_left and self.candidate is not None and not self._is_kept_for_later

    @property
    def status(self) -> str:
        """How the stream went, for its usage row."""
        if self._is_limited:
            return LIMITED
        return CUT if self.client_left else COMPLETED

    def wants(self, candidate: Candidate) -> bool:
        """Return whether there is anyone to ask this channel for, and note that it is asked."""
        if self.client_left and not self._is_kept_for_later:
            return False
        self.candidate = candidate
        self.attempts += 1
        return True

    async def run(self, opening: AbstractAsyncContextManager[OpenStream]) -> None:
        """Relay what `opening` opens to its end, to where the money ends, or as long as is waited.

        `stream` stays None where nothing had come by then. Raises what `opening` and reading raise.
        """
        try:
            async with self._limit:
                self._is_running = True
                self._sink.when_left(self._leave)
                async with opening as stream:
                    await self._relay(stream)
        except TimeoutError:
            if not self._limit.expired():
                raise
        finally:
            self._is_running = False

    def tail(self, usage: Usage, cost_nano: int) -> bytes:
        """Return what the client is to see last: why it ends, the usage if wanted, `[DONE]`."""
        told = Told(
            stream_id=self.upstream_id or self._call.request_id,
            created_s=self.ticket.admitted.admitted_us // 1_000_000,
            usage_payload=self._usage_payload,
            usage_event=self._usage_event,
            block=self._block,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            head=self._head,
            events=self._events,
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

    def see(self, data: bytes) -> None:
        """Remember what the client gets, as far as its content is logged."""
        if self._sees and not self.client_left:
            self.seen_bytes += len(data)
            if self._seen_room > 0:
                self.seen.append(data[: self._seen_room])
                self._seen_room -= len(data)

    async def fail(self, error: errors.GripError) -> None:
        """End the answer with an error, without `[DONE]`."""
        if not self.client_left:
            await self._sink.fail(error)

    @property
    def _is_kept_for_later(self) -> bool:
        """Whoever sent an Idempotency-Key may come back for the whole answer."""
        return self._call.idem_key is not None

    async def _relay(self, stream: OpenStream) -> None:
        self.stream = stream
        self._allowance.read_with(stream.text)
        self._call.first_byte_ms = self._call.elapsed_ms()
        if not self.client_left:
            instead = None if self.candidate is None else self.ticket.fallback(self.candidate)
            await self._sink.start(self.ticket.admitted, instead)
        while events := await stream.next():
            if not await self._pass_on(events):
                self._is_limited = True
                break

    async def _pass_on(self, events: list[StreamEvent]) -> bool:
        """Send what goes on at once; returns whether there is money for more."""
        data: list[bytes] = []
        for event in events:
            if self._allowance.is_used_up and (event.unread or event.text):
                await self._send(b"".join(data))
                data.clear()
                if not await self._allowance.extend():
                    return False
            if self._passes(event):
                data.append(event.data)
        await self._send(b"".join(data))
        return True

    async def _send(self, data: bytes) -> None:
        if not data:
            return
        if self._kept is not None:
            self._keep(data)
        if self.client_left:
            return
        self.see(data)
        if not await self._sink.send(data):
            self._leave()

    def _keep(self, data: bytes) -> None:
        """Remember what was sent, as far as it may be kept."""
        self._kept_bytes += len(data)
        if self._kept is not None and self._kept_bytes <= MAX_BYTES:
            self._kept.append(data)
        else:
            self._kept = None

    def _passes(self, event: StreamEvent) -> bool:
        """Note what the event says; return whether its bytes go on at once."""
        self._events += event.unread or 1
        if event.is_head:
            self._head = event.payload
        if event.block is not None:
            self._block = event.block
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
            self._usage_payload, self._usage_event = event.payload, event.data
            return False
        return True

    def _leave(self) -> None:
        """Note that the client has left; wait on for as long as there is a reason to."""
        if self.client_left:
            return
        self.client_left = True
        candidate = self.candidate
        if not self._is_running or self._is_kept_for_later or candidate is None:
            return
        now_s = asyncio.get_running_loop().time()
        self._limit.reschedule(now_s + (self._drain_s if candidate.channel.drains else 0))
