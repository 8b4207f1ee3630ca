"""Answers that are read as they come, through the same guard: results on vendors' hosts."""

import asyncio

import pytest

from grip.transport.guarded import GuardedClient
from grip.transport.port import TransportFault
from tests.transport.strangers import answers, endless, stalls, stranger

OK = "HTTP/1.1 200 OK\ncontent-type: video/mp4"
SHORT_S = 0.1
LONG_S = 30
BODY = bytes(range(256)) * 1000


async def test_a_body_is_read_whole_in_chunks():
    """With the status and all headers, by lower-case name."""
    async with stranger(answers(f"{OK}\nContent-Length: {len(BODY)}\nETag: x", BODY)) as server:
        client = GuardedClient(allow=[server.place])
        async with client.open(server.url, deadline_s=LONG_S, most_bytes=len(BODY)) as reply:
            chunks = [chunk async for chunk in reply.chunks()]

    assert (reply.status, reply.headers["etag"]) == (200, "x")
    assert reply.headers["content-length"] == str(len(BODY))
    assert b"".join(chunks) == BODY
    assert server.requests[0].startswith(b"GET /hook?a=b HTTP/1.1\r\n")


async def test_a_body_over_its_limit_is_left():
    """Two gigabytes for a thumbnail."""
    async with stranger(endless(f"{OK}\n", b"x" * 65536)) as server:
        client = GuardedClient(allow=[server.place])
        with pytest.raises(TransportFault) as caught:
            async with client.open(server.url, deadline_s=LONG_S, most_bytes=100_000) as reply:
                async for _ in reply.chunks():
                    pass

    assert caught.value.reason == "closed"
    assert "100000" in caught.value.detail


async def test_the_block_has_one_deadline():
    """However often something comes."""
    async with stranger(stalls(f"{OK}\ncontent-length: 9\n\nmore")) as server:
        client = GuardedClient(allow=[server.place])
        with pytest.raises(TransportFault) as caught:
            async with client.open(server.url, deadline_s=SHORT_S, most_bytes=9) as reply:
                async for _ in reply.chunks():
                    pass

    assert caught.value.reason == "timeout"


async def test_a_body_that_breaks_off_is_no_body():
    """Less than was told."""
    async with stranger(answers(f"{OK}\ncontent-length: 9", b"more")) as server:
        client = GuardedClient(allow=[server.place])
        with pytest.raises(TransportFault) as caught:
            async with client.open(server.url, deadline_s=LONG_S, most_bytes=9) as reply:
                async for _ in reply.chunks():
                    pass

    assert caught.value.reason == "closed"


@pytest.mark.parametrize("error", [OSError("disk full"), TimeoutError("mine"), KeyError("x")])
async def test_what_the_reader_itself_raises_stays_what_it_is(error: Exception):
    """A full disk is no fault of the network."""
    async with stranger(answers(OK, BODY)) as server:
        client = GuardedClient(allow=[server.place])
        with pytest.raises(type(error)) as caught:
            async with client.open(server.url, deadline_s=LONG_S, most_bytes=len(BODY)) as reply:
                async for _ in reply.chunks():
                    raise error

    assert caught.value is error


async def test_an_encoding_that_nobody_asked_for_is_refused():
    """Its size says nothing about what is in it."""
    async with stranger(answers(f"{OK}\ncontent-encoding: gzip", b"x")) as server:
        client = GuardedClient(allow=[server.place])
        with pytest.raises(TransportFault) as caught:
            async with client.open(server.url, deadline_s=LONG_S, most_bytes=9):
                pass

    assert caught.value.reason == "closed"


async def test_an_address_of_the_operators_own_is_dialled_wherever_it_leads():
    """The same server alone: another port is another server."""
    async with stranger(answers(OK, b"mine")) as server, stranger(answers(OK)) as other:
        client = GuardedClient()
        own = f"http://127.0.0.1:{server.port}/v1"
        async with client.open(server.url, deadline_s=LONG_S, most_bytes=9, trusted=own) as reply:
            body = b"".join([chunk async for chunk in reply.chunks()])
        with pytest.raises(TransportFault) as caught:
            async with client.open(other.url, deadline_s=LONG_S, most_bytes=9, trusted=own):
                pass

    assert (body, caught.value.reason) == (b"mine", "refused")
    assert other.requests == []


async def test_a_reader_that_is_cancelled_closes_the_connection():
    """Nothing goes on behind its back."""
    gone = asyncio.Event()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nx")
        await reader.read()
        gone.set()

    async with stranger(play) as server:
        client = GuardedClient(allow=[server.place])
        began = asyncio.Event()

        async def fetch() -> None:
            async with client.open(server.url, deadline_s=LONG_S, most_bytes=9) as reply:
                async for _ in reply.chunks():
                    began.set()

        fetching = asyncio.create_task(fetch())
        await began.wait()
        fetching.cancel()
        await gone.wait()
        with pytest.raises(asyncio.CancelledError):
            await fetching
