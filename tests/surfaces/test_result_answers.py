"""Results over HTTP: what a client gets, and what one that does not read costs."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx2
import pytest
import uvicorn

from grip import errors
from grip.storage import DirectoryStore, Stored
from grip.web import protocol, server
from grip.web.results import respond_result
from tests.storage.files import in_chunks, sample

KEY = "task_00ff/1"
FILM = sample("red.mp4")
PIECE = 256 * 1024


class Reader:
    """Gives zeros, and counts the pieces that were asked for; may break, or have nothing."""

    def __init__(self, *, breaks_after: int | None = None) -> None:
        self.given = 0
        self.is_closed = False
        self._breaks_after = breaks_after

    async def open(self, _key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        try:
            for at in range(start, stop, PIECE):
                if self.given == self._breaks_after:
                    raise errors.ResultStoreUnavailable("told to break")
                self.given += 1
                yield bytes(min(PIECE, stop - at))
        finally:
            self.is_closed = True


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[tuple[str, int]]:
    """Run an application on the real server; yield its address."""
    listener = server.listen("127.0.0.1", 0)
    config = uvicorn.Config(app, http=protocol.BoundedProtocol, lifespan="off", log_config=None)
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve([listener]))
    try:
        yield listener.getsockname()
    finally:
        running.should_exit = True
        await task


@pytest.fixture
async def client(tmp_path) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a gateway that serves one film to everybody."""
    store = DirectoryStore(tmp_path / "results")
    stored = await store.put(KEY, in_chunks(FILM))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond_result(scope, receive, send, key=KEY, stored=stored, reader=store)

    async with serving(app) as (host, port), httpx2.AsyncClient() as client:
        client.base_url = f"http://{host}:{port}"
        yield client


async def test_a_result_is_served_whole(client: httpx2.AsyncClient):
    """For its owner's eyes, under the type that its bytes have, and no other."""
    answer = await client.get("/")

    assert answer.status_code == 200
    assert answer.content == FILM
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-length"] == str(len(FILM))
    assert answer.headers["content-disposition"] == 'inline; filename="task_00ff-1.mp4"'
    assert answer.headers["cache-control"] == "private"
    assert answer.headers["accept-ranges"] == "bytes"
    assert len(answer.headers["etag"]) == 66


async def test_a_head_is_the_same_without_the_body(client: httpx2.AsyncClient):
    """A range is none of its business."""
    whole, head = await client.get("/"), await client.head("/", headers={"range": "bytes=1-2"})

    assert head.status_code == 200
    assert head.content == b""
    told = {name: value for name, value in whole.headers.items() if name != "date"}
    assert {name: value for name, value in head.headers.items() if name != "date"} == told


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=-7", len(FILM) - 7, len(FILM))],
)
async def test_a_part_is_served(client: httpx2.AsyncClient, wanted: str, start: int, stop: int):
    """Players that seek live on it."""
    answer = await client.get("/", headers={"range": wanted})

    assert answer.status_code == 206
    assert answer.content == FILM[start:stop]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(FILM)}"
    assert answer.headers["content-length"] == str(stop - start)


async def test_a_download_goes_on_where_it_broke_off(client: httpx2.AsyncClient):
    """As long as it is the same result."""
    etag = (await client.get("/")).headers["etag"]
    rest = await client.get("/", headers={"range": "bytes=500-", "if-range": etag})
    other = await client.get("/", headers={"range": "bytes=500-", "if-range": '"other"'})

    assert (rest.status_code, rest.content) == (206, FILM[500:])
    assert (other.status_code, other.content) == (200, FILM)


async def test_a_part_that_is_not_there_is_refused(client: httpx2.AsyncClient):
    """With the size, and nothing that a browser could keep or show."""
    answer = await client.get("/", headers={"range": f"bytes={len(FILM)}-"})

    assert answer.status_code == 416
    assert answer.content == b""
    assert answer.headers["content-range"] == f"bytes */{len(FILM)}"
    assert "content-type" not in answer.headers


