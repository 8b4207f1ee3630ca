"""Anthropic's streams for Anthropic's clients: passed on as their own bytes, and read for money."""

from grip.providers.anthropic import wire
from grip.providers.anthropic.events import Events
from grip.providers.port import Report, StreamEvent

_NO_BLOCK = -1


class AnthropicStream:
    """Reads one stream of messages."""

    __slots__ = ("_counts", "_events", "_input")

    def __init__(self) -> None:
        self._events = Events()
        self._counts = wire.Counts()
        self._input: Report | None = None

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events that `data` completes; what comes after the end is left out."""
        return [self._meant(*event) for event in self._events.feed(data)]

    def text(self, data: bytes) -> str:  # noqa: ARG002 - the port's signature
        """Return nothing: no event of this wire goes through unread."""
        return ""

    def close(self) -> list[StreamEvent]:
        """Return the last event, where the stream ended without its empty line, or its end."""
        return [self._meant(*event) for event in self._events.close()]

    def _meant(self, data: bytes, event: wire.Event) -> StreamEvent:
        """Return what the event means.

        The count of the input, which comes first, is said again with all that is generated, since
        the output that follows a count outdates it.
        """
        if event.type == "content_block_delta":
            text = "" if event.delta is None else event.delta.said()
            return StreamEvent(data=data, text=text, report=self._input)
        match event.type:
            case "content_block_start":
                return self._opened(data, event)
            case "message_start":
                return self._started(data, event)
            case "message_delta":
                return self._reported(data, event)
        return StreamEvent(
            data=data,
            is_comment=event.type == "ping",
            is_end=event.type == "message_stop",
            block=_NO_BLOCK if event.type == "content_block_stop" else None,
        )

    def _started(self, data: bytes, event: wire.Event) -> StreamEvent:
        message = event.message or wire.Message()
        self._counts = self._counts.begun(message.usage)
        self._input = self._counts.input
        return StreamEvent(data=data, report=self._input, upstream_id=message.upstream_id)

    def _opened(self, data: bytes, event: wire.Event) -> StreamEvent:
        text = "" if event.content_block is None else event.content_block.said()
        index = event.index if event.index.__class__ is int else None
        return StreamEvent(data=data, text=text, report=self._input, block=index)

    def _reported(self, data: bytes, event: wire.Event) -> StreamEvent:
        self._counts = self._counts.updated(event.usage)
        self._input = self._counts.input
        return StreamEvent(data=data, report=self._counts.report)
