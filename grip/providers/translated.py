"""Streams for clients of another wire: read as deltas, written as the client's own events."""

from grip.providers.conversation import Delta
from grip.providers.port import StreamEvent
from grip.providers.wires import DeltaReader, DeltaWriter


class TranslatedStream:
    """Reads a stream on one wire and yields it on another."""

    __slots__ = ("_is_over", "_reader", "_writer")

    def __init__(self, reader: DeltaReader, writer: DeltaWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._is_over = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events of what `data` completes.

        A count that comes before the end is told at once: the client may leave in between.
        """
        events = self._written(self._reader.feed(data))
        self._is_over = self._is_over or bool(events and events[-1].is_end)
        counted = self._reader.report
        if counted is not None and not self._is_over:
            events.append(StreamEvent(data=b"", report=counted, is_comment=True))
        return events

    def text(self, data: bytes) -> str:  # noqa: ARG002 - the port's signature
        """Return nothing: no event goes through unread."""
        return ""

    def close(self) -> list[StreamEvent]:
        """Return the events of what is left; raises ChannelFault where the stream was cut."""
        return self._written(self._reader.close())

    def _written(self, deltas: list[Delta]) -> list[StreamEvent]:
        """Return the events that say `deltas`."""
        write = self._writer.write
        return [event for delta in deltas for event in write(delta)]
