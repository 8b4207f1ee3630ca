"""Streams over aiohttp: the cheaper client where chunks flow (docs/adr/0003).

Its own read timeout does not fire on a malformed chunk, so each stream has one watchdog, which
looks at the time of the last progress and closes the connection.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from multidict import CIMultiDict
from yarl import URL

from grip.providers.port import UpstreamRequest
from grip.transport.port import (
    READ_HEADERS,
    UNUSABLE,
    StreamReply,
    Timeouts,
    TransportFault,
    most_bytes,
    too_large,
)

_KEEP_ALIVE_S = 30
_LINGER_S = 0.5


class StreamingClient:
    """Sends requests and hands over their answers as they come."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(
        self, request: UpstreamRequest, timeouts: Timeouts
    ) -> AsyncIterator[StreamReply]:
        """Yield the answer once its head is there; leaving closes what has not ended."""
        session = self._session or self._start()
        limit = aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect_s)
        headers = CIMultiDict(request.headers)
        body: bytes | AsyncIterator[bytes] = request.body
        if request.upload is not None:
            body = request.upload.chunks()
            headers["content-length"] = str(request.upload.size)
        try:
            async with asyncio.timeout(min(timeouts.first_byte_s, timeouts.total_s)):
                response = await session.request(
                    request.method,
                    URL(request.url, encoded=True),
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                    timeout=limit,
                )
        except (ValueError, TypeError):
            # Without its cause: that error may repeat the secret.
            raise TransportFault("connect", UNUSABLE) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _fault(error) from error
        reply = _Reply(response, timeouts)
        try:
            yield reply
        finally:
            reply.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def _start(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=_Connector(limit=0, keepalive_timeout=_KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={"user-agent": "grip"},
            skip_auto_headers=["Accept-Encoding"],
        )
        return self._session


class _Connector(aiohttp.TCPConnector):
    """Connections, but for those on which something came that nobody asked for.

    aiohttp itself would take it for the answer to the next request, which is somebody else's.
    """

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (found := await super()._get(key, traces)) is not None:
            if found.protocol is None or not found.protocol.should_close:
                return found
            found.close()
        return None


class _Reply:
    """A `StreamReply` over aiohttp, with its watchdog."""

    def __init__(self, response: aiohttp.ClientResponse, timeouts: Timeouts) -> None:
        self.status = response.status
        self.headers = _headers(response)
        self._response = response
        self._chunk_s = timeouts.chunk_s
        self._loop = asyncio.get_running_loop()
        self._progress = self._loop.time()
        self._deadline = self._progress + timeouts.total_s
        self._late = False
        self._is_finished = False
        self._timer = self._loop.call_at(self._due(), self._look)

    async def read(self) -> bytes:
        try:
            data = await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            if self._late:
                raise TransportFault("timeout", "no chunk in time") from error
            raise _fault(error) from error
        self._progress = self._loop.time()
        return data

    async def read_all(self) -> bytes:
        most = most_bytes(self.status)
        if (self._response.content_length or 0) > most:
            raise too_large(most)
        parts = []
        size = 0
        while data := await self.read():
            parts.append(data)
            size += len(data)
            if size > most:
                raise too_large(most)
        return b"".join(parts)

    def finish(self) -> None:
        self._is_finished = True

    def close(self) -> None:
        self._timer.cancel()
        if self._response.content.is_eof():
            self._response.release()
        elif self._is_finished:
            # The end of the body gives the connection back by itself, usually at once.
            self._loop.call_later(_LINGER_S, self._response.close)
        else:
            self._response.close()

    def _due(self) -> float:
        return min(self._progress + self._chunk_s, self._deadline)

    def _look(self) -> None:
        if self._loop.time() < self._due():
            self._timer = self._loop.call_at(self._due(), self._look)
            return
        self._late = True
        self._response.close()


def _headers(response: aiohttp.ClientResponse) -> Mapping[str, str]:
    return {name: response.headers[name] for name in READ_HEADERS if name in response.headers}


def _fault(error: BaseException) -> TransportFault:
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError):
        return TransportFault("timeout", "no answer in time")
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return TransportFault("connect", str(error))
    return TransportFault("closed", str(error) or type(error).__name__)
