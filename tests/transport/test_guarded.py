"""The guarded client: what it dials, what it never does, and how its exchanges end.

Reports, by the numbers of the survey of other gateways: 29 (GHSA-6qcr-qxgr-m7fv, a name that leads
to metadata), 31 (new-api#1636 and #4746, formbricks#7954, gotempsh/temps#332, a name that leads
elsewhere later), 32 (WorkSphere#2134, mixed addresses), 33 (VibeNVR#265, redirects), 39 (answers
that never end).
"""

import asyncio
import gzip
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import httpcore2
import pytest

from grip.transport.dialer import HEAD_BYTES_MAX, READ_BYTES, Dialer, Meter
from grip.transport.guarded import GuardedClient
from grip.transport.names import SystemNames
from grip.transport.port import Reply, TransportFault
from tests.transport.strangers import Stranger, answers, endless, stalls, stranger, trusting

OK = "HTTP/1.1 200 OK\ncontent-type: text/plain"
SHORT_S = 0.1
LONG_S = 30


class Names:
    """A resolver that gives one answer after the other, and counts who asked."""

    def __init__(self, *found: Sequence[str]) -> None:
        self._found = found
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        del port
        self.asked.append(host)
        return self._found[min(len(self.asked), len(self._found)) - 1]


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that sockets were opened to; none of them is there."""
    found: list[str] = []

    async def connect(_: object, host: str, *__: object, **___: object) -> None:
        found.append(host)
        raise httpcore2.ConnectError("nobody there")

    monkeypatch.setattr("httpcore2.AnyIOBackend.connect_tcp", connect)
    return found


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each read of a socket brought."""
    found: list[int] = []
    count = Meter.count

    def spy(meter: Meter, size: int) -> None:
        found.append(size)
        count(meter, size)

    monkeypatch.setattr(Meter, "count", spy)
    return found


async def send(
    server: Stranger, *, url: str = "", deadline_s: float = LONG_S, **how: object
) -> Reply:
    """Send a body to a server that is allowed, and return its answer."""
    client = GuardedClient(allow=[server.place], **how)  # type: ignore[arg-type]
    return await client.post(
        url or server.url, headers=[("x-mine", "1")], body=b"hello", deadline_s=deadline_s
    )


async def refusal(client: GuardedClient, url: str) -> TransportFault:
    """Return the fault that a request to `url` ends with."""
    with pytest.raises(TransportFault) as caught:
        await client.post(url, headers=[], body=b"", deadline_s=LONG_S)
    return caught.value


async def test_a_request_arrives_as_it_was_asked_for():
    """Once, with its own Host, without compression, and not to be kept alive."""
    async with stranger(answers(f"{OK}\nretry-after: 7", b"fine")) as server:
        reply = await send(server)
        again = await send(server)

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert (reply.status, reply.body, again.body) == (200, b"fine", b"fine")
    assert reply.headers == {"content-type": "text/plain", "retry-after": "7"}
    assert lines[0] == "post /hook?a=b http/1.1"
    assert sorted(lines[1:]) == [
        "accept-encoding: identity",
        "connection: close",
        "content-length: 5",
        f"host: 127.0.0.1:{server.port}",
        "x-mine: 1",
    ]
    assert body == b"hello"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "127.0.0.1", "10.0.0.5", "::1", "64:ff9b::a9fe:a9fe", "0.0.0.0"],  # noqa: S104
)
async def test_a_name_that_leads_inside_is_refused(address: str, dialled: list[str]):
    """Report 29: the name is resolved, and no socket is opened to what it hides."""
    fault = await refusal(GuardedClient(resolve=Names([address])), "https://hooks.example.com/")

    assert (fault.reason, dialled) == ("refused", [])
    assert address in fault.detail


async def test_a_name_is_resolved_once_and_what_was_checked_is_dialled(dialled: list[str]):
    """Report 31: whoever answers otherwise the second time is not asked a second time."""
    names = Names(["93.184.216.34"], ["127.0.0.1"])
    client = GuardedClient(resolve=names)
    first = await refusal(client, "https://hooks.example.com/")
    asked = list(names.asked)
    second = await refusal(client, "https://hooks.example.com/")

    assert (first.reason, asked) == ("connect", ["hooks.example.com"])
    assert second.reason == "refused"
    assert dialled == ["93.184.216.34"]


