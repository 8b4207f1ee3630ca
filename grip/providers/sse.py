"""Server-sent events as bytes: where each ends, and what its `data:` lines carry.

An event ends at an empty line, with any of the three line ends. The bytes stay as they came;
refuses to know what the events of a route mean.
"""

import re
from typing import ClassVar, Final

from grip.providers.port import ChannelFault

_BOUNDARY: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_BOUNDARY_BYTES: Final = 4


class EventBytes:
    """Keeps the bytes of the event that has not ended yet."""

    __slots__ = ("_rest",)
    max_event_bytes: ClassVar[int] = 8 * 1024 * 1024

    def __init__(self) -> None:
        self._rest = bytearray()

    def _complete(self, data: bytes) -> bytes:
        """Return the whole events that `data` completes, as they are.

        What was kept is not looked through again but for its last bytes, where a boundary may
        have begun: a large event costs no more for coming in small pieces.
        """
        rest = self._rest
        if rest:
            begun = max(len(rest) - _BOUNDARY_BYTES + 1, 0)
            rest += data
            if len(rest) > self.max_event_bytes + len(data):
                raise ChannelFault("garbage", "an event of the stream does not end")
            if not _BOUNDARY.search(rest, begun):
                return b""
            data = bytes(rest)
            rest.clear()
        end = last_boundary(data)
        if end < len(data):
            rest += data[end:]
            return data[:end]
        return data

    def _left(self) -> bytes:
        """Return the last event, where the stream ended without its empty line."""
        left = bytes(self._rest) + b"\n\n" if self._rest.strip() else b""
        self._rest.clear()
        return left


def last_boundary(data: bytes) -> int:
    """Return where the last whole event in `data` ends, 0 where none does."""
    if b"\r" not in data:
        return data.rfind(b"\n\n") + 2 if b"\n\n" in data else 0
    end = 0
    for boundary in _BOUNDARY.finditer(data):
        end = boundary.end()
    return end


def next_boundary(block: bytes, at: int) -> int:
    """Return where the event that begins at `at` ends; `block` holds whole events."""
    match = _BOUNDARY.search(block, at)
    return match.end() if match else len(block)


def split_events(data: bytes) -> list[bytes]:
    """Return the events in `data`, which are whole, with their empty lines: all of its bytes."""
    if b"\r" not in data:
        *whole, rest = data.split(b"\n\n")
        events = [event + b"\n\n" for event in whole]
        # One line end more than an event takes is a blank line of its own.
        return [*events, rest] if rest else events
    events, at = [], 0
    for found in _BOUNDARY.finditer(data):
        events.append(data[at : found.end()])
        at = found.end()
    return events


def names_error(event: bytes) -> bool:
    """Return whether the event is named `error`."""
    lines = (line.partition(b":") for line in event.splitlines())
    return any(name == b"event" and value.strip() == b"error" for name, _, value in lines)


def payload_of(event: bytes) -> bytes:
    """Return what the event's `data:` lines carry, joined by newlines."""
    if event.startswith(b"data:") and event.count(b"\n") == 2:  # noqa: PLR2004 - the usual event
        return event[5:].strip()
    lines = (line for line in event.splitlines() if line.startswith(b"data:"))
    return b"\n".join(line[5:].strip() for line in lines)
