"""Anthropic's streams as events: each with its bytes and what they say.

An error in the stream, and an end before its time, are the channel's faults. Refuses to know what
a client is to see of an event.
"""

from typing import Final

from grip.providers.anthropic import wire
from grip.providers.port import ChannelFault
from grip.providers.sse import EventBytes, names_error, payload_of, split_events

END: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
"""The event that clients wait for."""

_DATA: Final = b"\ndata: {"
_LINES: Final = 3
_DETAIL: Final = 2000
_SILENCE: Final = wire.Event(type="ping")

Read = tuple[bytes, wire.Event]


class Events(EventBytes):
    """Reads one stream; nothing comes after `message_stop`."""

    __slots__ = ("_ended", "_finished")

    def __init__(self) -> None:
        super().__init__()
        self._finished = False
        self._ended = False

    def feed(self, data: bytes) -> list[Read]:
        """Return the events that `data` completes; those that say nothing come as pings.

        Raises ChannelFault on an error in the stream, and on what is no event.
        """
        found: list[Read] = []
        for event in split_events(self._complete(data)):
            if self._ended:
                break
            found.append((event, self._read(event)))
        return found

    def close(self) -> list[Read]:
        """Return the last events, where the stream ended without its empty line.

        An upstream that told why it stopped, but sent no `message_stop`, has ended well: the event
        is added. Raises ChannelFault where the stream was cut.
        """
        found: list[Read] = []
        if not self._ended and (left := self._left()):
            found.append((left, self._read_left(left)))
        if not self._ended:
            if not self._finished:
                raise ChannelFault("cut", "the stream ended half-way")
            found.append((END, wire.Event(type="message_stop")))
        return found

    def _read_left(self, event: bytes) -> wire.Event:
        """Read the last event; half an event is a stream that was cut."""
        try:
            return self._read(event)
        except ChannelFault as fault:
            if fault.reason == "garbage":
                raise ChannelFault("cut", fault.detail) from None
            raise

    def _read(self, event: bytes) -> wire.Event:
        payload = _payload(event)
        if not payload:
            return _SILENCE
        try:
            read = wire.decode_event(payload)
        except wire.UNREADABLE as error:
            raise _unreadable(event, payload, error) from None
        if read.type == "error" or read.error is not None or _is_odd(read, event):
            raise _told(payload)
        if read.type == "message_delta":
            said = read.delta is not None and isinstance(read.delta.stop_reason, str)
            self._finished = self._finished or said
        elif read.type == "message_stop":
            self._ended = True
        return read


def _payload(event: bytes) -> bytes:
    """Return what the event carries; the usual one has a name and one line of data."""
    at = event.find(_DATA)
    if at > 0 and event.startswith(b"event:") and event.count(b"\n") == _LINES:
        return event[at + len(_DATA) - 1 :]
    return payload_of(event)


def _is_odd(read: wire.Event, event: bytes) -> bool:
    """Return whether an event that is named an error says so in its name alone."""
    return read.type.__class__ is not str and names_error(event)


def _unreadable(event: bytes, payload: bytes, error: Exception) -> ChannelFault:
    if names_error(event):
        return _told(payload)
    return ChannelFault("garbage", f"in the stream: {error}")


def _told(payload: bytes) -> ChannelFault:
    return ChannelFault("error_in_stream", payload[:_DETAIL].decode(errors="replace").strip())