async def test_one_private_address_among_public_ones_is_enough(dialled: list[str]):
    """Report 32: mixed answers are refused whole, in any order."""
    for found in (["93.184.216.34", "10.0.0.1"], ["10.0.0.1", "93.184.216.34"]):
        fault = await refusal(GuardedClient(resolve=Names(found)), "https://hooks.example.com/")
        assert fault.reason == "refused"

    assert dialled == []


async def test_the_next_address_is_tried_where_one_takes_no_connection(dialled: list[str]):
    """Not without end."""
    found = [f"93.184.216.{last}" for last in range(1, 10)]
    fault = await refusal(GuardedClient(resolve=Names(found)), "https://hooks.example.com/")

    assert fault.reason == "connect"
    assert dialled == found[:4]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_no_second_request(status: int):
    """Report 33: a Location of metadata is text like any other."""
    head = f"HTTP/1.1 {status} Go\nlocation: http://169.254.169.254/latest\ncontent-length: 0"
    async with stranger(answers(head)) as server:
        reply = await send(server)

    assert (reply.status, len(server.requests)) == (status, 1)


async def test_certificate_and_name_are_those_of_the_url():
    """The address is dialled; SNI, certificate and Host stay the name."""
    names = Names(["127.0.0.1"])
    async with stranger(answers(OK), is_secure=True) as server:
        reply = await send(server, url=server.named_url, resolve=names, tls=trusting())

    assert reply.status == 200
    assert server.names == ["hooks.example.com"]
    assert f"host: hooks.example.com:{server.port}".encode() in server.requests[0]


