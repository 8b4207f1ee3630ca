"""Sockets to checked addresses, read no further than they may be.

Owns the moment between a name and a connection: what was checked is what is dialled, literally.
Refuses sockets of this machine.
"""

import ssl
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Any, Final

import httpcore2

from grip.settings import Place
from grip.transport import addresses
from grip.transport.names import Resolver
from grip.transport.port import TransportFault

HEAD_BYTES_MAX: Final = 16 * 1024
"""The largest status line with headers; those of honest servers pass 4 kB at times."""

READ_BYTES: Final = 4096
_DIALS_MAX: Final = 4
_DIAL_S: Final = 5


class EnoughRead(Exception):
    """What may be read of an answer has been read."""


class Meter:
    """How many bytes may still be read of an answer, and how many at once; None is any number.

    At first it is what a head may have.
    """

    def __init__(self) -> None:
        self._left: int | None = HEAD_BYTES_MAX
        self._at_once = READ_BYTES

    def allow(self, most: int | None, *, at_once: int = READ_BYTES) -> None:
        """Let `most` more bytes be read."""
        self._left = most
        self._at_once = at_once

    def next_read(self, wanted: int) -> int:
        """Return how many of the bytes wanted may be read now; raises EnoughRead where none may."""
        most = min(wanted, self._at_once)
        if self._left is None:
            return most
        if not self._left:
            raise EnoughRead
        return min(most, self._left)

    def count(self, size: int) -> None:
        """Note what was read."""
        if self._left is not None:
            self._left -= size


class Dialer(httpcore2.AsyncNetworkBackend):
    """Opens sockets to checked addresses only; None for `allow` takes every address."""

    def __init__(self, allow: Sequence[Place] | None, resolve: Resolver, meter: Meter) -> None:
        self._allow = allow
        self._resolve = resolve
        self._meter = meter
        self._sockets = httpcore2.AnyIOBackend()
        self._opened: list[httpcore2.AsyncNetworkStream] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the port's own name
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Return a connection to the first address that takes one."""
        fault: Exception = TransportFault("dns", "the name has no address")
        for address in (await self._checked(host, port))[:_DIALS_MAX]:
            try:
                stream = await self._sockets.connect_tcp(
                    address, port, timeout or _DIAL_S, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                fault = error
            else:
                self._opened.append(stream)
                return _MeteredStream(stream, self._meter)
        raise fault

    async def close(self) -> None:
        """Close what was opened: a pool whose handshake is cancelled leaves the socket open."""
        for stream in self._opened:
            await stream.aclose()

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore2.AsyncNetworkStream:
        """Refuse."""
        raise TransportFault("refused", "sockets of this machine are not for strangers")

    async def _checked(self, host: str, port: int) -> Sequence[str]:
        found = [host] if _is_address(host) else await self._resolve(host, port)
        if self._allow is not None:
            for address in found:
                if not addresses.may_dial(ip_address(address), port, self._allow):
                    raise TransportFault("refused", f"{host} leads to {address}, port {port}")
        return found


class _MeteredStream(httpcore2.AsyncNetworkStream):
    """A socket that is read no further than its meter says."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        data = await self._stream.read(self._meter.next_read(max_bytes), timeout)
        self._meter.count(len(data))
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        secured = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return _MeteredStream(secured, self._meter)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
