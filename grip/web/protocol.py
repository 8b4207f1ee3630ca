"""uvicorn's HTTP protocol, with bounds on what a client can make the server keep or wait for.

uvicorn itself bounds neither the size nor the time of a request's head, keeps whatever follows a
body in chunks as further headers, and a client that does not read what it is sent would hold a
handler in `send` for as long as it likes. Nor does it tell a
handler that its client has left where another request waits behind it: so none waits. What comes
before an answer is over is not heard, and the connection ends with that answer. And it keeps as
many connections as come, until there is no file left for those to upstreams. Where a client would
rather speak another protocol (HTTP/2, as Java's does by default), it loses the body: here it is
answered in the one that it came with.
"""

import asyncio
import socket
import sys
from collections import OrderedDict
from typing import Any, ClassVar, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

REQUEST_TIMEOUT_S: Final = 60
"""How long a request may take to arrive, with what `BODY_BYTES_PER_S` adds."""

BODY_BYTES_PER_S: Final = 64 * 1024
"""So much of a body gives it another second: a large file may take its time, not stand still."""

READ_TIMEOUT_S: Final = 30
"""How long a client may make no room for more; past that it counts as gone. Room comes in pieces of
half of `_UNSENT_BYTES`, so that 4 KB a second are enough."""

_UNSENT_BYTES: Final = 128 * 1024
"""What the system keeps of an answer that is not on its way yet. It would take megabytes, and ask
for more in pieces so large that a client who reads slowly seems to read nothing for minutes."""

_NOTSENT_LOWAT: Final[int | None] = getattr(socket, "TCP_NOTSENT_LOWAT", None)

MAX_HEAD_BYTES: Final = 64 * 1024
"""The largest head, and the most that may come between two bytes of a body or behind the last one:
the edges of chunks, and trailers, which nobody reads."""

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


def bounded(most_connections: int) -> "type[BoundedProtocol]":
    """Return the protocol of a server that keeps so many connections."""

    class Protocol(BoundedProtocol):
        _most = most_connections
        _waiting: ClassVar[OrderedDict[BoundedProtocol, None]] = OrderedDict()

    return Protocol


class BoundedProtocol(HttpToolsProtocol):
    """One connection. The timer of its requests is set once for many of them, since each costs.

    `_waiting` are those of its server that have no request, the longest of them first.
    """

    _most = sys.maxsize
    _waiting: ClassVar[OrderedDict["BoundedProtocol", None]] = OrderedDict()
    _bare_bytes = 0
    _in_head = True
    _is_deaf = False
    _is_ending = False
    _due_s: float | None = None
    _timer: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _unread_bytes = 0
    _heard = b""

    def connection_made(self, transport: Any) -> None:
        """Expect the first request, where there is room for one more, or can be made."""
        super().connection_made(transport)
        if len(self.connections) > self._most:
            spare = next(iter(self._waiting), self)
            self._waiting.pop(spare, None)
            spare.transport.abort()
            if spare is self:
                return
        if _NOTSENT_LOWAT is not None:
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, _UNSENT_BYTES)
        self._waiting[self] = None
        self._expect_request()

    def on_message_begin(self) -> None:
        """Expect the rest of a further request."""
        super().on_message_begin()
        if self._is_answering():
            self._stop_hearing()
            return
        self._in_head = True
        if self._due_s is None:
            self._expect_request()

    def on_headers_complete(self) -> None:
        """Stop counting the head."""
        if self._is_deaf or self._wants_another_protocol():
            return
        self._in_head, self._bare_bytes = False, 0
        super().on_headers_complete()
        self._waiting.pop(self, None)
        # Where trailers go: the headers that a handler sees are those that came before the body.
        self.headers = []
        if self._is_ending:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take more of the body."""
        self._bare_bytes = 0
        if not self._is_deaf:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the clock, and expect the next head."""
        if self._is_deaf or self._wants_another_protocol():
            return
        self._due_s = None
        super().on_message_complete()
        self._in_head, self._bare_bytes = True, 0

    def on_response_complete(self) -> None:
        """Wait for the next request, at the end of those who do."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._waiting[self] = None

    def data_received(self, data: bytes) -> None:
        """Count what belongs to no body, and refuse a head that is too large."""
        if self._is_deaf:
            return
        self._bare_bytes += len(data)
        if not self._in_head and self._due_s is not None and not self.cycle.response_complete:
            self._due_s += len(data) / BODY_BYTES_PER_S
        self._heard = data
        super().data_received(data)
        self._heard = b""
        if self._bare_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            if self._in_head:
                self.transport.write(_TOO_LARGE)
            self.transport.close()

    def end_with_next(self) -> None:
        """Let the answer under way be the last one, or the next one where there is none."""
        self._is_ending = True
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and not cycle.response_started:
            cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, unless it stands behind a request that is being answered."""
        if self._is_deaf or self._is_answering():
            self._stop_hearing()
        else:
            super().send_400_response(msg)

    def _wants_another_protocol(self) -> bool:
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _unsupported_upgrade_warning(self) -> None:
        """Hear the request again, without its wish for another protocol, and then its body.

        The parser takes whatever comes behind such a head for the other protocol.
        """
        found = sys.exc_info()[1]
        if self._is_deaf or found is None or not self._wants_another_protocol():
            return
        version = self.parser.get_http_version().encode()
        head = [self.parser.get_method(), b" ", self.url, b" HTTP/", version, b"\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                head += [name, b": ", value, b"\r\n"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        super().data_received(b"".join([*head, b"\r\n", self._heard[found.args[0] :]]))

    def pause_writing(self) -> None:
        """Wait for the client to read, for so long."""
        super().pause_writing()
        if self._unread is None:
            self._wait_for_reader()

    def resume_writing(self) -> None:
        """Go on: it has read."""
        self._stop_waiting_for_reader()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks with the connection."""
        self._waiting.pop(self, None)
        self._stop_waiting_for_reader()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        """Return whether a request has come whole, and its answer is not over."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # none before the first request
        return cycle is not None and not cycle.more_body and not cycle.response_complete

    def _stop_hearing(self) -> None:
        """Let the answer under way be the last one; only the end of the connection is noticed."""
        self._is_deaf = True
        self._due_s = None
        self.cycle.keep_alive = False

    def _expect_request(self) -> None:
        self._due_s = self.loop.time() + REQUEST_TIMEOUT_S
        if self._timer is None:
            self._timer = self.loop.call_at(self._due_s, self._look)

    def _look(self) -> None:
        """Close where a request is overdue; the next one may have moved the time."""
        self._timer = None
        if self._due_s is None:
            return
        if self.loop.time() >= self._due_s:
            self.transport.close()
        else:
            self._timer = self.loop.call_at(self._due_s, self._look)

    def _stop_waiting_for_reader(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _wait_for_reader(self) -> None:
        self._unread_bytes = self.transport.get_write_buffer_size()
        self._unread = self.loop.call_later(READ_TIMEOUT_S, self._look_at_reader)

    def _look_at_reader(self) -> None:
        """Go on waiting for who has read something, and cut off who has not.

        Closing would wait for the reader once more.
        """
        self._unread = None
        if self.transport.get_write_buffer_size() < self._unread_bytes:
            self._wait_for_reader()
        else:
            self.transport.abort()
