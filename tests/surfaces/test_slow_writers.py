"""Requests that do not come to their end."""

import asyncio
import contextlib
import socket
from typing import Any

import pytest
import uvicorn

from grip import errors
from grip.web import protocol, request, server

HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n"


@pytest.mark.parametrize("sent", [HEAD + b"half", HEAD, HEAD[:20], b""])
async def test_a_request_that_takes_too_long_is_let_go(sent: bytes, monkeypatch):
    """Its connection is closed; a handler that waits for the rest hears that the client left."""
    monkeypatch.setattr(protocol, "REQUEST_TIMEOUT_S", 0.05)
    refused: list[Any] = []

    async def app(scope: Any, receive: Any, _send: Any) -> None:
        try:
            await request.read_body(scope, receive, 1000)
        except errors.InvalidRequest as error:
            refused.append(error.message)

    listener = server.listen("127.0.0.1", 0)
    config = uvicorn.Config(app, http=protocol.BoundedProtocol, lifespan="off", log_config=None)
    running = uvicorn.Server(config)
    serving = asyncio.create_task(running.serve([listener]))
    with socket.create_connection(listener.getsockname()) as client:
        client.sendall(sent)
        client.setblocking(False)
        rest = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1000), 30)
    running.should_exit = True
    await serving

    assert rest == b""
    assert refused == (["the client left before its body was complete"] if HEAD in sent else [])


async def test_a_body_that_was_answered_already_earns_no_time(monkeypatch):
    """Who goes on sending what was refused is cut off, however quickly it comes."""
    monkeypatch.setattr(protocol, "REQUEST_TIMEOUT_S", 0.05)

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    listener = server.listen("127.0.0.1", 0)
    config = uvicorn.Config(app, http=protocol.BoundedProtocol, lifespan="off", log_config=None)
    running = uvicorn.Server(config)
    serving = asyncio.create_task(running.serve([listener]))
    loop = asyncio.get_running_loop()
    with socket.create_connection(listener.getsockname()) as client:
        client.setblocking(False)
        await loop.sock_sendall(client, HEAD.replace(b"50", b"500000000"))
        found = b""
        while b"\r\n\r\n" not in found:
            found += await loop.sock_recv(client, 1000)
        with contextlib.suppress(ConnectionError):
            await loop.sock_sendall(client, b"x" * 4_000_000)
            async with asyncio.timeout(30):
                while await loop.sock_recv(client, 1000):
                    pass
    running.should_exit = True
    await serving

    assert found.startswith(b"HTTP/1.1 401 ")
