"""Whole answers over pyreqwest: the cheaper client where nothing streams (docs/adr/0003).

Its errors before the head are told apart by their causes, not by their class: a connection that
closed and one that never was are both a `ConnectError`.
"""

from datetime import timedelta
from typing import Any

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.response import Response

from grip.providers.port import UpstreamRequest
from grip.transport.port import (
    READ_HEADERS,
    UNUSABLE,
    Reply,
    Timeouts,
    TransportFault,
    most_bytes,
    too_large,
)

_IDLE_PER_HOST = 512
_IDLE = timedelta(seconds=30)


class BufferedClient:
    """Sends requests and returns whole answers."""

    def __init__(self) -> None:
        self._clients: dict[float, Client] = {}

    async def send(self, request: UpstreamRequest, timeouts: Timeouts) -> Reply:
        """Return the whole answer; raises TransportFault."""
        client = self._clients.get(timeouts.connect_s) or self._client(timeouts.connect_s)
        limit = timedelta(seconds=min(timeouts.first_byte_s, timeouts.total_s))
        try:
            builder = client.request(request.method, request.url).headers(request.headers)
            upload = request.upload
            if upload is None:
                builder = builder.body_bytes(request.body)
            else:
                builder = builder.header("content-length", str(upload.size))
                builder = builder.body_stream(upload.chunks())
            built = builder.timeout(limit).build_streamed()
            async with built as response:
                status, headers = response.status, _headers(response)
                body = await _body(response, most_bytes(status))
        except PyreqwestError as error:
            raise _fault(error) from error
        except (ValueError, TypeError):
            # Without its cause: that error may repeat the secret.
            raise TransportFault("connect", UNUSABLE) from None
        return Reply(status=status, headers=headers, body=body)

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.close()

    def _client(self, connect_s: float) -> Client:
        """Return a client whose connections must open within `connect_s`: a setting of its own."""
        client = self._clients[connect_s] = (
            ClientBuilder()
            .connect_timeout(timedelta(seconds=connect_s))
            .follow_redirects(False)
            .no_proxy()
            .referer(False)
            .gzip(False)
            .brotli(False)
            .zstd(False)
            .deflate(False)
            .pool_max_idle_per_host(_IDLE_PER_HOST)
            .pool_idle_timeout(_IDLE)
            .user_agent("grip")
            .build()
        )
        return client


async def _body(response: Response, most: int) -> bytes:
    """Return the whole body: at once where its announced size is within bounds, else counted."""
    announced = response.get_header("content-length") or ""
    if announced.isdecimal():
        if int(announced) > most:
            raise too_large(most)
        return (await response.bytes()).to_bytes()
    parts: list[bytes] = []
    size = 0
    while (part := await response.body_reader.read_chunk()) is not None:
        parts.append(part.to_bytes())
        size += len(part)
        if size > most:
            raise too_large(most)
    return b"".join(parts)


def _headers(response: Response) -> dict[str, str]:
    found = {}
    for name in READ_HEADERS:
        try:
            value = response.get_header(name)
        except ValueError:  # not ASCII: nothing that grip could read
            continue
        if value is not None:
            found[name] = value
    return found


def _fault(error: PyreqwestError) -> TransportFault:
    details: dict[str, Any] = getattr(error, "details", None) or {}
    causes = [cause["message"] for cause in details.get("causes") or ()]
    detail = causes[-1] if causes else str(error)
    if "client error (Connect)" in causes:
        return TransportFault("connect", detail)
    if isinstance(error, TimeoutError):
        return TransportFault("timeout", detail)
    return TransportFault("closed", detail)
