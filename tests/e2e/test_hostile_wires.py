"""Upstreams of every kind that misbehave, and what the clients of every wire see of it: nothing.

Before anything has gone out the next channel is tried; after that the stream ends with an error in
the client's own shape. Nothing of it is charged, and nothing stays held.
"""

import gzip
import json
import os
import threading
from pathlib import Path

import pytest

from tests.e2e.house import House
from tests.e2e.scripts import (
    DONE,
    LAST_PART,
    STREAM_HEAD,
    after,
    endless,
    part,
    polite,
    raw,
    sends,
    stalls,
    streams,
    whole,
)
from tests.e2e.upstream import Exchange, Script
from tests.e2e.wire_pairs import PAIRS, QUICK, Events, Made, Pair, chunks, name_of

pytestmark = pytest.mark.parametrize("house", ["sqlite"], indirect=True, scope="session")

EACH_PAIR = pytest.mark.parametrize("pair", PAIRS, ids=name_of)
THREE = [PAIRS[0], PAIRS[3], PAIRS[5]]
"""A pair of each vendor, for what does not depend on the wires."""

EACH_VENDOR = pytest.mark.parametrize("pair", THREE, ids=name_of)
MEGABYTE = 1024 * 1024


def _either(answer: Script, events: Script) -> Script:
    """Do one thing where a whole answer is asked for, another for a stream."""

    def script(exchange: Exchange) -> None:
        is_stream = "event-stream" in exchange.request.headers.get("accept", "")
        is_stream = is_stream or "streamGenerateContent" in exchange.request.path
        (events if is_stream else answer)(exchange)

    return script


def _as_both(body: bytes, *, headers: str = "", kind: str = "application/json") -> Script:
    """Send these bytes as a whole answer, or as a stream."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{headers}".encode()
    return _either(
        whole(body, headers=headers, kind=kind),
        sends(head + b"transfer-encoding: chunked\r\n\r\n" + part(body) + LAST_PART),
    )


def _packed(pair: Pair, headers: str) -> Script:
    return _either(
        whole(gzip.compress(pair.answer), headers=headers),
        sends(
            STREAM_HEAD[:-2]
            + headers.encode()
            + b"\r\n"
            + part(gzip.compress(b"".join(pair.events)))
            + LAST_PART
        ),
    )


def _bytes_for_text(pair: Pair) -> Script:
    spoilt = [event.replace(b"Hel", b"\xff\xfe") for event in pair.events]
    # In one piece: what comes before it must not have gone out.
    return _either(whole(pair.answer.replace(b"Hello", b"\xff\xfe")), streams([b"".join(spoilt)]))


def _short(pair: Pair) -> Script:
    """Announce fewer bytes than are sent."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: 20\r\n\r\n"
    return _either(
        raw(head % b"application/json" + pair.answer),
        raw(head % b"text/event-stream" + b"".join(pair.events)),
    )


BROKEN: dict[str, Made] = {
    "accepts and says nothing": lambda _: stalls(),
    "stalls after its head": lambda _: stalls(STREAM_HEAD),
    "stalls in its first event": lambda pair: stalls(STREAM_HEAD + part(pair.events[0][:-9])),
    "has a bad status line": lambda _: raw(b"HTTP/1.1 OK 200\r\n\r\n"),
    "has a status of four digits": lambda _: raw(b"HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n"),
    "has a bad size of a chunk": lambda _: raw(STREAM_HEAD + b"-5\r\nHello\r\n" + LAST_PART),
    "has a huge size of a chunk": lambda _: raw(STREAM_HEAD + b"f" * 40 + b"\r\nHello\r\n"),
    "announces too little": _short,
    "has a header without end": lambda _: raw(b"HTTP/1.1 200 OK\r\nx: " + b"x" * MEGABYTE),
    "packs unasked": lambda pair: _packed(pair, "content-encoding: gzip\r\n"),
    "packs in silence": lambda pair: _packed(pair, ""),
    "begins an event of 9 MB": lambda _: endless(STREAM_HEAD, part(b"data: " + b"x" * MEGABYTE)),
}
"""What is wrong below the vendors' wires."""

