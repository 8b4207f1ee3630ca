"""Clients that lie about their bodies: as bytes on a socket, where no library mends them."""

import contextlib
import json
import socket
import threading

import pytest

from tests.e2e.cuts import charged
from tests.e2e.house import HELLO, POLITE_NANO, Customer, Good, House
from tests.e2e.scripts import (
    DONE,
    STREAM_HEAD,
    TEXT,
    USAGE_EVENT,
    after,
    answer,
    gated,
    part,
    polite,
    raw,
)

pytestmark = pytest.mark.parametrize("house", ["sqlite"], indirect=True, scope="session")

WAIT_S = 30
LAST = b"0\r\n\r\n"


def _head(customer: Customer, *lines: str) -> bytes:
    said = ["POST /v1/chat/completions HTTP/1.1", "host: grip", *lines]
    return "\r\n".join([*said, f"authorization: Bearer {customer.secret}", "", ""]).encode()


def _body(good: Good) -> bytes:
    return json.dumps({"model": good.name, "messages": HELLO}).encode()


def _connect(house: House) -> socket.socket:
    host, port = house.gateway.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=WAIT_S)


def _exchange(house: House, sent: bytes, *, stop: bool = False) -> bytes:
    """Send bytes and return what comes until the server closes; `stop` sends an end after them."""
    with _connect(house) as client:
        client.sendall(sent)
        if stop:
            client.shutdown(socket.SHUT_WR)
        found = b""
        while data := client.recv(65536):
            found += data
    return found


def _serves(house: House, customer: Customer, good: Good, calls: int) -> None:
    """The next call is served, and nothing but this and so many others was charged or held."""
    assert house.post(customer, _body(good)).status_code == 200
    assert good.calls == [calls + 1]
    assert len(house.usage(customer)) == calls + 1
    assert house.holds(customer) == 0


def test_a_body_shorter_than_announced_is_no_call(house: House):
    """The client stops half-way."""
    ana, good = house.customer(), house.sell(polite)
    body = _body(good)
    sent = _head(ana, f"content-length: {len(body) + 100}") + body
    found = _exchange(house, sent, stop=True)

    assert b" 200 " not in found
    _serves(house, ana, good, 0)


def test_a_body_longer_than_announced_is_half_a_body(house: House):
    """What is left of it is no request."""
    ana, good = house.customer(), house.sell(polite)
    body = _body(good)
    found = _exchange(house, _head(ana, f"content-length: {len(body) - 9}") + body)

    assert found.startswith(b"HTTP/1.1 400 ")
    assert b" 200 " not in found
    _serves(house, ana, good, 0)


BEHIND = {
    "a request": "POST /v1/chat/completions HTTP/1.1\r\nhost: grip\r\ncontent-length: 2\r\n\r\n{}",
    "half a request": "POST /v1/chat/completions HTTP/1.1\r\nhost: g",
    "no request": "\x01\x02 garbage\r\n\r\n",
    "a megabyte": "GET / HTTP/1.1\r\nx: " + "x" * 1_000_000,
}


@pytest.mark.parametrize("behind", BEHIND.values(), ids=BEHIND)
def test_what_comes_behind_a_request_waits_for_nothing(house: House, behind: str):
    """The request is answered, and the connection closed: what came behind it was not heard."""
    go_on = threading.Event()
    ana, good = house.customer(), house.sell(gated(go_on, polite))
    body = _body(good)
    with _connect(house) as client:
        client.sendall(_head(ana, f"content-length: {len(body)}") + body + behind.encode())
        good.door.next()
        go_on.set()
        found = b""
        while data := client.recv(65536):
            found += data

    assert found.count(b"HTTP/1.1 ") == found.count(b"HTTP/1.1 200 ") == 1
    assert found.endswith(answer())
    _serves(house, ana, good, 1)


def test_who_leaves_a_stream_behind_which_they_sent_more_pays_for_it(house: House):
    """As who leaves any other."""
    go_on = threading.Event()
    begun = STREAM_HEAD + part(TEXT[0])
    rest = raw(b"".join(map(part, [*TEXT[1:], USAGE_EVENT, DONE])) + LAST)
    ana, good = house.customer(), house.sell(after(begun, go_on, rest))
    body = json.dumps({"model": good.name, "messages": HELLO, "stream": True}).encode()
    request = _head(ana, f"content-length: {len(body)}") + body
    with _connect(house) as client:
        client.sendall(request + request)
        found = b""
        while TEXT[0] not in found:
            found += client.recv(65536)
    go_on.set()
    row = charged(house, ana)

    assert row.cost_nano == POLITE_NANO
    assert good.calls == [1]


