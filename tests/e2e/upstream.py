"""An upstream on loopback that speaks OpenAI's wire over raw sockets, and misbehaves on demand.

Each `Door` is a base URL of its own with a script: what to do with each request that knocks. Every
request is recorded byte for byte. Nothing here sleeps: a script that stalls waits for an event.
"""

import contextlib
import itertools
import json
import queue
import select
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

WAIT_S = 30
"""How long anything is waited for before a test is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What arrived, as it arrived; header names are lower-case."""

    raw: bytes
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Exchange:
    """One request and the raw connection that its answer goes to."""

    def __init__(
        self, connection: socket.socket, request: Request, door: "Door", stopping: socket.socket
    ) -> None:
        self.request = request
        self._connection = connection
        self._door = door
        self._stopping = stopping

    @property
    def peer(self) -> object:
        """The address at the other end of the connection."""
        return self._connection.getpeername()

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def wait(self, event: threading.Event) -> None:
        """Go on when the test says so."""
        assert event.wait(WAIT_S)

    def wait_closed(self) -> None:
        """Return when the client has closed its end, which the door remembers."""
        ready, _, _ = select.select([self._connection, self._stopping], [], [], WAIT_S)
        if self._connection in ready:
            self._door.left.set()


Script = Callable[[Exchange], None]


class HangUp(Exception):
    """The script wants the connection closed."""


class Reset(Exception):
    """The script wants the connection reset."""


@dataclass(kw_only=True)
class Door:
    """A base URL with its script, and who knocked: `requests` in all, `arrivals` to wait for.

    `left` is set when a client closed its end before the script was through.
    """

    url: str
    script: Script
    requests: list[Request] = field(default_factory=list)
    arrivals: "queue.Queue[Request]" = field(default_factory=queue.Queue)
    left: threading.Event = field(default_factory=threading.Event)

    def next(self) -> Request:
        """Wait for the next request."""
        return self.arrivals.get(timeout=WAIT_S)


class Upstream:
    """A threaded server of doors."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._doors: dict[str, Door] = {}
        self._numbers = itertools.count(1)
        self._stopped, self._stop = socket.socketpair()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def door(self, script: Script) -> Door:
        """Open a door with a base URL of its own."""
        name = f"door{next(self._numbers)}"
        port = self._listener.getsockname()[1]
        door = self._doors[name] = Door(url=f"http://127.0.0.1:{port}/{name}/v1", script=script)
        return door

    def close(self) -> None:
        """Let every script go, and wait for them."""
        self._stop.close()
        for thread in self._threads:
            thread.join(WAIT_S)
        self._listener.close()
        self._stopped.close()

    def _accept(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._stopped], [], [])
            if self._stopped in ready:
                return
            connection, _ = self._listener.accept()
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(HangUp, Reset, ConnectionError):
            try:
                for request in self._requests(connection):
                    self._play(connection, request)
            except Reset:
                # SO_LINGER of zero: the close becomes a RST.
                linger = (1).to_bytes(4, "little") + bytes(4)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    def _play(self, connection: socket.socket, request: Request) -> None:
        door = self._doors[request.path.split("/")[1]]
        door.requests.append(request)
        door.arrivals.put(request)
        door.script(Exchange(connection, request, door, self._stopped))

    def _requests(self, connection: socket.socket) -> Iterator[Request]:
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                ready, _, _ = select.select([connection, self._stopped], [], [])
                if self._stopped in ready or not (more := connection.recv(65536)):
                    return
                data += more
            head, _, body = data.partition(b"\r\n\r\n")
            headers = _headers(head)
            length = int(headers["content-length"])
            while len(body) < length:
                body += connection.recv(65536)
            yield Request(
                raw=head + b"\r\n\r\n" + body,
                path=head.split(b" ")[1].decode(),
                headers=headers,
                body=body[:length],
            )
            data = body[length:]


def _headers(head: bytes) -> dict[str, str]:
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.decode().lower(): value.strip().decode() for name, _, value in pairs}
