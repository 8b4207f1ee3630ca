"""More connections than a server keeps: those that ask for nothing make room for those that do."""

import asyncio
import contextlib
import resource
import socket
from typing import Any, Self

import pytest
import uvicorn

from grip.web import protocol, server

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
OK = b"\r\n\r\nok"
WAIT_S = 10


class _Place:
    """A server that keeps so many connections, and whose answers wait for `go_on`."""

    def __init__(self, most: int) -> None:
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()
        listener = server.listen("127.0.0.1", 0)
        self._address = listener.getsockname()
        self._sockets: list[socket.socket] = []
        kind = protocol.bounded(most)
        config = uvicorn.Config(
            self._answer, interface="asgi3", http=kind, lifespan="off", log_config=None
        )
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve([listener]))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self._sockets:
            one.close()
        self._server.should_exit = True
        await self._serving

    async def connect(self) -> socket.socket:
        client = socket.socket()
        self._sockets.append(client)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, self._address)
        return client

    async def ask(self, client: socket.socket) -> bytes:
        await asyncio.get_running_loop().sock_sendall(client, GET)
        return await self.heard(client)

    async def heard(self, client: socket.socket) -> bytes:
        """Return an answer, nothing where the connection is closed."""
        found, loop = b"", asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            while OK not in found:
                data = await asyncio.wait_for(loop.sock_recv(client, 1000), WAIT_S)
                if not data:
                    break
                found += data
        return found

    async def _answer(self, _scope: Any, _receive: Any, send: Any) -> None:
        self.begun.set()
        await self.go_on.wait()
        head = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"ok"})


async def test_who_has_waited_longest_makes_room():
    """Counted from its last answer; a new client is served all the same."""
    async with _Place(2) as place:
        place.go_on.set()
        first = await place.connect()
        assert OK in await place.ask(first)
        second = await place.connect()
        assert OK in await place.ask(second)
        assert OK in await place.ask(first)
        third = await place.connect()

        assert OK in await place.ask(third)
        assert await place.heard(second) == b""
        assert OK in await place.ask(first)


async def test_a_request_that_runs_makes_room_for_nobody():
    """Where all have one, who comes last is turned away."""
    async with _Place(1) as place:
        first = await place.connect()
        answer = asyncio.create_task(place.ask(first))
        await place.begun.wait()
        late = await place.connect()

        assert await place.heard(late) == b""
        place.go_on.set()
        assert OK in await answer


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "most"),
    [(1024, 4096, 8192, 1984), (1024, 4096, 100, 100), (64, 64, 100, 1), (-1, -1, 8192, 8192)],
)
def test_half_of_the_files_are_for_upstreams(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, wanted: int, most: int
):
    """Of those that the process may open at the most, which it takes."""
    taken: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: taken.append(limits))

    assert server._most_connections(wanted) == most
    assert taken == ([(4096, 4096)] if soft == 1024 else [])