LENGTHS = {
    "two lengths": ("content-length: 5", "content-length: 60"),
    "a length and chunks": ("content-length: 5", "transfer-encoding: chunked"),
    "chunks and a length": ("transfer-encoding: chunked", "content-length: 5"),
    "a negative length": ("content-length: -5",),
    "a length in words": ("content-length: five",),
    "a length with a sign": ("content-length: +5",),
    "a length without end": ("content-length: " + "9" * 40,),
    "an encoding that nobody knows": ("transfer-encoding: rot13",),
    "chunks that are not the last encoding": ("transfer-encoding: chunked, gzip",),
}


@pytest.mark.parametrize("lines", LENGTHS.values(), ids=LENGTHS)
def test_a_body_whose_end_is_unclear_is_no_call(house: House, lines: tuple[str, ...]):
    """Two readers might see two ends, and one of them another request."""
    ana, good = house.customer(), house.sell(polite)
    body = _body(good)
    found = _exchange(house, _head(ana, *lines) + part(body) + LAST)

    assert b" 200 " not in found
    assert found[9:12] in (b"", b"400", b"413", b"501")
    _serves(house, ana, good, 0)


CHUNKS = {
    "no size": b"\r\n{}\r\n" + LAST,
    "a size in words": b"zz\r\n{}\r\n" + LAST,
    "a negative size": b"-2\r\n{}\r\n" + LAST,
    "a size without end": b"f" * 40 + b"\r\n{}\r\n" + LAST,
    "a size too small": b"1\r\n{}\r\n" + LAST,
    "no last one": b"2\r\n{}\r\n",
}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
def test_chunks_that_are_broken_are_no_call(house: House, chunks: bytes):
    """Whatever came before."""
    ana, good = house.customer(), house.sell(polite)
    found = _exchange(house, _head(ana, "transfer-encoding: chunked") + chunks, stop=True)

    assert b" 200 " not in found
    assert b" 500 " not in found
    _serves(house, ana, good, 0)


def test_a_body_in_chunks_of_a_byte_is_a_body(house: House):
    """However it is cut."""
    ana, good = house.customer(), house.sell(polite)
    body = _body(good)
    pieces = b"".join(part(body[at : at + 1]) for at in range(len(body)))
    head = _head(ana, "transfer-encoding: chunked", "connection: close")
    found = _exchange(house, head + pieces + LAST)

    assert found.startswith(b"HTTP/1.1 200 ")
    assert good.door.requests[0].body == body
    _serves(house, ana, good, 1)


ENDLESS = {
    "trailers": b"2\r\n{}\r\n0\r\n"
    + b"".join(b"x%d: %s\r\n" % (n, b"y" * 900) for n in range(1100)),
    "a trailer": b"2\r\n{}\r\n0\r\nx: " + b"y" * 1_000_000,
    "the edge of a chunk": b"2;" + b"y" * 1_000_000,
}


@pytest.mark.parametrize("chunks", ENDLESS.values(), ids=ENDLESS)
def test_what_belongs_to_no_body_has_an_end(house: House, chunks: bytes):
    """A stranger without a key could fill the memory with it; the connection is cut."""
    head = _head(house.customer(), "transfer-encoding: chunked").replace(b"sk-grip-", b"sk-none-")
    with _connect(house) as client, contextlib.suppress(ConnectionError):
        client.sendall(head + chunks)
        while client.recv(65536):
            pass


def test_a_trailer_is_no_header(house: House):
    """What comes behind a body changes nothing of how the body is read."""
    ana, good = house.customer(), house.sell(polite)
    head = _head(ana, "transfer-encoding: chunked", "connection: close")
    trailers = b"0\r\nidempotency-key: one\r\nidempotency-key: two\r\n\r\n"
    found = _exchange(house, head + part(_body(good)) + trailers)

    assert found.startswith(b"HTTP/1.1 200 ")
    _serves(house, ana, good, 1)
