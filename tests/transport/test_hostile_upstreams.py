"""Addresses and secrets that cannot be used, and answers without end: faults of the channel."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from grip.providers.port import UpstreamRequest
from grip.transport import port
from grip.transport.network import Network
from grip.transport.port import Timeouts, TransportFault
from tests.e2e.scripts import LAST_PART, STREAM_HEAD, part, polite, raw, whole
from tests.e2e.upstream import Script, Upstream

PATIENT = Timeouts(connect_s=20, first_byte_s=20, chunk_s=20, total_s=20)
SECRET = "hunter2"

Ask = Callable[[Network, UpstreamRequest], Awaitable[bytes]]


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


async def _whole(network: Network, request: UpstreamRequest) -> bytes:
    return (await network.send(request, PATIENT)).body


async def _streamed(network: Network, request: UpstreamRequest) -> bytes:
    async with network.open(request, PATIENT) as reply:
        return await reply.read_all()


BOTH = pytest.mark.parametrize("ask", [_whole, _streamed])


def _request(url: str, secret: str = SECRET) -> UpstreamRequest:
    headers = (("content-type", "application/json"), ("authorization", f"Bearer {secret}"))
    return UpstreamRequest(method="POST", url=url, headers=headers, body=b"{}")


async def _fault(ask: Ask, network: Network, request: UpstreamRequest) -> TransportFault:
    with pytest.raises(TransportFault) as raised:
        await ask(network, request)
    return raised.value


@BOTH
@pytest.mark.parametrize(
    "url",
    [
        "http://1.2.3.4.5/v1",
        "http://256.256.256.256/v1",
        "http://exa%mple/v1",
        "http://[::1/v1",
        "http://127.0.0.1:99999/v1",
        "http:///v1",
        "http://",
        "v1",
        "",
        "http://" + "a" * 300 + "/v1",
    ],
)
async def test_an_address_that_is_none_is_a_fault_of_connecting(
    ask: Ask, network: Network, url: str
):
    """As an address where nobody listens."""
    assert (await _fault(ask, network, _request(url))).reason == "connect"


@BOTH
@pytest.mark.parametrize(
    "broken", ["\n", "\r\nx-injected: 1", "\0", "\x7f", "\x01", "é", "中", "\ud800"]
)
async def test_a_secret_that_no_header_carries_is_a_fault_without_it(
    ask: Ask, network: Network, upstream: Upstream, broken: str
):
    """Neither in the message nor in the errors behind it; no header is smuggled in."""
    door = upstream.door(polite)
    faults = []
    try:
        await ask(network, _request(f"{door.url}/chat/completions", SECRET + broken))
    except TransportFault as fault:
        faults.append(fault)

    assert faults or broken not in ("\n", "\r\nx-injected: 1", "\0")
    assert [(fault.reason, fault.detail) for fault in faults] in ([], [("connect", port.UNUSABLE)])
    assert [fault.__cause__ for fault in faults] in ([], [None])
    assert all("x-injected" not in request.headers for request in door.requests)


def _large(name: str, status: int) -> Script:
    head = STREAM_HEAD.replace(b"200", b"%d" % status)
    data = {
        "announced": b"HTTP/1.1 %d OK\r\ncontent-length: 2400\r\n\r\n" % status + b"x" * 2400,
        "in chunks": head + part(b"x" * 600) * 4 + LAST_PART,
        "until it closes": b"HTTP/1.1 %d OK\r\n\r\n" % status + b"x" * 2400,
    }
    return raw(data[name])


@BOTH
@pytest.mark.parametrize("name", ["announced", "in chunks", "until it closes"])
@pytest.mark.parametrize(("status", "most"), [(200, 2000), (400, 1000), (302, 1000)])
async def test_an_answer_that_is_too_large_is_given_up(  # noqa: PLR0917
    ask: Ask,
    network: Network,
    upstream: Upstream,
    name: str,
    status: int,
    most: int,
    monkeypatch: pytest.MonkeyPatch,
):
    """By its announced size, or when its bytes are counted; errors sooner than answers."""
    monkeypatch.setattr(port, "MAX_ANSWER_BYTES", 2000)
    monkeypatch.setattr(port, "MAX_ERROR_BYTES", 1000)
    door = upstream.door(_large(name, status))
    fault = await _fault(ask, network, _request(f"{door.url}/chat/completions"))

    assert (fault.reason, fault.detail) == ("closed", f"the answer is larger than {most} bytes")


@BOTH
async def test_an_answer_of_the_largest_size_arrives(
    ask: Ask, network: Network, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
):
    """Announced or not."""
    monkeypatch.setattr(port, "MAX_ANSWER_BYTES", 1000)
    unannounced = raw(STREAM_HEAD + part(b"x" * 500) * 2 + LAST_PART)
    for script in (whole(b"x" * 1000), unannounced):
        door = upstream.door(script)
        assert await ask(network, _request(f"{door.url}/chat/completions")) == b"x" * 1000