MEANT: dict[str, Made] = {
    "sends a page": lambda _: _as_both(b"<html>gpu-7.internal</html>\n\n", kind="text/html"),
    "sends nothing": lambda _: _as_both(b" \n"),
    "sends a list": lambda _: _as_both(b"data: []\n\n", kind="text/event-stream"),
    "sends a number": lambda _: _either(whole(b"7"), streams([b"data: 7\n\n"])),
    "sends null": lambda _: _either(whole(b"null"), streams([b"data: null\n\n"])),
    "sends a text": lambda _: _either(whole(b'"x"'), streams([b'data: "x"\n\n'])),
    "sends members of other types": lambda _: _either(
        whole(b'{"choices":7,"content":7,"candidates":7,"output":7}'),
        streams(
            [b'data: {"type":7,"choices":7,"content":7,"candidates":7,"message":7,"delta":7}\n\n']
        ),
    ),
    "sends bytes that are no text": _bytes_for_text,
    "tells an error": lambda pair: _either(whole(pair.errors[0]), streams(pair.errors[:1])),
    "tells it otherwise": lambda pair: _either(whole(pair.errors[-1]), streams(pair.errors[-1:])),
    "tells it in JSON": lambda _: whole(b'{"type":"error","error":{"message":"operator"}}'),
}


FIRST = [
    pytest.param(pair, made, id=f"{pair.name} {name}")
    for pair in PAIRS
    for name, made in (MEANT if pair not in THREE else BROKEN | MEANT).items()
]


@pytest.mark.parametrize(("pair", "made"), FIRST)
def test_the_next_channel_serves_where_nothing_has_gone_out(house: House, pair: Pair, made: Made):
    """Whole and streamed: the client sees one answer, which is charged once."""
    ana = house.customer()
    good = pair.sell(house, made(pair), **QUICK)
    for stream in (False, True):
        said = house.post(ana, pair.request(good, stream=stream), path=pair.path)

        assert said.status_code == 200, said.text
        assert "operator" not in said.text
        assert "internal" not in said.text
    rows = house.usage(ana)
    assert good.calls == [2, 2]
    assert [(row.channel, row.attempts, row.estimated) for row in rows] == [
        (f"{good.name}-1", 2, False)
    ] * 2
    assert house.holds(ana) == 0


@EACH_PAIR
@pytest.mark.parametrize("stream", [False, True])
def test_where_no_channel_is_left_the_client_hears_it_in_its_own_shape(
    house: House,
    pair: Pair,
    stream: bool,  # noqa: FBT001
):
    """And nothing of the operator's trouble."""
    ana = house.customer()
    fails = _either(whole(pair.errors[0]), streams(pair.errors[:1]))
    good = pair.sell(house, fails, **QUICK)
    good.doors[1].script = fails
    said = house.post(ana, pair.request(good, stream=stream), path=pair.path)

    assert (said.status_code, pair.code(said.json())) == (503, "service_unavailable")
    assert "operator" not in said.text
    assert good.calls == [1, 1]
    house.assert_untouched(ana)


def _after_text(pair: Pair) -> Events:
    """Return the events up to the first that has a text."""
    at = next(index for index, event in enumerate(pair.events) if b'"Hel' in event)
    return pair.events[: at + 1]


CUT: dict[str, Made] = {
    "stalls": lambda _: stalls(),
    "stalls in an event": lambda pair: stalls(part(pair.events[-1][:-9])),
    "breaks a chunk": lambda _: raw(b"ffffffffffffffffff\r\nHello\r\n"),
    "begins a second answer": lambda pair: raw(b"HTTP/1.1 200 OK\r\n\r\n" + pair.answer),
}
TOLD: dict[str, Made] = {
    "ends in an event": lambda pair: raw(part(pair.events[0][:-9]) + LAST_PART),
    "tells an error": lambda pair: raw(part(pair.errors[0]) + LAST_PART),
    "tells it otherwise": lambda pair: raw(part(pair.errors[-1]) + LAST_PART),
    "sends garbage": lambda _: raw(part(b"data: {oops\n\n") + LAST_PART),
    "sends bytes that are no text": lambda pair: raw(
        part(_after_text(pair)[-1].replace(b"Hel", b"\xff\xfe")) + LAST_PART
    ),
}


