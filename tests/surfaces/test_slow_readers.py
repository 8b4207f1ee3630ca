"""Answers to clients that do not read them."""

import asyncio
import socket
from typing import Any

import pytest
import uvicorn

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
