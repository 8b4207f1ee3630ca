"""Whom the vendor's key is shown to, and what is made of a vendor's answers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from grip import errors
from grip.providers.port import UpstreamRequest
from grip.storage import DirectoryStore
from grip.tasks.results import Origin, ProxyReader, fetch, incoming, proxy
from grip.tasks.results.vendor import request_for
from grip.transport.port import StreamReply, TransportFault
from tests.storage.files import sample

KEY = ("authorization", "Bearer vendor-key")
OWN = "https://api.vendor.example/v1"
FILM = sample("red.mp4")


class Reply:
    """An answer of a vendor, in chunks of 100 bytes."""

    def __init__(
        self, status: int, headers: Mapping[str, str], body: bytes, *, breaks: bool
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self._breaks = breaks

    async def read(self) -> bytes:
        chunk, self.body = self.body[:100], self.body[100:]
        if not chunk and self._breaks:
            raise TransportFault("closed", "in mid-body")
        return chunk

    async def read_all(self) -> bytes:
        raise NotImplementedError

    def finish(self) -> None:
        """Nothing is left."""


class Vendor:
    """Answers by URL; `asked` are the requests, and `open` the answers that are not closed."""

    def __init__(self) -> None:
        self.pages: dict[str, Reply] = {}
        self.asked: list[UpstreamRequest] = []
        self.open = 0

    def put(
        self,
        url: str,
        body: bytes = b"",
        *,
        status: int = 200,
        breaks: bool = False,
        **headers: str,
    ) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[url] = Reply(status, named, body, breaks=breaks)

    @asynccontextmanager
    async def dial(self, request: UpstreamRequest) -> AsyncIterator[StreamReply]:
        self.asked.append(request)
        if request.url not in self.pages:
            raise TransportFault("connect", "refused")
        self.open += 1
        try:
            yield self.pages[request.url]
        finally:
            self.open -= 1

    def origin(self, url: str) -> Origin:
        return Origin(url=url, headers=(KEY,), own=(OWN,))


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


async def body_of(vendor: Vendor, url: str) -> bytes:
    async with incoming(vendor.dial, vendor.origin(url)) as found:
        return b"".join([chunk async for chunk in found.chunks])


@pytest.mark.parametrize(
    "url",
    [
        "https://api.vendor.example/files/1",
        "https://api.vendor.example",
        "https://api.vendor.example:443/x",
        "HTTPS://API.Vendor.Example/x?y=1",
    ],
)
def test_the_vendor_s_own_host_is_shown_the_key(url: str):
    """In any spelling of scheme, host and port."""
    assert KEY in request_for(url, Origin(url=url, headers=(KEY,), own=(OWN,))).headers


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.vendor.example/1",
        "https://vendor.example/1",
        "https://api.vendor.example.evil.example/1",
        "https://evil.example/api.vendor.example",
        "https://api.vendor.example:8443/1",
        "https://evil.example?api.vendor.example",
        "http://api.vendor.example/1",
        "http://api.vendor.example:443/1",
    ],
)
def test_no_other_host_is_shown_the_key(url: str):
    """Nor the same one in the clear, or at another port."""
    request = request_for(url, Origin(url=url, headers=(KEY,), own=(OWN,)))

    assert [name for name, _ in request.headers] == ["accept-encoding"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/relative",
        "ftp://api.vendor.example/1",
        "file:///etc/passwd",
        "data:video/mp4;base64,AAAA",
        "https://user@api.vendor.example/1",
        "https://api.vendor.example@evil.example/1",
        "https://evil.example\\@api.vendor.example/1",
        "https://evil.example\\.api.vendor.example/1",
        "https://api.vendor.example#@evil.example/1",
        "https://api.vendor.example /1",
        "https://api.vendor.example/1\r\nx: y",
        "https://api.vendor.example\t/1",
        "https://äpi.vendor.example/1",
        "https://evil。example/1",
    ],
)
def test_an_address_that_can_be_read_in_two_ways_is_not_asked(url: str):
    """Nobody can say whose host it names."""
    with pytest.raises(errors.ResultUnavailable):
        request_for(url, Origin(url=url, headers=(KEY,), own=(OWN,)))


async def test_a_result_is_fetched_and_kept(vendor: Vendor, tmp_path):
    """From the vendor's answer to the store."""
    vendor.put(f"{OWN}/1", FILM, content_length=str(len(FILM)))
    store = DirectoryStore(tmp_path / "results")
    async with incoming(vendor.dial, vendor.origin(f"{OWN}/1")) as found:
        stored = await fetch(store, "task_a/0", found, media="video", most_bytes=10_000)

    assert (stored.size, stored.content_type) == (len(FILM), "video/mp4")
    assert vendor.open == 0


async def test_the_key_goes_along_no_redirect_to_another_host(vendor: Vendor):
    """Each address is judged for itself, also one that leads back."""
    cdn = "https://cdn.example/film"
    vendor.put(f"{OWN}/1", status=302, location=cdn)
    vendor.put(cdn, status=307, location=f"{OWN}/2")
    vendor.put(f"{OWN}/2", FILM)

    assert await body_of(vendor, f"{OWN}/1") == FILM
    assert [KEY in request.headers for request in vendor.asked] == [True, False, True]
    assert vendor.open == 0


async def test_redirects_without_an_end_are_given_up(vendor: Vendor):
    """After three of them."""
    vendor.put(f"{OWN}/1", status=302, location="1")

    with pytest.raises(errors.ResultUnavailable, match="status 302"):
        await body_of(vendor, f"{OWN}/1")
    assert len(vendor.asked) == 4
    assert vendor.open == 0