LATE = [
    pytest.param(pair, made, id=f"{pair.name} {name}")
    for pair in PAIRS
    for name, made in (TOLD if pair not in THREE else CUT | TOLD).items()
]


@pytest.mark.parametrize(("pair", "made"), LATE)
def test_a_stream_that_dies_half_way_ends_with_an_error_of_its_own_wire(
    house: House, pair: Pair, made: Made
):
    """No end, no charge, no other channel."""
    go_on = threading.Event()
    ana = house.customer()
    begun = STREAM_HEAD + chunks(_after_text(pair))
    good = pair.sell(house, after(begun, go_on, made(pair)), chunk_timeout_ms=150)
    headers = {"authorization": f"Bearer {ana.secret}"}
    body = pair.request(good, stream=True)
    with house.http.stream("POST", pair.path, json=body, headers=headers) as answer:
        said = answer.iter_raw()
        text = next(said)
        while b"Hel" not in text:
            text += next(said)
        go_on.set()
        text += b"".join(said)
    *_, last, nothing = text.split(b"\n\n")
    name, data = last.split(b"\n")

    assert (name, nothing) == (b"event: error", b"")
    assert pair.code(json.loads(data.removeprefix(b"data: "))) == "service_unavailable"
    assert b"operator" not in text
    assert DONE not in text
    assert good.calls == [1, 0]
    house.assert_untouched(ana)


@EACH_VENDOR
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_fault_and_nobody_else_hears_the_secret(
    house: House, pair: Pair, status: int
):
    """Neither whole nor streamed; the next channel serves."""
    ana = house.customer()
    thief = house.upstream.door(polite)
    away = whole(b"", status=status, headers=f"location: {thief.url}/chat/completions\r\n")
    good = pair.sell(house, away)
    for stream in (False, True):
        said = house.post(ana, pair.request(good, stream=stream), path=pair.path)
        assert said.status_code == 200

    assert thief.requests == []
    assert good.calls == [2, 2]
    assert len(house.usage(ana)) == 2


@EACH_VENDOR
@pytest.mark.parametrize("stream", [False, True])
def test_a_second_answer_is_nobodys(house: House, pair: Pair, stream: bool):  # noqa: FBT001
    """What an upstream sends behind its answer does not reach the next call."""
    ana = house.customer()
    stale = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\nSMUGGLED!!"
    )

    def twice(exchange: Exchange) -> None:
        pair.polite(exchange)
        exchange.send(stale)

    good = pair.sell(house, twice)
    for _ in range(4):
        said = house.post(ana, pair.request(good, stream=stream), path=pair.path)

        assert said.status_code == 200
        assert "SMUGGLED" not in said.text
    assert len(house.usage(ana)) == 4
    assert house.holds(ana) == 0


def _peak_bytes(house: House) -> int:
    """Return the most memory that the gateway has had."""
    status = Path(f"/proc/{house.gateway.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(os.name != "posix" or not Path("/proc/self/status").exists(), reason="Linux")
@EACH_PAIR
def test_an_upstream_that_only_says_to_wait_is_given_up(house: House, pair: Pair):
    """Comments are kept back until something is said, but not without end."""
    ana = house.customer()
    lines = part((b": wait" + b"." * 1000 + b"\n\n") * 64)
    good = pair.sell(house, endless(STREAM_HEAD, lines), total_timeout_ms=20_000)
    before = _peak_bytes(house)
    said = house.post(ana, pair.request(good, stream=True), path=pair.path)

    assert said.status_code == 200
    assert good.calls == [1, 1]
    assert _peak_bytes(house) - before < 64 * MEGABYTE
