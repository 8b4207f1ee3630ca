"""Servers that strangers run: on loopback, each connection played by a function of the test."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

from grip.settings import Place

CERTIFICATES = Path(__file__).parent / "certificates"
NAME = "hooks.example.com"
"""The name that the receiver's certificate is for."""

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(kw_only=True)
class Stranger:
    """A server: where it listens, and what it was sent."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    @property
    def place(self) -> Place:
        """What has to be allowed so that it can be reached."""
        return Place(network=ip_network("127.0.0.1"), port=self.port)

    @property
    def url(self) -> str:
        """Its address, over plain http."""
        return f"http://127.0.0.1:{self.port}/hook?a=b"

    @property
    def named_url(self) -> str:
        """The same by name, over TLS."""
        return f"https://{NAME}:{self.port}/hook"


@asynccontextmanager
async def stranger(play: Play, *, is_secure: bool = False) -> AsyncIterator[Stranger]:
    """Yield a server that reads one request on each connection, and then plays.

    Leaving waits for its connections to end: one that a client has left open hangs the test.
    """
    found = Stranger()
    plays: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Who is cut off in the middle of a play is what these tests are about.
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            found.requests.append(await _request(reader))
            await play(reader, writer)
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        plays.add(asyncio.create_task(serve(reader, writer)))

    tls = _tls(found) if is_secure else None
    server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=tls)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        await asyncio.gather(*plays)


def answers(head: str, body: bytes = b"") -> Play:
    """Return a play that says this, and ends."""

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return play


def endless(head: str, more: bytes) -> Play:
    """Return a play that says `more` for as long as anybody is there."""

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head.replace("\n", "\r\n").encode() + b"\r\n")
        while True:
            writer.write(more)
            await writer.drain()

    return play


def stalls(head: str) -> Play:
    """Return a play that begins, and then says nothing until the other side leaves."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head.replace("\n", "\r\n").encode())
        await writer.drain()
        await reader.read()

    return play


def in_turn(*plays: Play) -> Play:
    """Return a play of the first, then the second, and the last for ever."""
    left = list(plays)

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(reader, writer)

    return play


def trusting() -> ssl.SSLContext:
    """Return a context that trusts the authority of the tests."""
    return ssl.create_default_context(cafile=CERTIFICATES / "authority.pem")


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.lower().splitlines()
        if line.startswith(b"content-length:")
    ]
    return head + (await reader.readexactly(lengths[0]) if lengths else b"")


def _tls(found: Stranger) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATES / "receiver.pem", CERTIFICATES / "receiver.key")
    context.sni_callback = lambda _, name, __: found.names.append(name)
    return context
