"""Gemini's streams: server-sent events, each of the shape of a whole answer.

No event says that it is the last: the connection ends. An upstream that gives up half-way writes
its error as bare JSON between or behind the events, without `data:`.
"""

import msgspec

from grip.providers.conversation import Begun, Delta
from grip.providers.gemini import refusals, wire
from grip.providers.gemini.reading import Reading
from grip.providers.port import ChannelFault, Report, StreamEvent
from grip.providers.sse import EventBytes, payload_of, split_events
from grip.providers.translated import TranslatedStream
from grip.providers.wires import DeltaWriter


class GeminiDeltas(EventBytes):
    """Turns the bytes of one stream into deltas."""

    __slots__ = ("_reading",)

    def __init__(self) -> None:
        super().__init__()
        self._reading = Reading()

    @property
    def report(self) -> Report | None:
        """What was counted by now."""
        return self._reading.report

    def feed(self, data: bytes) -> list[Delta]:
        """Return what is complete; raises ChannelFault, or RequestRefused before anything came."""
        told: list[Delta] = []
        for event in split_events(self._complete(data)):
            told += self._read(event)
        return told

    def close(self) -> list[Delta]:
        """Return what is left at the end; raises ChannelFault where the stream was cut."""
        told: list[Delta] = []
        if left := self._left():
            try:
                told += self._read(left)
            except ChannelFault as found:
                raise _cut(found) from None
        if not self._reading.has_stopped:
            raise ChannelFault("cut", "the stream ended half-way")
        return [*told, self._reading.end()]

    def _read(self, event: bytes) -> list[Delta]:
        payload = payload_of(event) or _bare(event)
        if not payload:
            return []
        body = wire.decode(payload)
        if body.error is not None:
            raise refusals.fault("error_in_stream", body.error)
        return self._reading.read(body)


class GeminiStream(TranslatedStream):
    """Turns the bytes of one stream into the events of a client's wire."""

    __slots__ = ("_deltas", "_upstream_id")

    def __init__(self, writer: DeltaWriter) -> None:
        self._deltas = GeminiDeltas()
        super().__init__(self._deltas, writer)
        self._upstream_id: str | None = None

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events that `data` completes, the last with what was counted by then.

        A count that comes alone is told alone: the client may leave before the end.
        """
        before = self._deltas.report
        events = self._written(self._deltas.feed(data))
        report = self._deltas.report
        if not events and report is not None and report != before:
            return [StreamEvent(data=b"", report=report, is_comment=True)]
        if events and report is not None and events[-1].report is None:
            events[-1] = msgspec.structs.replace(events[-1], report=report)
        return events

    def _written(self, deltas: list[Delta]) -> list[StreamEvent]:
        """Return the events that say `deltas`; the first of all carries the upstream's id."""
        events: list[StreamEvent] = []
        for delta in deltas:
            if isinstance(delta, Begun):
                self._upstream_id = delta.id
            events += self._writer.write(delta)
        if events and self._upstream_id is not None:
            events[0] = msgspec.structs.replace(events[0], upstream_id=self._upstream_id)
            self._upstream_id = None
        return events


def _bare(event: bytes) -> bytes:
    """Return JSON that stands where an event should, as Google writes an error into a stream."""
    found = event.strip()
    return found if found.startswith((b"{", b"[")) else b""


def _cut(found: ChannelFault) -> ChannelFault:
    """Return what is wrong with the last event: half an event is a stream that was cut."""
    return ChannelFault("cut", found.detail) if found.reason == "garbage" else found
