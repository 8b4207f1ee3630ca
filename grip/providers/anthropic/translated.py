"""Anthropic's streams for clients of other wires: read as deltas, written as their own events."""

import msgspec

from grip.providers.anthropic.answers import AnthropicDeltas
from grip.providers.conversation import Delta
from grip.providers.port import Report, StreamEvent
from grip.providers.wires import DeltaWriter

_SILENT = Report()


class TranslatedStream:
    """Reads one stream of messages for whoever `writer` writes to."""

    __slots__ = ("_deltas", "_writer")

    def __init__(self, writer: DeltaWriter) -> None:
        self._deltas = AnthropicDeltas()
        self._writer = writer

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events that `data` completes."""
        return self._written(self._deltas.feed(data))

    def text(self, data: bytes) -> str:  # noqa: ARG002 - the port's signature
        """Return nothing: no event goes through unread."""
        return ""

    def close(self) -> list[StreamEvent]:
        """Return what is left at the end; raises ChannelFault where the stream was cut."""
        return self._written(self._deltas.close())

    def _written(self, deltas: list[Delta]) -> list[StreamEvent]:
        """Return the events that say `deltas`.

        The count of the input, which comes first, is said again with all that is generated, since
        the output that follows a count outdates it.
        """
        events = [event for delta in deltas for event in self._writer.write(delta)]
        counted = self._deltas.input
        if counted == _SILENT:
            return events
        return [
            msgspec.structs.replace(event, report=counted)
            if event.text and event.report is None
            else event
            for event in events
        ]