@pytest.mark.parametrize("status", [204, 206, 304, 401, 403, 404, 410, 429, 500, 503])
async def test_any_other_answer_is_no_result(vendor: Vendor, status: int):
    """Whatever its body is."""
    vendor.put(f"{OWN}/1", FILM, status=status)

    with pytest.raises(errors.ResultUnavailable, match=f"status {status}"):
        await body_of(vendor, f"{OWN}/1")


async def test_trouble_on_the_way_is_named(vendor: Vendor):
    """Before the head and in mid-body alike, and without the address in what customers see."""
    with pytest.raises(errors.ResultUnavailable, match="refused") as raised:
        await body_of(vendor, f"{OWN}/none")
    assert "vendor.example" not in raised.value.message

    vendor.put(f"{OWN}/1", FILM, breaks=True)
    with pytest.raises(errors.ResultUnavailable, match="in mid-body"):
        await body_of(vendor, f"{OWN}/1")
    assert vendor.open == 0


@pytest.mark.parametrize(("length", "size"), [("12", 12), ("", None), ("-1", None), ("1e3", None)])
async def test_a_size_is_believed_where_it_is_a_number(
    vendor: Vendor, length: str, size: int | None
):
    """Anything else is as good as none."""
    vendor.put(f"{OWN}/1", FILM, content_length=length)
    async with incoming(vendor.dial, vendor.origin(f"{OWN}/1")) as found:
        assert found.size == size


class TestProxy:
    """Results that are passed on."""

    @pytest.fixture
    def reader(self, vendor: Vendor) -> ProxyReader:
        return ProxyReader(vendor.dial, vendor.origin(f"{OWN}/task_a/0"))

    async def test_a_range_is_asked_of_the_vendor(self, vendor: Vendor, reader: ProxyReader):
        """And what comes is passed on."""
        vendor.put(f"{OWN}/task_a/0", FILM[10:250], status=206, content_range="bytes 10-249/999")
        got = b"".join([piece async for piece in reader.open("task_a/0", 10, 250)])

        assert got == FILM[10:250]
        assert ("range", "bytes=10-249") in vendor.asked[0].headers

    @pytest.mark.parametrize(("start", "stop"), [(0, 1), (99, 101), (100, 200), (150, 1576)])
    async def test_a_vendor_that_knows_no_ranges_serves_them_all_the_same(
        self, vendor: Vendor, reader: ProxyReader, start: int, stop: int
    ):
        """What lies outside is dropped, and what lies behind is not read."""
        vendor.put(f"{OWN}/task_a/0", FILM)
        got = b"".join([piece async for piece in reader.open("task_a/0", start, stop)])

        assert got == FILM[start:stop]
        assert len(FILM) - len(vendor.pages[f"{OWN}/task_a/0"].body) < stop + 100
        assert vendor.open == 0

    async def test_another_range_than_the_one_asked_for_is_no_answer(
        self, vendor: Vendor, reader: ProxyReader
    ):
        """Its bytes would be taken for others."""
        vendor.put(f"{OWN}/task_a/0", FILM[:240], status=206, content_range="bytes 0-239/999")

        with pytest.raises(errors.ResultUnavailable, match="status 206"):
            await anext(reader.open("task_a/0", 10, 250))

    @pytest.mark.parametrize("status", [200, 206])
    async def test_a_result_that_became_shorter_is_an_error(
        self, vendor: Vendor, reader: ProxyReader, status: int
    ):
        """The reader is cut off, not told that this was all."""
        vendor.put(f"{OWN}/task_a/0", FILM[:50], status=status, content_range="bytes 0-99/100")

        with pytest.raises(errors.ResultUnavailable, match="shorter"):
            async for _ in reader.open("task_a/0", 0, 100):
                pass

    async def test_a_reader_that_leaves_closes_the_connection(
        self, vendor: Vendor, reader: ProxyReader
    ):
        """Nothing is fetched for nobody."""
        vendor.put(f"{OWN}/task_a/0", FILM)
        reading = reader.open("task_a/0", 0, len(FILM))
        await anext(reading)
        assert vendor.open == 1
        await reading.aclose()

        assert vendor.open == 0

    @pytest.mark.parametrize("stalls", ["head", "body"])
    async def test_a_vendor_is_not_waited_for_for_ever(
        self, vendor: Vendor, monkeypatch: pytest.MonkeyPatch, stalls: str
    ):
        """Neither before its answer nor in the middle of it; who reads slowly is no such case."""
        vendor.put(f"{OWN}/task_a/0", FILM)
        never = asyncio.Event()

        @asynccontextmanager
        async def dial(request: UpstreamRequest) -> AsyncIterator[StreamReply]:
            if stalls == "head":
                await never.wait()
            async with vendor.dial(request) as reply:
                yield _Stalling(reply, never)

        reader = ProxyReader(dial, vendor.origin(f"{OWN}/task_a/0"))
        reading = reader.open("task_a/0", 0, len(FILM))
        if stalls == "body":
            assert await anext(reading) == FILM[:100]
        monkeypatch.setattr(proxy, "_SILENCE_S", 0)

        with pytest.raises(errors.ResultUnavailable, match="in time"):
            await anext(reading)
        assert vendor.open == 0


class _Stalling:
    """An answer that says nothing after its first piece."""

    def __init__(self, reply: StreamReply, never: asyncio.Event) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self._reply = reply
        self._never = never
        self._begun = False

    async def read(self) -> bytes:
        if self._begun:
            await self._never.wait()
        self._begun = True
        return await self._reply.read()

    async def read_all(self) -> bytes:
        raise NotImplementedError

    def finish(self) -> None:
        """Nothing is left."""
