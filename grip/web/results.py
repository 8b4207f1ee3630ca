"""The answer that carries a result: in pieces, as fast as its reader reads, whole or a range of it.

Owns the headers and the pace. Refuses to judge whose result it is: its caller has.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

import structlog
from litestar.types import HTTPScope, Receive, Send

from grip import errors
from grip.storage import ResultReader, Stored, file_suffix
from grip.web.ranges import Slice, slice_of
from grip.web.request import header
from grip.web.response import Headers

_REFUSED: Final = 416
_UNCHANGED: Final = 304
_PARTIAL: Final = 206

log = structlog.get_logger(__name__)


async def respond_result(
    scope: HTTPScope,
    receive: Receive,
    send: Send,
    *,
    key: str,
    stored: Stored,
    reader: ResultReader,
) -> None:
    """Answer a GET or a HEAD with the result under `key`.

    What `reader` raises before its first byte comes through, with nothing sent. After that there is
    no other answer: the connection is cut, which the client sees by the length it was told.
    """
    etag = f'"{stored.sha256}"'.encode() if stored.sha256 else None
    is_head = scope["method"] == "HEAD"
    part = slice_of(
        stored.size,
        etag=etag,
        wanted=None if is_head else header(scope, b"range"),
        if_range=header(scope, b"if-range"),
        if_none_match=header(scope, b"if-none-match"),
    )
    head = {"type": "http.response.start", "status": part.status}
    headers = _headers(key, stored, part, etag)
    if is_head or part.start == part.stop:
        await _send(send, {**head, "headers": headers})
        await _send(send, {"type": "http.response.body", "body": b"", "more_body": False})
        return
    watch = asyncio.create_task(_left(receive))
    try:
        async with aclosing(reader.open(key, part.start, part.stop)) as chunks:
            size = part.stop - part.start
            await _stream(send, {**head, "headers": headers}, size, chunks, watch)
    finally:
        watch.cancel()


async def _stream(
    send: Send,
    head: Any,
    size: int,
    chunks: AsyncGenerator[bytes, None],
    watch: "asyncio.Task[None]",
) -> None:
    """Send each piece once the server has taken the one before, while the client is there.

    The answer is over with its last byte: by the length that it was told, a client knows, and what
    it asks next would not be heard before (`protocol.py`).
    """
    piece = await anext(chunks)
    await _send(send, head)
    try:
        while piece and not watch.done():
            size -= len(piece)
            await _send(send, {"type": "http.response.body", "body": piece, "more_body": size > 0})
            piece = await anext(chunks, b"")
    except errors.GripError as error:
        # Without an end, the server closes the connection.
        log.warning("result.broke_off", error=str(error))


def _headers(key: str, stored: Stored, part: Slice, etag: bytes | None) -> Headers:
    name = f"{key.replace('/', '-')}.{file_suffix(stored.content_type)}"
    headers: Headers = [
        (b"accept-ranges", b"bytes"),
        (b"cache-control", b"private"),
    ]
    if etag is not None:
        headers.append((b"etag", etag))
    if part.status == _UNCHANGED:
        return headers
    if part.status == _REFUSED:
        headers += [(b"content-range", b"bytes */%d" % stored.size), (b"content-length", b"0")]
        return headers
    headers += [
        (b"content-type", stored.content_type.encode()),
        (b"content-disposition", f'inline; filename="{name}"'.encode()),
        (b"content-length", b"%d" % (part.stop - part.start)),
    ]
    if part.status == _PARTIAL:
        told = b"bytes %d-%d/%d" % (part.start, part.stop - 1, stored.size)
        headers.append((b"content-range", told))
    return headers


async def _left(receive: Receive) -> None:
    """Return when the client hangs up: nobody else would tell."""
    message: Any = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()


async def _send(send: Send, message: Any) -> None:
    await send(message)
