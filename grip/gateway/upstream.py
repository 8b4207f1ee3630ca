"""The walk over channels: the first that answers serves the call, until its first byte is out.

A connection that fails, a timeout, a status that is the channel's fault, garbage and an error in
a success make the next candidate's turn. What is wrong with the request itself ends the walk.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import structlog

from grip import errors
from grip.gateway.beside import LARGE_BYTES, Beside
from grip.gateway.call import Attempt, Call, CallSpan, Candidate
from grip.gateway.health import Health
from grip.providers.conversation import Untranslatable
from grip.providers.port import (
    Adapter,
    Answer,
    ChannelFault,
    RequestRefused,
    StreamEvent,
    StreamReader,
    Target,
    UpstreamCall,
    UpstreamRequest,
)
from grip.store.records import Channel
from grip.transport.port import Reply, StreamReply, Timeouts, Transport, TransportFault

_OK = range(200, 300)
_SSE = "text/event-stream"
_MOST_WAITING = 10_000
_MOST_WAITING_BYTES = 72 * 1024 * 1024
_REPEATS = 4
"""What an upstream may say before it begins: a comment a second, the request so many times, and one
event of the largest size."""

REFUSED = "refused"
"""The reason of an attempt whose channel refused the request for what it is."""

Resolver = Callable[[str], str]
"""Returns the secret of a reference; raises SecretUnresolved."""

Wanted = Callable[[Candidate], bool]
"""Told which channel is to be asked next; returns whether there is anyone to ask it for."""

log = structlog.get_logger(__name__)

_FAULTS = (ChannelFault, TransportFault, errors.SecretUnresolved, Untranslatable)
"""What makes it the next channel's turn."""


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer, who gave it, and how many channels were tried."""

    candidate: Candidate
    answer: Answer
    attempts: int


class OpenStream:
    """A stream whose first event has arrived; iterating yields lists of events."""

    def __init__(self, reply: StreamReply, reader: StreamReader, first: list[StreamEvent]) -> None:
        self._reply = reply
        self._reader = reader
        self._first = first
        self._is_over = False

    def text(self, data: bytes) -> str:
        """Return what was generated in unread events."""
        return self._reader.text(data)

    async def next(self) -> list[StreamEvent]:
        """Return the next events, none after the end; raises ChannelFault where the stream breaks.

        The end is where the upstream says so, however it closes the connection then.
        """
        if self._first:
            events, self._first = self._first, []
        elif self._is_over:
            return []
        else:
            events = []
        while not events:
            try:
                data = await self._reply.read()
            except TransportFault as fault:
                raise ChannelFault(fault.reason, fault.detail) from fault
            events = self._reader.feed(data) if data else self._reader.close()
        if events[-1].is_end:
            self._is_over = True
            self._reply.finish()
        return events


class Upstream:
    """Calls upstreams over a transport, each through the adapter of its kind."""

    def __init__(
        self,
        *,
        transport: Transport,
        adapters: Mapping[str, Adapter],
        resolve_secret: Resolver,
        defaults: Timeouts,
        health: Health,
        beside: Beside,
    ) -> None:
        self._transport = transport
        self._adapters = adapters
        self._resolve_secret = resolve_secret
        self._defaults = defaults
        self._health = health
        self._beside = beside
        self._kinds: dict[str, frozenset[str]] = {}

    def kinds(self, path: str) -> frozenset[str]:
        """Return the kinds of channel that can answer on this route."""
        known = self._kinds.get(path)
        if known is None:
            able = (kind for kind, adapter in self._adapters.items() if path in adapter.paths)
            known = self._kinds[path] = frozenset(able)
        return known

    async def complete(self, call: Call, candidates: Sequence[Candidate]) -> Served:
        """Return the first whole answer.

        Raises RequestRefused, ServiceUnavailable, or Untranslatable where no wire has the words.
        """
        health = self._health
        walk: _Walk | None = None
        for attempt, candidate in enumerate(candidates, start=1):
            health.asked(candidate)
            asked = _begin(call, candidate)
            try:
                answer = await self.attempt(call, candidate)
            except _FAULTS as fault:
                walk = walk or _Walk(health, self.told)
                walk.pass_over(asked, attempt, fault)
            except RequestRefused:
                health.served(candidate)
                _refused(asked)
                raise
            else:
                health.served(candidate)
                asked.ended = time.monotonic()
                return Served(candidate=candidate, answer=answer, attempts=attempt)
        raise walk.end() if walk is not None else _nobody(call)

    @asynccontextmanager
    async def open(
        self, call: Call, candidates: Sequence[Candidate], wanted: Wanted
    ) -> AsyncIterator[OpenStream]:
        """Yield the first stream that begins well; leaving stops the upstream.

        Raises what `complete` does, and ServiceUnavailable where it is not wanted any more.
        """
        health = self._health
        walk: _Walk | None = None
        async with AsyncExitStack() as stack:
            for attempt, candidate in enumerate(candidates, start=1):
                if not wanted(candidate):
                    raise errors.ServiceUnavailable("nobody waits for the answer any more")
                health.asked(candidate)
                asked = _begin(call, candidate)
                async with AsyncExitStack() as trial:
                    try:
                        stream = await self._open(trial, call, candidate)
                    except _FAULTS as fault:
                        walk = walk or _Walk(health, self.told)
                        walk.pass_over(asked, attempt, fault)
                        continue
                    except RequestRefused:
                        health.served(candidate)
                        _refused(asked)
                        raise
                    health.served(candidate)
                    asked.ended = time.monotonic()
                    stack.push_async_exit(trial.pop_all())
                    break
            else:
                raise walk.end() if walk is not None else _nobody(call)
            yield stream

    async def attempt(self, call: Call, candidate: Candidate) -> Answer:
        """Return the whole answer of one channel.

        Raises RequestRefused, Untranslatable, ChannelFault, TransportFault or SecretUnresolved.
        """
        adapter = self._adapters[candidate.channel.kind]
        wire_call = _wire_call(call, candidate)
        request = await self._request(adapter, wire_call, candidate.channel)
        if call.span is not None:
            request = _traced(request, call.span)
        reply = await self._transport.send(request, self._timeouts(candidate.channel))
        if reply.status not in _OK:
            raise adapter.refusal(reply.status, reply.headers, reply.body)
        kind = reply.headers.get("content-type", "")
        if len(reply.body) > LARGE_BYTES:
            return await self._beside.run(adapter.answer, wire_call, reply.body, kind)
        return adapter.answer(wire_call, reply.body, kind)

    def told(self, channel: Channel, fault: Exception) -> str:
        """Return what a channel's fault says, for the operator, and never the secret it may quote.

        Where the secret has gone meanwhile, nothing: what was sent is not known any more.
        """
        said = str(fault)
        if channel.secret is None or isinstance(fault, errors.SecretUnresolved):
            return said
        try:
            return said.replace(self._resolve_secret(channel.secret), "[secret]")
        except errors.SecretUnresolved:
            return ""

    def broke(self, call: Call, fault: ChannelFault) -> None:
        """Note that the channel which served the call broke off."""
        if call.attempts:
            last = call.attempts[-1]
            last.reason = fault.reason
            last.detail = self.told(last.candidate.channel, fault)

    async def _open(self, stack: AsyncExitStack, call: Call, candidate: Candidate) -> OpenStream:
        """Open the stream and read its first events: an error there is still the channel's.

        Comments before them are kept back, since they are no sign that the call succeeds.
        """
        adapter = self._adapters[candidate.channel.kind]
        wire_call = _wire_call(call, candidate)
        request = await self._request(adapter, wire_call, candidate.channel)
        if call.span is not None:
            request = _traced(request, call.span)
        reply = await stack.enter_async_context(
            self._transport.open(request, self._timeouts(candidate.channel))
        )
        if reply.status not in _OK:
            whole = Reply(status=reply.status, headers=reply.headers, body=await reply.read_all())
            raise adapter.refusal(whole.status, whole.headers, whole.body)
        if not reply.headers.get("content-type", _SSE).startswith(_SSE):
            raise _no_stream(adapter, wire_call, await reply.read_all())
        reader = adapter.stream(wire_call)
        return OpenStream(reply, reader, await _first(reply, reader, len(call.body.raw)))

    async def _request(
        self, adapter: Adapter, wire_call: UpstreamCall, channel: Channel
    ) -> UpstreamRequest:
        secret = None if channel.secret is None else self._resolve_secret(channel.secret)
        target = Target(base_url=channel.base_url, secret=secret)
        if len(wire_call.body.raw) > LARGE_BYTES:
            return await self._beside.run(adapter.request, wire_call, target)
        return adapter.request(wire_call, target)

    def _timeouts(self, channel: Channel) -> Timeouts:
        default = self._defaults
        return Timeouts(
            connect_s=_seconds(channel.connect_timeout_ms, default.connect_s),
            first_byte_s=_seconds(channel.first_byte_timeout_ms, default.first_byte_s),
            chunk_s=_seconds(channel.chunk_timeout_ms, default.chunk_s),
            total_s=_seconds(channel.total_timeout_ms, default.total_s),
        )


def _seconds(timeout_ms: int | None, default_s: float) -> float:
    return default_s if timeout_ms is None else timeout_ms / 1000


def _wire_call(call: Call, candidate: Candidate) -> UpstreamCall:
    return UpstreamCall(
        path=call.path,
        body=call.body,
        model=candidate.upstream_model,
        named=call.model,
        stream=call.stream,
        ask_usage=call.stream and not call.wants_usage,
        max_output=candidate.offer.model.max_output,
        headers=call.headers,
        form=call.form,
        created_s=call.created_s,
    )


async def _first(reply: StreamReply, reader: StreamReader, sent: int) -> list[StreamEvent]:
    """Return the events up to the first that says something; raises ChannelFault for too many.

    `sent` is the size of the request in bytes, which an upstream may repeat.
    """
    found: list[StreamEvent] = []
    left = _MOST_WAITING_BYTES + _REPEATS * sent
    while True:
        data = await _read(reply)
        events = reader.feed(data) if data else reader.close()
        found += events
        if not all(event.is_comment for event in events):
            return found
        left -= len(data)
        if left < 0 or len(found) > _MOST_WAITING:
            raise ChannelFault("garbage", "the stream does not begin")


async def _read(reply: StreamReply) -> bytes:
    try:
        return await reply.read()
    except TransportFault as fault:
        raise ChannelFault(fault.reason, fault.detail) from fault


def _no_stream(adapter: Adapter, wire_call: UpstreamCall, body: bytes) -> ChannelFault:
    """Return why a success that is no stream is a fault: its own error tells most."""
    try:
        adapter.answer(wire_call, body, "application/json")
    except ChannelFault as fault:
        return fault
    return ChannelFault("garbage", "a whole answer where a stream was asked for")


class _Walk:
    """Why the channels of one call were passed over, and what that comes to."""

    def __init__(self, health: Health, told: Callable[[Channel, Exception], str]) -> None:
        self._health = health
        self._told = told
        self._unspoken: Untranslatable | None = None
        self._has_failed = False

    def pass_over(self, asked: Attempt, attempt: int, fault: Exception) -> None:
        """Remember that a channel did not serve; its trouble is for the log and for its health."""
        candidate = asked.candidate
        asked.ended = time.monotonic()
        asked.reason, _ = _reason(fault)
        asked.detail = self._told(candidate.channel, fault)
        if isinstance(fault, Untranslatable):
            self._unspoken = self._unspoken or fault
            return
        self._has_failed = True
        self._health.failed(candidate, *_reason(fault))
        log.warning(
            "channel.failed",
            channel=candidate.channel.name,
            attempt=attempt,
            fault=word_for(fault),
        )

    def end(self) -> errors.GripError:
        """Return what the client is told where no channel served."""
        if self._unspoken is not None and not self._has_failed:
            return self._unspoken
        return errors.ServiceUnavailable("no channel completed the request; retry in a moment")


def _nobody(call: Call) -> errors.GripError:
    log.error("channel.none", model=call.model)
    return errors.ServiceUnavailable("no channel serves this model at the moment")


def _reason(fault: Exception) -> tuple[str, int | None]:
    """Return the word for a fault, and for how long the channel asked to be left alone."""
    if isinstance(fault, ChannelFault):
        return fault.reason, fault.retry_after_s
    if isinstance(fault, TransportFault):
        return fault.reason, None
    return "untranslatable" if isinstance(fault, Untranslatable) else "secret", None


def word_for(fault: Exception) -> str:
    """Return what the log says of a fault: not what an upstream wrote, which may quote anybody."""
    return _reason(fault)[0]


def _traced(request: UpstreamRequest, span: CallSpan) -> UpstreamRequest:
    return msgspec.structs.replace(request, headers=(*request.headers, *span.headers()))


def _begin(call: Call, candidate: Candidate) -> Attempt:
    asked = Attempt(candidate, time.monotonic())
    call.attempts.append(asked)
    if call.span is not None:
        call.span.attempt(asked)
    return asked


def _refused(asked: Attempt) -> None:
    asked.ended = time.monotonic()
    asked.reason = REFUSED


__all__ = ["OpenStream", "RequestRefused", "Served", "Upstream"]
