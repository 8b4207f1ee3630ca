"""Anthropic's streams for clients of other wires: read as deltas, written as their own events."""

import msgspec

from grip.providers.anthropic.answers import AnthropicDeltas
from grip.providers.conversation import Delta
from grip.providers.port import Report, StreamEvent
from grip.providers.translated import TranslatedStream
from grip.providers.wires import DeltaWriter

_SILENT = Report()


class TranslatedMessages(TranslatedStream):
    """Reads one stream of messages for whoever `writer` writes to."""

    __slots__ = ("_deltas",)

    def __init__(self, writer: DeltaWriter) -> None:
        self._deltas = AnthropicDeltas()
        super().__init__(self._deltas, writer)

    def _written(self, deltas: list[Delta]) -> list[StreamEvent]:
        """Return the events that say `deltas`.

        The count of the input, which comes first, is said again with all that is generated, since
        the output that follows a count outdates it.
        """
        events = super()._written(deltas)
        counted = self._deltas.input
        if counted == _SILENT:
            return events
        return [
            msgspec.structs.replace(event, report=counted)
            if event.text and event.report is None
            else event
            for event in events
        ]
