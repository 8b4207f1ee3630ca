"""Clients that would rather speak another protocol are answered in that which they came with."""

import asyncio
import socket
from typing import Any

import pytest
import uvicorn

from grip.web import protocol, request, server

WISH = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"
LENGTH = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n" + WISH + b"\r\nhello"
CHUNKS = (
    b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    + WISH
    + b"\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
)
SOCKETS = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
OLD = LENGTH.replace(b"1.1", b"1.0")
WAIT_S = 10


async def _answer(scope: Any, receive: Any, send: Any) -> None:
    """Say what has come."""
    body = await request.read_body(scope, receive, 1000)
    names = {name for name, _ in scope["headers"]}
    said = b"%b?%b %b %d" % (
        scope["path"].encode(),
        scope["query_string"],
        body,
        b"upgrade" in names,
    )
    head = [(b"content-length", b"%d" % len(said))]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": said})


async def _ask(client: socket.socket, sent: bytes, piece: int, end: bytes) -> bytes:
    loop, found = asyncio.get_running_loop(), b""
    for at in range(0, len(sent), piece):
        await loop.sock_sendall(client, sent[at : at + piece])
        await asyncio.sleep(0)
    while not found.endswith(end):
        data = await asyncio.wait_for(loop.sock_recv(client, 1000), WAIT_S)
        assert data, found
        found += data
    return found


@pytest.mark.parametrize("piece", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("sent", "end"),
    [
        (LENGTH, b"/a?b=c hello 0"),
        (CHUNKS, b"/a?b=c hello 0"),
        (SOCKETS, b"/a?b=c  0"),
        (OLD, b"/a?b=c hello 0"),
    ],
    ids=["length", "chunks", "sockets", "old"],
)
async def test_a_wish_for_another_protocol_costs_nobody_the_body(
    sent: bytes, end: bytes, piece: int
):
    """However it arrives, and on the same connection again."""
    listener = server.listen("127.0.0.1", 0)
    config = uvicorn.Config(
        _answer, http=protocol.BoundedProtocol, ws="none", lifespan="off", log_config=None
    )
    running = uvicorn.Server(config)
    serving = asyncio.create_task(running.serve([listener]))
    with socket.create_connection(listener.getsockname()) as client:
        client.setblocking(False)
        first = await _ask(client, sent, piece, end)
        if sent is not OLD:
            assert (await _ask(client, sent, piece, end)).startswith(b"HTTP/1.1 200 ")
    running.should_exit = True
    await serving

    assert first.startswith(b"HTTP/1.1 200 ")
    assert (b"connection: close" in first) is (sent is OLD)
