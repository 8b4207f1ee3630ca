"""OpenAI's streams: server-sent events, each parsed once and passed on as its own bytes.

An event ends at an empty line. Only `data:` lines matter; comments and other fields are part of
the event's bytes and go through.
"""

import re
from typing import Final

from grip.providers.openai import wire
from grip.providers.port import ChannelFault, StreamEvent

_BOUNDARY: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_BOUNDARY_BYTES: Final = 4
_DETAIL: Final = 2000
_MAX_EVENT_BYTES: Final = 8 * 1024 * 1024


class OpenAIStream:
    """Reads one stream of chat or completions."""

    __slots__ = ("_ended", "_finished", "_rest")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._finished = False
        self._ended = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events that `data` completes; what comes after the end is left out."""
        events = []
        for event in self._complete(data):
            if self._ended:
                break
            events.append(self._read(event))
        return events

    def close(self) -> list[StreamEvent]:
        """Return the last event, where the stream ended without its empty line.

        An upstream that told why it stopped, but sent no `[DONE]`, has ended well: the event that
        clients wait for is added.
        """
        events = []
        if self._rest.strip() and not self._ended:
            events.append(self._read(bytes(self._rest) + b"\n\n"))
            self._rest.clear()
        if not self._ended:
            if not self._finished:
                raise ChannelFault("cut", "the stream ended half-way")
            events.append(StreamEvent(data=b"data: [DONE]\n\n", is_end=True))
        return events

    def _complete(self, data: bytes) -> list[bytes]:
        """Return the events that `data` completes.

        What was kept is not looked through again but for its last bytes, where a boundary may
        have begun: a large event costs no more for coming in small pieces.
        """
        rest = self._rest
        if rest:
            begun = max(len(rest) - _BOUNDARY_BYTES + 1, 0)
            rest += data
            if len(rest) > _MAX_EVENT_BYTES + len(data):
                raise ChannelFault("garbage", "an event of the stream does not end")
            if not _BOUNDARY.search(rest, begun):
                return []
            data = bytes(rest)
            rest.clear()
        *complete, left = _split(data)
        rest += left
        return complete

    def _read(self, event: bytes) -> StreamEvent:
        payload = _payload(event)
        if not payload:
            return StreamEvent(data=event, is_comment=True)
        if payload == b"[DONE]":
            self._ended = True
            return StreamEvent(data=event, is_end=True)
        if b"event:" in event and _is_error(event):
            raise ChannelFault("error_in_stream", payload[:_DETAIL].decode(errors="replace"))
        try:
            body = wire.decode(payload)
        except wire.UNREADABLE as error:
            raise ChannelFault("garbage", f"in the stream: {error}") from None
        if body.error is not None:
            raise ChannelFault("error_in_stream", str(body.error)[:_DETAIL])
        choices = body.choices or ()
        for choice in choices:
            if choice.finish_reason is not None:
                self._finished = True
        if body.usage is None:
            return StreamEvent(data=event, text=body.text(), upstream_id=body.upstream_id)
        return self._with_usage(event, payload, body)

    def _with_usage(self, event: bytes, payload: bytes, body: wire.Body) -> StreamEvent:
        is_usage = isinstance(body.usage, dict) and not body.choices
        return StreamEvent(
            data=event,
            payload=payload if is_usage else b"",
            text=body.text(),
            report=wire.report(body.usage),
            is_usage=is_usage,
            upstream_id=body.upstream_id,
        )


def _split(data: bytes) -> list[bytes]:
    """Return the events in `data` with their empty lines, and last what is not complete yet."""
    if b"\r" not in data:
        *complete, rest = data.split(b"\n\n")
        return [*[event + b"\n\n" for event in complete], rest]
    events, at = [], 0
    for boundary in _BOUNDARY.finditer(data):
        events.append(data[at : boundary.end()])
        at = boundary.end()
    return [*events, data[at:]]


def _is_error(event: bytes) -> bool:
    lines = (line.partition(b":") for line in event.splitlines())
    return any(name == b"event" and value.strip() == b"error" for name, _, value in lines)


def _payload(event: bytes) -> bytes:
    """Return what the event's `data:` lines carry, joined by newlines."""
    if event.startswith(b"data:") and event.count(b"\n") == 2:  # noqa: PLR2004 - the usual event
        return event[5:].strip()
    lines = (line for line in event.splitlines() if line.startswith(b"data:"))
    return b"\n".join(line[5:].strip() for line in lines)