async def test_a_certificate_for_another_name_is_refused():
    """So is one of an authority that nobody trusts."""
    names = Names(["127.0.0.1"])
    async with stranger(answers(OK), is_secure=True) as server:
        other = server.named_url.replace("hooks.", "other.")
        client = GuardedClient(allow=[server.place], resolve=names, tls=trusting())
        named = await refusal(client, other)
        unknown = await refusal(
            GuardedClient(allow=[server.place], resolve=names), server.named_url
        )

    assert (named.reason, unknown.reason) == ("tls", "tls")
    assert server.requests == []


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch):
    """They would dial whatever they are told, unchecked."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with stranger(answers(OK, b"fine")) as server:
        reply = await send(server)

    assert reply.body == b"fine"


@pytest.mark.parametrize(
    "said", ["", "HTTP/1.1 200 OK\ncontent-", f"{OK}\ncontent-length: 9\n\nmore"]
)
async def test_an_exchange_has_one_deadline_for_all_of_it(said: str):
    """Report 39: whoever stops talking, before, in or after the head, is left."""
    async with stranger(stalls(said)) as server:
        with pytest.raises(TransportFault) as caught:
            await send(server, deadline_s=SHORT_S)

    assert caught.value.reason == "timeout"


async def test_a_receiver_that_does_not_even_shake_hands_is_left():
    """TLS counts as well."""
    async with stranger(stalls("")) as server:
        names = Names(["127.0.0.1"])
        with pytest.raises(TransportFault) as caught:
            await send(server, url=server.named_url, resolve=names, deadline_s=SHORT_S)

    assert caught.value.reason == "timeout"


@pytest.mark.parametrize(
    "head", [f"{OK}\ncontent-length: 1000000000\n", f"{OK}\n"], ids=["told", "untold"]
)
async def test_no_more_than_four_kilobytes_of_a_body_are_read(head: str, read: list[int]):
    """Report 39: a gigabyte is left where it is."""
    async with stranger(endless(head, b"x" * 65536)) as server:
        reply = await send(server)

    assert reply.body == b"x" * READ_BYTES
    assert sum(read) <= 2 * READ_BYTES


async def test_an_endless_body_in_tiny_chunks_is_left_too(read: list[int]):
    """What frames the chunks counts, so that there may be less than four kilobytes."""
    head = f"{OK}\ntransfer-encoding: chunked\n"
    async with stranger(endless(head, b"1\r\nx\r\n" * 1000)) as server:
        reply = await send(server)

    assert set(reply.body) == {ord("x")}
    assert sum(read) <= 2 * READ_BYTES


async def test_a_gzip_bomb_stays_packed(read: list[int]):
    """Report 39: nothing is ever unpacked."""
    bomb = gzip.compress(b"\0" * 10_000_000)
    head = f"{OK}\ncontent-encoding: gzip\ncontent-length: {len(bomb)}"
    async with stranger(answers(head, bomb)) as server:
        reply = await send(server)

    assert reply.body == bomb[:READ_BYTES]
    assert sum(read) <= 2 * READ_BYTES


@pytest.mark.parametrize(
    ("head", "more"),
    [
        (OK, b"x-more: 1\r\n"),
        (OK, b"x" * 1000),
        ("HTTP/1.1 103 Early\n", b"HTTP/1.1 103 Early\r\n\r\n"),
        ("", b"x" * 1000),
    ],
    ids=["headers", "one header", "early hints", "garbage"],
)
async def test_headers_that_never_end_are_left(head: str, more: bytes, read: list[int]):
    """Report 39: at sixteen kilobytes, whatever they consist of."""
    async with stranger(endless(head, more)) as server:
        with pytest.raises(TransportFault) as caught:
            await send(server)

    assert caught.value.reason in {"too_large", "closed"}
    assert sum(read) <= HEAD_BYTES_MAX


@pytest.mark.parametrize("said", ["", "SSH-2.0-OpenSSH_9.6", "HTTP/1.1 2000 OK"])
async def test_what_is_no_answer_is_a_closed_exchange(said: str):
    """Silence, another protocol, nonsense."""

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said.encode() + b"\r\n\r\n")

    async with stranger(play) as server:
        with pytest.raises(TransportFault) as caught:
            await send(server)

    assert caught.value.reason == "closed"


async def test_nobody_listening_is_told_as_such():
    """No connection, no request."""
    async with stranger(answers(OK)) as server:
        pass
    with pytest.raises(TransportFault) as caught:
        await send(server)

    assert caught.value.reason == "connect"


async def test_a_header_that_cannot_be_sent_is_not_repeated():
    """It may be a secret, and errors are logged."""
    async with stranger(answers(OK)) as server:
        client = GuardedClient(allow=[server.place])
        with pytest.raises(TransportFault) as caught:
            await client.post(
                server.url, headers=[("x-key", "hush\n")], body=b"", deadline_s=LONG_S
            )

    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_sockets_of_the_machine_are_refused(tmp_path: Path):
    """Docker listens on one."""
    dialer = Dialer((), Names([]), Meter())
    with pytest.raises(TransportFault) as caught:
        await dialer.connect_unix_socket(str(tmp_path / "docker.sock"))

    assert caught.value.reason == "refused"


async def test_a_name_server_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch):
    """A slow name costs a thread of its own kind, and the exchange a DNS failure."""
    let_go = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        let_go.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    names = SystemNames(limit_s=SHORT_S)
    try:
        for _ in range(6):  # more than it has threads
            with pytest.raises(TransportFault) as caught:
                await names.resolve("slow.example.com", 443)
            assert caught.value.reason == "dns"
    finally:
        let_go.set()
        names.close()


async def test_a_name_that_is_not_there_is_a_failure_of_dns(monkeypatch: pytest.MonkeyPatch):
    """Not a refusal: it may be there a minute later."""

    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    client = GuardedClient()
    missing = await refusal(client, "https://gone.example.com/")
    empty = await refusal(GuardedClient(resolve=Names([])), "https://empty.example.com/")
    await client.close()

    assert (missing.reason, empty.reason) == ("dns", "dns")


async def test_the_resolver_of_the_system_answers_each_address_once():
    """In its order of preference."""
    names = SystemNames()
    found = await names.resolve("localhost", 443)
    names.close()

    assert "127.0.0.1" in found
    assert len(found) == len(set(found))
