"""Streams of typed events that have no `[DONE]`: one of their own is the last.

Owns the shell: how events are put together, and that a stream without its end was cut. Refuses to
know what the events say.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from grip.providers.port import ChannelFault, StreamEvent
from grip.providers.sse import EventBytes, split_events


class TypedStream(EventBytes, ABC):
    """Reads one stream; whoever reads the last event sets `_ended`."""

    __slots__ = ("_ended",)
    max_event_bytes: ClassVar[int] = 64 * 1024 * 1024
    """Pictures and sound stand in events whole."""

    def __init__(self) -> None:
        super().__init__()
        self._ended = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events that `data` completes; what comes after the end is left out."""
        events: list[StreamEvent] = []
        for event in split_events(self._complete(data)):
            if self._ended:
                break
            events += self._read(event)
        return events

    def text(self, data: bytes) -> str:  # noqa: ARG002 - the port's signature
        """Return nothing: each event has been read."""
        return ""

    def close(self) -> list[StreamEvent]:
        """Return the last events, where the stream ended without its empty line."""
        events: list[StreamEvent] = []
        if not self._ended and (left := self._left()):
            events += self._read(left)
        if not self._ended:
            events += self._last()
        return events

    @abstractmethod
    def _read(self, event: bytes) -> list[StreamEvent]:
        """Return what an event means; raises ChannelFault."""

    def _last(self) -> list[StreamEvent]:
        """Return what was kept back for the end; raises ChannelFault where nothing was."""
        raise ChannelFault("cut", "the stream ended half-way")
