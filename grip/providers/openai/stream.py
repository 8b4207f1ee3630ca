"""OpenAI's streams: server-sent events, passed on as their own bytes, and read as far as needed.

An event ends at an empty line. Only `data:` lines matter; comments and other fields are part of
the event's bytes and go through. Once the text flows, events in which nothing else can stand go
through together, unread: to parse each of them was a third of what a chunk costs.
"""

from typing import Final

from grip.providers.openai import wire
from grip.providers.port import ChannelFault, StreamEvent
from grip.providers.sse import (
    EventBytes,
    names_error,
    next_boundary,
    payload_of,
    split_events,
)

_MARKS: Final = (b"\r", b"[DONE]", b'"error"', b'"finish_reason":"', b'"finish_reason": "')
_NO_USAGE: Final = (b'"usage":null', b'"usage": null')
_DETAIL: Final = 2000
_RUN_BYTES: Final = 4 * 1024
"""About so many go through unread at once, however many arrive: they are paid for in turn."""


class OpenAIStream(EventBytes):
    """Reads one stream of chat or completions."""

    __slots__ = ("_ended", "_finished", "_flows")

    def __init__(self) -> None:
        super().__init__()
        self._flows = False
        self._finished = False
        self._ended = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events that `data` completes; what comes after the end is left out."""
        block = self._complete(data)
        events: list[StreamEvent] = []
        at = 0
        while at < len(block) and not self._ended:
            if self._flows and (end := _flow(block, at)):
                count = block.count(b"\n\n", at, end)
                events.append(StreamEvent(data=block[at:end], unread=count))
                at = end
                continue
            end = _boundary(block, at)
            read = self._read(block[at:end])
            # Behind a count each is looked into: only where text follows was it not the last word.
            self._flows = read.report is None and (self._flows or bool(read.text))
            events.append(read)
            at = end
        return events

    def text(self, data: bytes) -> str:
        """Return what was generated in events that went through unread.

        One that is no JSON after all has gone through as it is, and counts as text.
        """
        return "".join([_said(payload_of(event)) for event in split_events(data)])

    def close(self) -> list[StreamEvent]:
        """Return the last event, where the stream ended without its empty line.

        An upstream that told why it stopped, but sent no `[DONE]`, has ended well: the event that
        clients wait for is added.
        """
        events = []
        if not self._ended and (left := self._left()):
            events.append(self._read(left))
        if not self._ended:
            if not self._finished:
                raise ChannelFault("cut", "the stream ended half-way")
            events.append(StreamEvent(data=b"data: [DONE]\n\n", is_end=True))
        return events

    def _read(self, event: bytes) -> StreamEvent:
        payload = payload_of(event)
        if not payload:
            return StreamEvent(data=event, is_comment=True)
        if payload == b"[DONE]":
            self._ended = True
            return StreamEvent(data=event, is_end=True)
        if b"event:" in event and names_error(event):
            raise ChannelFault("error_in_stream", payload[:_DETAIL].decode(errors="replace"))
        body = _decoded(payload)
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


def _flow(block: bytes, at: int) -> int:
    """Return where the events from `at` on end that can carry nothing but text, 0 for none.

    Each is one line of one object, with no usage, error, reason to finish, or end in sight.
    """
    if not block.startswith(b"data: {", at):
        return 0
    end = block.rfind(b"\n\n", at, at + _RUN_BYTES) + 2
    mark = _first_mark(block, at, end)
    if mark < end:
        end = block.rfind(b"\n\n", at, mark) + 2
    count = block.count(b"\n\n", at, end)
    if (
        end <= at
        or not block.endswith(b"}\n\n", at, end)
        or block.count(b"\n", at, end) != 2 * count
        or block.count(b"}\n\ndata: {", at, end) != count - 1
        or not _is_text(block[at:end])
    ):
        return 0
    return end


def _first_mark(block: bytes, at: int, end: int) -> int:
    """Return where the first sign stands of what must be read, `end` where none does."""
    first = end
    for mark in _MARKS:
        found = block.find(mark, at, first)
        if found >= 0:
            first = found
    found = block.find(b'"usage"', at, first)
    while found >= 0:
        if not block.startswith(_NO_USAGE, found):
            return found
        found = block.find(b'"usage"', found + 1, first)
    return first


def _boundary(block: bytes, at: int) -> int:
    """Return where the event that begins at `at` ends; `block` holds whole events."""
    found = block.find(b"\n\n", at, at + _RUN_BYTES)
    if found >= 0 and block.find(b"\r", at, found) < 0:
        return found + 2
    return next_boundary(block, at)


def _is_text(block: bytes) -> bool:
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _said(payload: bytes) -> str:
    try:
        return wire.decode(payload).text()
    except wire.UNREADABLE:
        return payload.decode(errors="replace")


def _decoded(payload: bytes) -> wire.Body:
    try:
        return wire.decode(payload)
    except wire.UNREADABLE as error:
        raise ChannelFault("garbage", f"in the stream: {error}") from None