async def test_who_has_a_result_is_not_sent_it_again(client: httpx2.AsyncClient):
    """Its name is its hash."""
    etag = (await client.get("/")).headers["etag"]
    answer = await client.get("/", headers={"if-none-match": etag})

    assert answer.status_code == 304
    assert answer.content == b""
    assert (answer.headers["etag"], answer.headers["cache-control"]) == (etag, "private")


def _scope(method: str = "GET") -> Any:
    return {"type": "http", "method": method, "headers": []}


async def _here() -> Any:
    await asyncio.Event().wait()


STORED = Stored(size=1000 * PIECE, sha256="", content_type="video/mp4")


async def test_a_reader_that_waits_makes_nothing_be_read_ahead():
    """One piece is what it costs, however large the result: the next is read once this is taken."""
    reader, sent = Reader(), []
    taken, stuck = asyncio.Event(), asyncio.Event()

    async def send(message: Any) -> None:
        sent.append(message)
        assert reader.given <= len(sent)
        if len(sent) == 11:
            stuck.set()
            await taken.wait()

    answer = asyncio.create_task(
        respond_result(_scope(), _here, send, key=KEY, stored=STORED, reader=reader)
    )
    await stuck.wait()
    assert reader.given == 10

    taken.set()
    await answer
    assert reader.given == 1000
    assert sum(len(message.get("body", b"")) for message in sent) == STORED.size
    assert [message.get("more_body") for message in sent[1:]] == [True] * 999 + [False]


async def test_an_answer_is_over_with_its_last_byte():
    """Who has all of it may ask for the next thing at once, however long its store needs to end."""
    asked_again, released = asyncio.Event(), asyncio.Event()

    class Lingering(Reader):
        async def open(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
            async with aclosing(super().open(key, start, stop)) as pieces:
                async for piece in pieces:
                    yield piece
            await released.wait()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        stored = Stored(size=2 * PIECE, sha256="", content_type="video/mp4")
        reader = Reader() if asked_again.is_set() else Lingering()
        await respond_result(scope, receive, send, key=KEY, stored=stored, reader=reader)

    async with serving(app) as (host, port), httpx2.AsyncClient() as client:
        first = await client.get(f"http://{host}:{port}/")
        asked_again.set()
        try:
            second = await client.get(f"http://{host}:{port}/")
        finally:
            released.set()

    assert first.content == second.content == bytes(2 * PIECE)
    assert first.extensions["network_stream"] is second.extensions["network_stream"]


async def test_a_client_that_leaves_ends_the_reading():
    """Nothing is read for nobody; the store's own stream is closed."""
    reader, left = Reader(), asyncio.Event()

    async def receive() -> Any:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        if reader.given == 5:
            left.set()
        await asyncio.sleep(0)

    await respond_result(_scope(), receive, send, key=KEY, stored=STORED, reader=reader)

    assert reader.given < 10
    assert reader.is_closed


async def test_what_fails_before_the_first_byte_is_an_answer_of_its_own():
    """The caller says it in the shape of its wire."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(errors.ResultStoreUnavailable):
        await respond_result(
            _scope(), _here, send, key=KEY, stored=STORED, reader=Reader(breaks_after=0)
        )

    assert sent == []


async def test_what_fails_later_cuts_the_connection():
    """A client is never told that a part was the whole."""
    ended = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reader = Reader(breaks_after=3)
        await respond_result(scope, receive, send, key=KEY, stored=STORED, reader=reader)
        ended.set()

    async with serving(app) as (host, port), httpx2.AsyncClient() as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get(f"http://{host}:{port}/")
    assert ended.is_set()


async def test_a_client_that_does_not_read_is_let_go_of(monkeypatch: pytest.MonkeyPatch):
    """The server cuts it off; what was read for it is what the sockets took, not the film."""
    monkeypatch.setattr(protocol, "READ_TIMEOUT_S", 0.05)
    reader, ended = Reader(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond_result(scope, receive, send, key=KEY, stored=STORED, reader=reader)
        ended.set()

    async with serving(app) as address:
        with socket.create_connection(address) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            await asyncio.wait_for(ended.wait(), 30)

    assert reader.is_closed
    assert reader.given < 100
