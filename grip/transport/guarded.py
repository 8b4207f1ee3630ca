"""HTTP to addresses that strangers chose: one exchange, one socket, to a checked address.

Owns the guard: a name is resolved once, each of its addresses is checked, and a checked one is
dialled literally, while SNI, certificate and Host stay the name. Refuses redirects, proxies of the
environment, compression, HTTP/2 and the reuse of connections.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

import httpcore2

from grip.settings import Place
from grip.transport import destination
from grip.transport.destination import Destination, UrlRefused
from grip.transport.dialer import HEAD_BYTES_MAX, READ_BYTES, Dialer, EnoughRead, Meter
from grip.transport.names import Resolver, SystemNames
from grip.transport.port import UNUSABLE, Reply, TransportFault, too_large

_STREAM_READ_BYTES: Final = 64 * 1024
_OWN_HEADERS: Final = (("accept-encoding", "identity"), ("connection", "close"))

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ask:
    """What is sent, and how much of an answer is wanted within which time."""

    method: str
    url: str
    headers: Headers
    body: bytes | None
    deadline_s: float | None
    most_bytes: int


class GuardedReply:
    """An answer whose head has arrived: `status`, `headers` by lower-case name, and its body."""

    def __init__(self, response: httpcore2.Response, meter: Meter, most_bytes: int) -> None:
        self.status = response.status
        self.headers = _headers(response)
        self._response = response
        self._meter = meter
        self._most_bytes = most_bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body; raises TransportFault where it breaks off or passes its limit."""
        self._meter.allow(None, at_once=_STREAM_READ_BYTES)
        size = 0
        with _named():
            async with aclosing(self._response.aiter_stream()) as parts:
                async for chunk in parts:
                    size += len(chunk)
                    if size > self._most_bytes:
                        raise too_large(self._most_bytes)
                    yield chunk

    async def beginning(self) -> bytes:
        """Return the first bytes of the body, up to its limit, and read no further than that."""
        self._meter.allow(self._most_bytes)
        body = b""
        try:
            with _named():
                async with aclosing(self._response.aiter_stream()) as parts:
                    async for chunk in parts:
                        body += chunk[: self._most_bytes - len(body)]
                        if len(body) >= self._most_bytes:
                            break
        except EnoughRead:
            pass  # what has come is all that anybody wants
        return body


