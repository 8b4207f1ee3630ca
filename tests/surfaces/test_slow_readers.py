"""Answers to clients that do not read them."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from grip.money.entries import Admitted
from grip.web import protocol, response, server

PIECE = 256 * 1024


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1, 5 * PIECE])
async def test_an_answer_is_sent_whole(size: int):
    """In pieces where it is large; its length is said before."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    await response.respond(send, 200, [], body)

    assert sent[0]["headers"] == [(b"content-length", b"%d" % size)]
    assert b"".join(message["body"] for message in sent[1:]) == body
    assert [message["more_body"] for message in sent[1:]] == [True] * (len(sent) - 2) + [False]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_does_not_read_is_let_go(stream, monkeypatch):
    """The server cuts it off, and the handler comes to its end as after a hang-up."""
    monkeypatch.setattr(protocol, "READ_TIMEOUT_S", 0.05)
    ended = asyncio.Event()

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        if stream:
            sink = response.EventStream(receive, send, "req_1")
            left = asyncio.Event()
            sink.when_left(left.set)
            sink.listen()
            await sink.start(Admitted(admitted_us=1, requests=None, tokens=None), None)
            while await sink.send(b"x" * PIECE):
                pass
            await left.wait()
            await sink.close()
        else:
            await response.respond(send, 200, [], b"x" * (200 * PIECE))
        ended.set()

    listener = server.listen("127.0.0.1", 0)
    config = uvicorn.Config(app, http=protocol.BoundedProtocol, lifespan="off", log_config=None)
    running = uvicorn.Server(config)
    serving = asyncio.create_task(running.serve([listener]))
    with socket.create_connection(listener.getsockname()) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.wait_for(ended.wait(), 30)
    running.should_exit = True
    await serving


class _Reader:
    """A client, seen through the transport to it, and the time that it takes."""

    def __init__(self) -> None:
        self.unread = 0
        self.is_cut_off = False
        self.clocks: list[Callable[[], None]] = []
        kept = socket.socket()
        self.options = kept
        self._extra = {"socket": kept}
        config = uvicorn.Config(_nothing, lifespan="off", log_config=None)
        loop: Any = self
        self.protocol = protocol.BoundedProtocol(config, ServerState(), {}, loop)
        self.protocol.connection_made(self)

    def get_extra_info(self, name: str) -> Any:
        return self._extra.get(name)

    def get_write_buffer_size(self) -> int:
        return self.unread

    def abort(self) -> None:
        self.is_cut_off = True

    def time(self) -> float:
        return 0.0

    def call_at(self, _when: float, _work: Callable[[], None]) -> Any:
        return None

    def call_later(self, delay_s: float, work: Callable[[], None]) -> Any:
        assert delay_s == protocol.READ_TIMEOUT_S
        self.clocks.append(work)
        return None


async def _nothing(_scope: Any, _receive: Any, _send: Any) -> None:
    """Answer nobody."""


def test_who_reads_slowly_is_not_cut_off_and_who_stops_is():
    """However long the buffer takes to empty, as long as it does."""
    reader = _Reader()
    with reader.options:
        reader.unread = 300_000
        reader.protocol.pause_writing()
        for unread in (299_999, 150_000, 70_000):
            reader.unread = unread
            reader.clocks.pop()()
            assert not reader.is_cut_off
        reader.clocks.pop()()

    assert reader.is_cut_off
    assert reader.clocks == []


@pytest.mark.skipif(protocol._NOTSENT_LOWAT is None, reason="the system has no such option")
def test_the_system_keeps_little_of_an_answer():
    """It would take megabytes at once, and who reads them steadily would seem to read nothing."""
    reader = _Reader()
    with reader.options:
        option = protocol._NOTSENT_LOWAT or 0

        assert reader.options.getsockopt(socket.IPPROTO_TCP, option) == protocol._UNSENT_BYTES
