"""The two HTTP clients against a raw server: alike in what they bring and in how they fail."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from grip.providers.port import UpstreamRequest
from grip.transport.network import Network
from grip.transport.port import Timeouts, TransportFault
from tests.e2e.scripts import (
    LAST_PART,
    STREAM_HEAD,
    part,
    polite,
    raw,
    resets,
    sends,
    stalls,
    whole,
)
from tests.e2e.upstream import Door, Exchange, Script, Upstream

PATIENT = Timeouts(connect_s=20, first_byte_s=20, chunk_s=20, total_s=20)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n"

Ask = Callable[[Network, UpstreamRequest, Timeouts], Awaitable[bytes]]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    network = Network()
    yield network
    await network.close()


async def _whole(network: Network, request: UpstreamRequest, timeouts: Timeouts) -> bytes:
    return (await network.send(request, timeouts)).body


async def _streamed(network: Network, request: UpstreamRequest, timeouts: Timeouts) -> bytes:
    async with network.open(request, timeouts) as reply:
        return await reply.read_all()


BOTH = pytest.mark.parametrize("ask", [_whole, _streamed])


def _request(url: str, body: bytes = b'{"stream":false}') -> UpstreamRequest:
    headers = (("content-type", "application/json"), ("authorization", "Bearer s"))
    return UpstreamRequest(method="POST", url=f"{url}/chat/completions", headers=headers, body=body)


async def _fault(ask: Ask, network: Network, door: Door, timeouts: Timeouts = PATIENT) -> str:
    with pytest.raises(TransportFault) as raised:
        await ask(network, _request(door.url), timeouts)
    return raised.value.reason


@BOTH
async def test_a_request_arrives_as_it_is_and_so_does_its_answer(
    ask: Ask, network: Network, upstream: Upstream
):
    """Body and headers; nothing is packed, and nothing followed."""
    door = upstream.door(whole(b"\x00\xff answer"))
    found = await ask(network, _request(door.url, b'{"x": "\xc3\xa9"}'), PATIENT)
    (request,) = door.requests

    assert found == b"\x00\xff answer"
    assert request.body == b'{"x": "\xc3\xa9"}'
    assert request.headers["authorization"] == "Bearer s"
    assert request.headers["user-agent"] == "grip"
    assert "accept-encoding" not in request.headers


async def test_status_and_headers_that_grip_reads_are_there(network: Network, upstream: Upstream):
    """Lower-case; an error is an answer as any other."""
    door = upstream.door(whole(b"no", status=429, headers="Retry-After: 7\r\nX-Other: 1\r\n"))
    reply = await network.send(_request(door.url), PATIENT)
    async with network.open(_request(door.url), PATIENT) as stream:
        status, headers = stream.status, dict(stream.headers)

    assert (reply.status, status) == (429, 429)
    assert (
        dict(reply.headers) == headers == {"content-type": "application/json", "retry-after": "7"}
    )


@BOTH
async def test_a_redirect_is_not_followed(ask: Ask, network: Network, upstream: Upstream):
    """A secret must not travel on."""
    target = upstream.door(polite)
    door = upstream.door(whole(b"", status=307, headers=f"location: {target.url}/x\r\n"))
    await ask(network, _request(door.url), PATIENT)

    assert target.requests == []


@BOTH
async def test_nobody_listening_is_a_fault_of_connecting(ask: Ask, network: Network):
    """Refused at once."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(TransportFault) as raised:
            await ask(network, _request(url), PATIENT)

    assert raised.value.reason == "connect"


@BOTH
async def test_a_connection_that_does_not_open_is_given_up(ask: Ask, network: Network):
    """By the time to connect, long before the time to the first byte."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            waiting.append(client)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        quick = Timeouts(connect_s=0.2, first_byte_s=100, chunk_s=100, total_s=100)
        with pytest.raises(TransportFault) as raised:
            await ask(network, _request(url), quick)
        for client in waiting:
            client.close()

    assert raised.value.reason == "connect"


@BOTH
async def test_no_first_byte_is_a_timeout(ask: Ask, network: Network, upstream: Upstream):
    """And the connection is closed."""
    door = upstream.door(stalls())
    quick = Timeouts(connect_s=20, first_byte_s=0.2, chunk_s=20, total_s=20)

    assert await _fault(ask, network, door, quick) == "timeout"
    assert await asyncio.to_thread(door.left.wait, 20)


@BOTH
async def test_the_time_in_all_bounds_the_first_byte_too(
    ask: Ask, network: Network, upstream: Upstream
):
    """Whichever is shorter."""
    quick = Timeouts(connect_s=20, first_byte_s=20, chunk_s=20, total_s=0.2)

    assert await _fault(ask, network, upstream.door(stalls()), quick) == "timeout"


async def test_a_whole_answer_is_there_in_the_time_to_the_first_byte(
    network: Network, upstream: Upstream
):
    """A body that stalls is as late as a head that does."""
    quick = Timeouts(connect_s=20, first_byte_s=0.2, chunk_s=20, total_s=20)

    assert await _fault(_whole, network, upstream.door(stalls(HEAD + b"x")), quick) == "timeout"


STALLS = {
    "after the head": stalls(STREAM_HEAD),
    "in the size of a chunk": stalls(STREAM_HEAD + b"5"),
    "in a chunk": stalls(STREAM_HEAD + b"5\r\nab"),
    "between chunks": stalls(STREAM_HEAD + part(b"abc")),
    "before the last line": stalls(STREAM_HEAD + part(b"abc") + b"0\r\n"),
    "in a body of known length": stalls(HEAD + b"abc"),
}


@pytest.mark.parametrize("script", STALLS.values(), ids=STALLS)
@pytest.mark.parametrize("limit", ["chunk_s", "total_s"])
async def test_a_stream_that_stalls_is_a_timeout(
    network: Network, upstream: Upstream, script: Script, limit: str
):
    """Wherever it stalls: the upstream's connection is closed."""
    limits = {"connect_s": 20.0, "first_byte_s": 20.0, "chunk_s": 20.0, "total_s": 20.0}
    door = upstream.door(script)
    quick = Timeouts(**{**limits, limit: 0.2})

    assert await _fault(_streamed, network, door, quick) == "timeout"
    assert await asyncio.to_thread(door.left.wait, 20)


