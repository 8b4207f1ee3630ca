"""Requests that do not come to their end."""

import asyncio
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