class GuardedClient:
    """Sends requests to public addresses, and to the places that `allow` lists."""

    def __init__(
        self,
        *,
        allow: Sequence[Place] = (),
        resolve: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._names = SystemNames()
        self._resolve = resolve or self._names.resolve
        self._allow = tuple(allow)
        self._tls = tls

    async def post(
        self,
        url: str,
        *,
        headers: Headers,
        body: bytes,
        deadline_s: float,
        most_bytes: int = READ_BYTES,
    ) -> Reply:
        """Send `body`, and return the answer with at most `most_bytes` of its own.

        All of it takes `deadline_s` at most. Raises TransportFault, `refused` where the URL or one
        of its addresses is not allowed.
        """
        ask = _Ask(
            method="POST",
            url=url,
            headers=headers,
            body=body,
            deadline_s=deadline_s,
            most_bytes=most_bytes,
        )
        async with self._exchange(self._target(url), ask) as reply:
            head = {name: reply.headers[name] for name in _READ_HEADERS if name in reply.headers}
            return Reply(status=reply.status, headers=head, body=await reply.beginning())

    @asynccontextmanager
    async def open(
        self,
        url: str,
        *,
        headers: Headers = (),
        deadline_s: float | None,
        most_bytes: int,
        trusted: str | None = None,
    ) -> AsyncIterator[GuardedReply]:
        """Yield the answer to a GET once its head is there; the block has `deadline_s` in all.

        Without one the caller bounds each of its own waits, as it must where it is suspended in
        the block for somebody slow: a deadline there would end whatever that somebody does.
        A URL with the scheme, host and port of `trusted`, an address of the operator's own, is
        dialled wherever it leads. A redirect is an answer like any other. Raises TransportFault.
        """
        ask = _Ask(
            method="GET",
            url=url,
            headers=headers,
            body=None,
            deadline_s=deadline_s,
            most_bytes=most_bytes,
        )
        own = None if trusted is None else _own(url, trusted)
        target = own or self._target(url)
        async with self._exchange(target, ask, is_trusted=own is not None) as reply:
            if reply.headers.get("content-encoding", "identity") != "identity":
                raise TransportFault("closed", "the answer is encoded though nobody asked for that")
            yield reply

    async def close(self) -> None:
        """Ask for no further names; connections end with their exchanges."""
        self._names.close()

    @asynccontextmanager
    async def _exchange(
        self, target: Destination, ask: _Ask, *, is_trusted: bool = False
    ) -> AsyncIterator[GuardedReply]:
        meter = Meter()
        dialer = Dialer(None if is_trusted else self._allow, self._resolve, meter)
        limit = asyncio.timeout(ask.deadline_s)
        try:
            async with limit, self._pool(dialer) as pool:
                with _named():
                    response = await pool.handle_async_request(_request(target, ask))
                try:
                    yield GuardedReply(response, meter, ask.most_bytes)
                finally:
                    await response.aclose()
        except TimeoutError:
            if not limit.expired():
                raise
            raise TransportFault("timeout", f"not over within {ask.deadline_s or 0:g} s") from None
        except EnoughRead:
            raise TransportFault(
                "too_large", f"the head of the answer is larger than {HEAD_BYTES_MAX} bytes"
            ) from None
        finally:
            await dialer.close()

    def _target(self, url: str) -> Destination:
        try:
            return destination.read(url, allow=self._allow)
        except UrlRefused as refused:
            raise TransportFault("refused", f"the URL {refused}") from None

    def _pool(self, dialer: Dialer) -> httpcore2.AsyncConnectionPool:
        # One for each exchange, so that no connection is ever there to be taken again.
        self._tls = self._tls or httpcore2.default_ssl_context()
        return httpcore2.AsyncConnectionPool(
            ssl_context=self._tls,
            max_connections=1,
            max_keepalive_connections=0,
            http2=False,
            network_backend=dialer,
        )


_READ_HEADERS: Final = ("content-type", "retry-after")

_BROKEN: Final = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    ssl.SSLError,
    OSError,
)


@contextmanager
def _named() -> Iterator[None]:
    """Give what the client raises the names of the transport."""
    try:
        yield
    except httpcore2.LocalProtocolError:
        # Without its cause: that error may repeat the secret.
        raise TransportFault("connect", UNUSABLE) from None
    except _BROKEN as error:
        detail = str(error) or type(error).__name__
        raise TransportFault(_reason(error), detail) from error


def _reason(error: Exception) -> str:
    # The context, since the pool takes the cause away.
    if isinstance(error, ssl.SSLError) or isinstance(error.__context__, ssl.SSLError):
        return "tls"
    if isinstance(error, httpcore2.ConnectError | httpcore2.ConnectTimeout):
        return "connect"
    return "closed"


def _own(url: str, trusted: str) -> Destination | None:
    """Return where a URL leads, if that is the server of an address that is trusted."""
    try:
        found = destination.parse(url)
        return found if found.origin == destination.parse(trusted).origin else None
    except UrlRefused as refused:
        raise TransportFault("refused", f"the URL {refused}") from None


def _request(target: Destination, ask: _Ask) -> httpcore2.Request:
    url = target.url
    headers = [("host", url.netloc.decode("ascii")), *ask.headers, *_OWN_HEADERS]
    if ask.body is not None:
        headers.append(("content-length", str(len(ask.body))))
    return httpcore2.Request(
        method=ask.method,
        url=httpcore2.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        ),
        headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in headers],
        content=ask.body,
    )


def _headers(response: httpcore2.Response) -> Mapping[str, str]:
    """Return the headers by lower-case name, the first of each."""
    found: dict[str, str] = {}
    for name, value in response.headers:
        found.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    return found