BROKEN = {
    "closes at once": raw(),
    "closes in the head": raw(b"HTTP/1.1 200 OK\r\ncont"),
    "closes in the body": raw(HEAD + b"abc"),
    "closes in a chunk": raw(STREAM_HEAD + b"5\r\nab"),
    "closes between chunks": raw(STREAM_HEAD + part(b"abc")),
    "resets": resets(),
    "resets in the body": resets(HEAD + b"abc"),
    "speaks no HTTP": raw(b"SSH-2.0\r\n"),
    "sends a chunk without a size": raw(STREAM_HEAD + b"zz\r\nabc\r\n"),
    "sends a chunk longer than its size": raw(STREAM_HEAD + b"1\r\nabc\r\n" + LAST_PART),
}


@BOTH
@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
async def test_an_exchange_that_breaks_is_a_fault(
    ask: Ask, network: Network, upstream: Upstream, script: Script
):
    """Named, and never an answer."""
    assert await _fault(ask, network, upstream.door(script)) == "closed"


@BOTH
async def test_malformed_chunks_do_not_hang(ask: Ask, network: Network, upstream: Upstream):
    """Although the connection stays open."""
    door = upstream.door(stalls(STREAM_HEAD + b"zz\r\nabc\r\n"))
    quick = Timeouts(connect_s=20, first_byte_s=0.5, chunk_s=0.5, total_s=20)

    assert await _fault(ask, network, door, quick) in ("closed", "timeout")


async def test_leaving_an_open_stream_closes_its_connection(network: Network, upstream: Upstream):
    """The upstream stops generating."""
    door = upstream.door(stalls(STREAM_HEAD + part(b"abc")))
    async with network.open(_request(door.url), PATIENT) as reply:
        assert await reply.read() == b"abc"

    assert await asyncio.to_thread(door.left.wait, 20)


async def test_a_cancelled_stream_closes_its_connection(network: Network, upstream: Upstream):
    """Also before its head is there."""
    door = upstream.door(stalls())
    task = asyncio.create_task(_streamed(network, _request(door.url), PATIENT))
    await asyncio.to_thread(door.next)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await asyncio.to_thread(door.left.wait, 20)


@BOTH
async def test_a_connection_is_used_again(ask: Ask, network: Network, upstream: Upstream):
    """Once its answer was read to the end."""
    ports = set()

    def script(exchange: Exchange) -> None:
        ports.add(exchange.peer)
        polite(exchange)

    door = upstream.door(script)
    for _ in range(3):
        await ask(network, _request(door.url), PATIENT)

    assert len(ports) == 1


async def test_a_stream_comes_as_it_is_sent(network: Network, upstream: Upstream):
    """A chunk is handed over while the next one is not there yet."""
    go_on = threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.send(STREAM_HEAD + part(b"first"))
        exchange.wait(go_on)
        exchange.send(part(b"second") + LAST_PART)

    async with network.open(_request(upstream.door(script).url), PATIENT) as reply:
        assert await reply.read() == b"first"
        go_on.set()
        assert await reply.read_all() == b"second"
        assert await reply.read() == b""


@BOTH
async def test_an_answer_of_many_megabytes_arrives_whole(
    ask: Ask, network: Network, upstream: Upstream
):
    """In one piece for who wants it so."""
    body = bytes(range(256)) * 100_000

    assert await ask(network, _request(upstream.door(whole(body)).url), PATIENT) == body


async def test_a_header_that_is_no_ascii_is_no_trouble(network: Network, upstream: Upstream):
    """It is nothing that grip could read."""
    script = sends(b"HTTP/1.1 200 OK\r\nx-request-id: \xe9\r\ncontent-length: 2\r\n\r\nok")
    reply = await network.send(_request(upstream.door(script).url), PATIENT)

    assert reply.body == b"ok"
