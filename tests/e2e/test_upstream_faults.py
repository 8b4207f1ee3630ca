"""Upstreams that fail: what the client gets, and that it costs nothing."""

import socket
import threading
from collections.abc import Iterator

import openai
import pytest

from grip.money.amounts import NANO
from grip.services import channels
from tests.e2e.house import HELLO, POLITE_NANO, House
from tests.e2e.scripts import (
    DONE,
    STREAM_HEAD,
    TEXT,
    USAGE,
    USAGE_EVENT,
    ZERO,
    after,
    answer,
    chunk,
    error_body,
    event,
    fails,
    part,
    polite,
    raw,
    resets,
    stalls,
    streams,
    whole,
)
from tests.e2e.upstream import Script

# What no database sees is tried on one engine.
pytestmark = pytest.mark.parametrize("house", ["sqlite"], indirect=True, scope="session")

QUICK = {"first_byte_timeout_ms": 300, "chunk_timeout_ms": 300}
"""Timeouts of a channel whose upstream stalls."""

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n"

WHOLE_FAULTS: dict[str, Script] = {
    "closes at once": raw(),
    "closes in the head": raw(b"HTTP/1.1 200 OK\r\ncontent-"),
    "closes before the body": raw(HEAD),
    "closes in the body": raw(HEAD + b'{"choices": ['),
    "resets at once": resets(),
    "resets in the body": resets(HEAD + b"{"),
    "speaks no HTTP": raw(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "answers nothing": whole(b""),
    "answers a page": whole(b"<html>sorry</html>", kind="text/html"),
    "answers half": whole(answer()[:-20]),
    "answers another shape": whole(b'{"ok": true}'),
    "answers a list": whole(b"[]"),
    "answers too deep": whole(b'{"choices":' + b"[" * 100_000),
    "answers an error in a success": whole(error_body()),
    "answers an error as text": whole(b'{"error": "overloaded"}'),
    "redirects": whole(b"", status=307, headers="location: http://127.0.0.1:1/\r\n"),
    "stalls at once": stalls(),
    "stalls in the body": stalls(HEAD + b"{"),
    **{f"status {status}": fails(status) for status in (401, 402, 403, 404, 408, 409)},
    "status 429": fails(429, headers="retry-after: 9\r\n"),
    **{f"status {status}": fails(status) for status in (500, 502, 503, 504, 529)},
    "ignores that it must not stream": streams([*TEXT, DONE]),
}


@pytest.mark.parametrize("script", WHOLE_FAULTS.values(), ids=WHOLE_FAULTS)
def test_a_whole_answer_that_fails_costs_nothing(house: House, script: Script):
    """The client hears that the service is unavailable, and nothing of why."""
    ana, good = house.customer(), house.sell(script, channel=QUICK)
    with pytest.raises(openai.InternalServerError) as raised:
        ana.client.chat.completions.create(model=good.name, messages=HELLO)

    assert (raised.value.status_code, raised.value.code) == (503, "service_unavailable")
    assert "operator" not in raised.value.response.text
    assert good.calls == [1]
    house.assert_untouched(ana)


FIRST_FAULTS: dict[str, Script] = {
    "closes at once": raw(),
    "closes before the first event": raw(STREAM_HEAD),
    "ends before the first event": streams([]),
    "resets before the first event": resets(STREAM_HEAD),
    "stalls at once": stalls(),
    "stalls before the first event": stalls(STREAM_HEAD),
    "stalls in the size of a chunk": stalls(STREAM_HEAD + b"1"),
    "answers a page": whole(b"<html>", kind="text/html"),
    "answers a page in a stream": streams([b"<html>sorry</html>\n\n"]),
    "answers garbage": streams([event(b"Hello")]),
    "sends a malformed chunk": stalls(STREAM_HEAD + b"zz\r\nHello\r\n"),
    "answers an error in a success": whole(error_body()),
    "answers whole": whole(answer()),
    "sends an error first": streams([event(error_body())]),
    "sends an error event first": streams([b'event: error\ndata: {"message": "no"}\n\n']),
    "sends an error after a comment": streams([b": wait\n\n", event(error_body())]),
    "ends after a comment": streams([b": wait\n\n"]),
    "says that it is done at once": streams([]),
    "status 401": fails(401),
    "status 429": fails(429, headers="retry-after: 9\r\n"),
    "status 503": fails(503),
}


@pytest.mark.parametrize("script", FIRST_FAULTS.values(), ids=FIRST_FAULTS)
def test_a_stream_that_fails_at_first_is_an_error_with_a_status(house: House, script: Script):
    """Nothing had gone to the client yet."""
    ana, good = house.customer(), house.sell(script, channel=QUICK)
    with pytest.raises(openai.InternalServerError) as raised:
        ana.client.chat.completions.create(model=good.name, messages=HELLO, stream=True)

    assert (raised.value.status_code, raised.value.code) == (503, "service_unavailable")
    assert "operator" not in raised.value.response.text
    house.assert_untouched(ana)


LATE_FAULTS: dict[str, Script] = {
    "closes": raw(),
    "resets": resets(),
    "ends without a reason": raw(b"0\r\n\r\n"),
    "ends in an event": raw(part(b"data: {") + b"0\r\n\r\n"),
    "stalls": stalls(),
    "stalls in the size of a chunk": stalls(b"1"),
    "sends a malformed chunk": stalls(b"zz\r\nHello\r\n"),
    "sends garbage": raw(part(event(b"{")) + part(DONE)),
    "sends an error": raw(part(event(error_body())) + part(DONE)),
    "sends an error event": raw(part(b'event: error\ndata: {"message": "no"}\n\n')),
    "says only its usage": raw(part(USAGE_EVENT) + b"0\r\n\r\n"),
    "sends bytes that are no text": raw(part(event(b'{"choices":"\xff"}'))),
}


@pytest.mark.parametrize("script", LATE_FAULTS.values(), ids=LATE_FAULTS)
def test_a_stream_that_dies_half_way_ends_with_an_error_event(house: House, script: Script):
    """No end, no charge, and no other channel: the first has spoken."""
    go_on = threading.Event()
    ana = house.customer()
    begun = STREAM_HEAD + part(TEXT[0])
    quick = {"chunk_timeout_ms": 300}
    good = house.sell(after(begun, go_on, script), polite, channel=quick)
    body = {"model": good.name, "messages": HELLO, "stream": True}
    with house.streaming(ana, body) as answer_:
        said = answer_.iter_raw()
        first = next(said)
        go_on.set()
        rest = b"".join(said)

    assert first == TEXT[0]
    assert rest.startswith(b"event: error\ndata: {")
    assert rest.endswith(b"}\n\n")
    assert b'"code":"service_unavailable"' in rest
    assert b"operator" not in rest
    assert b"[DONE]" not in rest
    assert good.calls == [1, 0]
    house.assert_untouched(ana)


def test_the_client_raises_what_ends_a_stream(house: House):
    """With the code of the event."""
    go_on = threading.Event()
    ana = house.customer()
    good = house.sell(after(STREAM_HEAD + part(TEXT[0]), go_on, raw()))
    with ana.client.chat.completions.create(model=good.name, messages=HELLO, stream=True) as stream:
        next(stream)
        go_on.set()
        with pytest.raises(openai.APIError) as raised:
            list(stream)

    assert raised.value.code == "service_unavailable"
    house.assert_untouched(ana)


def test_a_channel_whose_secret_is_not_there_is_skipped(house: House):
    """Nothing is sent without it; the books stay as they are."""
    ana = house.customer()
    good = house.sell(polite, channel={"secret": "env:NOT_THERE"})
    with pytest.raises(openai.InternalServerError) as raised:
        ana.client.chat.completions.create(model=good.name, messages=HELLO)

    assert raised.value.code == "service_unavailable"
    assert "NOT_THERE" not in raised.value.response.text
    assert good.calls == [0]
    house.assert_untouched(ana)


def test_a_channel_that_cannot_be_connected_to_is_a_fault(house: House):
    """Refused at once, or by its timeout."""
    ana = house.customer()
    good = house.sell(polite, channel={"base_url": "http://127.0.0.1:1/v1"})
    error = house.post(ana, {"model": good.name, "messages": HELLO})

    assert (error.status_code, error.json()["error"]["code"]) == (503, "service_unavailable")
    house.assert_untouched(ana)


@pytest.fixture
def full_listener() -> Iterator[str]:
    """The base URL of a server that accepts nobody, its queue being full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(address)
            waiting.append(client)
        yield f"http://127.0.0.1:{address[1]}/v1"
        for client in waiting:
            client.close()


@pytest.mark.parametrize("stream", [False, True])
def test_a_connection_that_does_not_open_is_given_up(
    house: House,
    full_listener: str,
    stream: bool,  # noqa: FBT001
):
    """By the channel's own timeout; the next one serves."""
    ana, good = house.customer(), house.sell(polite, polite)
    slow = {"base_url": full_listener, "connect_timeout_ms": 200, "first_byte_timeout_ms": 20_000}
    house.do(channels.change, f"{good.name}-0", slow, actor="test")
    said = house.post(ana, {"model": good.name, "messages": HELLO, "stream": stream})

    assert said.status_code == 200
    assert good.calls == [0, 1]


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_wrong_with_the_request_comes_from_the_upstream(
    house: House,
    status: int,
    stream: bool,  # noqa: FBT001
):
    """Its status and error object pass; nobody else is asked, and nothing is charged."""
    ana = house.customer()
    good = house.sell(whole(error_body("too long", "context_length"), status=status), polite)
    with pytest.raises(openai.APIStatusError) as raised:
        ana.client.chat.completions.create(model=good.name, messages=HELLO, stream=stream)

    assert (raised.value.status_code, raised.value.code) == (status, "context_length")
    assert "too long" in raised.value.message
    assert raised.value.response.headers["x-grip-request-id"]
    assert good.calls == [1, 0]
    house.assert_untouched(ana)


@pytest.mark.parametrize("stream", [False, True])
def test_usage_of_zero_is_charged_zero(house: House, stream: bool):  # noqa: FBT001
    """The upstream said so."""
    zero = event(chunk(choices=False, usage=ZERO))
    script = streams([*TEXT, zero, DONE]) if stream else whole(answer(usage=ZERO))
    ana, good = house.customer(), house.sell(script)
    house.post(ana, {"model": good.name, "messages": HELLO, "stream": stream})

    (row,) = house.usage(ana)
    assert (row.cost_nano, row.estimated, row.status) == (0, False, "completed")
    assert (house.wallet(ana).balance, house.holds(ana)) == (1_000_000, 0)


@pytest.mark.parametrize(
    "usage",
    [None, {}, {"prompt_tokens": -5, "completion_tokens": "many"}, {"total_tokens": 10**30}],
)
@pytest.mark.parametrize("stream", [False, True])
def test_usage_that_is_not_reported_is_estimated(
    house: House,
    stream: bool,  # noqa: FBT001
    usage: dict[str, object] | None,
):
    """And marked so; never nothing."""
    last = [] if usage is None else [event(chunk(choices=False, usage=usage))]
    script = streams([*TEXT, *last, DONE]) if stream else whole(answer(usage=usage))
    ana, good = house.customer(), house.sell(script)
    house.post(ana, {"model": good.name, "messages": HELLO, "stream": stream})

    (row,) = house.usage(ana)
    assert row.estimated
    assert 2 * NANO < row.cost_nano < 10 * NANO
    assert house.holds(ana) == 0


def test_a_report_of_half_is_filled_in_by_an_estimate(house: House):
    """The half that was said counts as it was said."""
    ana, good = house.customer(), house.sell(whole(answer(usage={"prompt_tokens": 100})))
    house.post(ana, {"model": good.name, "messages": HELLO})

    (row,) = house.usage(ana)
    assert (row.input_tokens, row.estimated) == (100, True)
    assert row.output_tokens > 0


def test_usage_within_the_last_chunk_of_text_is_charged(house: House):
    """And told in a chunk of its own to who asked for it."""
    last = event(chunk(finish="stop", usage=USAGE))
    ana, good = house.customer(), house.sell(streams([*TEXT[:-1], last, DONE]))
    chunks = list(
        ana.client.chat.completions.create(
            model=good.name, messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )

    (row,) = house.usage(ana)
    assert (row.cost_nano, row.estimated) == (POLITE_NANO, False)
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.model_extra == {"cost_nano": POLITE_NANO}
    assert chunks[-1].choices == []


def test_an_estimate_is_told_to_who_asked_for_usage(house: House):
    """As a chunk, though the upstream sent none."""
    ana, good = house.customer(), house.sell(streams([*TEXT, DONE]))
    *_, last = ana.client.chat.completions.create(
        model=good.name, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )

    (row,) = house.usage(ana)
    assert last.usage is not None
    assert last.usage.model_extra == {"cost_nano": row.cost_nano}
    assert last.usage.completion_tokens == row.output_tokens > 0


def test_a_stream_without_its_end_that_told_why_it_stopped_is_whole(house: House):
    """The client gets the end that it waits for."""
    ana, good = house.customer(), house.sell(streams([*TEXT, USAGE_EVENT]))
    said = house.post(ana, {"model": good.name, "messages": HELLO, "stream": True}).content

    assert said == b"".join([*TEXT, DONE])
    (row,) = house.usage(ana)
    assert (row.cost_nano, row.status) == (POLITE_NANO, "completed")


AFTER_THE_END: dict[str, Script] = {
    "stalls": stalls(STREAM_HEAD + b"".join(map(part, [*TEXT, USAGE_EVENT, DONE]))),
    "goes on": streams([*TEXT, USAGE_EVENT, DONE, event(b"{"), TEXT[0]]),
}


@pytest.mark.parametrize("script", AFTER_THE_END.values(), ids=AFTER_THE_END)
def test_what_comes_after_the_end_changes_nothing(house: House, script: Script):
    """An upstream may close as it likes once it has said that it is done."""
    ana, good = house.customer(), house.sell(script)
    said = house.post(ana, {"model": good.name, "messages": HELLO, "stream": True}).content

    assert said == b"".join([*TEXT, DONE])
    (row,) = house.usage(ana)
    assert (row.cost_nano, row.status) == (POLITE_NANO, "completed")


def test_what_costs_more_than_was_held_is_charged_as_proven(house: House):
    """From the wallet first, then as debt; the balance never goes below zero."""
    ana = house.customer(credits_=50)
    used = {"prompt_tokens": 100, "completion_tokens": 90, "total_tokens": 190}
    good = house.sell(whole(answer(usage=used)))
    assert (
        house.post(ana, {"model": good.name, "messages": HELLO, "max_tokens": 10}).status_code
        == 200
    )

    wallet = house.wallet(ana)
    assert (wallet.balance, wallet.debt, wallet.held) == (0, 50, 0)
    assert house.post(ana, {"model": good.name, "messages": HELLO}).status_code == 402
