"""Which channel serves, and who is asked next."""

import openai
import pytest

from grip.services import channels
from tests.e2e.house import HELLO, POLITE_NANO, House
from tests.e2e.scripts import (
    STREAM_HEAD,
    TEXT,
    WORDS,
    error_body,
    event,
    fails,
    in_turn,
    polite,
    raw,
    resets,
    stalls,
    streams,
    whole,
)
from tests.e2e.upstream import Script

QUICK = {"first_byte_timeout_ms": 300, "chunk_timeout_ms": 300}

FAULTS: dict[str, Script] = {
    "closes at once": raw(),
    "resets at once": resets(),
    "stalls": stalls(),
    **{
        f"status {status}": fails(status)
        for status in (401, 402, 403, 404, 408, 429, 500, 502, 503, 529)
    },
    "garbage": whole(b"<html>", kind="text/html"),
    "an error in a success": whole(error_body()),
}


@pytest.mark.parametrize("script", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("stream", [False, True])
def test_the_next_channel_serves_where_one_fails(
    house: House,
    script: Script,
    stream: bool,  # noqa: FBT001
):
    """The client sees nothing of it; one charge, of the channel that served, after two attempts."""
    ana, good = house.customer(), house.sell(script, polite, polite, channel=QUICK)
    said = house.post(ana, {"model": good.name, "messages": HELLO, "stream": stream})

    assert said.status_code == 200
    assert "operator" not in said.text
    assert good.calls == [1, 1, 0]
    (row,) = house.usage(ana)
    assert (row.channel, row.attempts, row.cost_nano) == (f"{good.name}-1", 2, POLITE_NANO)
    assert house.holds(ana) == 0


FIRST_EVENTS: dict[str, Script] = {
    "an error": streams([event(error_body())]),
    "an error event": streams([b'event: error\ndata: {"message": "no"}\n\n']),
    "an error after a comment": streams([b": wait\n\n", event(error_body())]),
    "garbage": streams([event(b"<html>")]),
    "nothing": streams([]),
    "a stall": stalls(STREAM_HEAD),
    "a whole answer": whole(b'{"choices":[]}'),
}


@pytest.mark.parametrize("script", FIRST_EVENTS.values(), ids=FIRST_EVENTS)
def test_the_next_channel_serves_where_a_stream_begins_badly(house: House, script: Script):
    """Its head alone is no success."""
    ana, good = house.customer(), house.sell(script, polite, channel=QUICK)
    said = house.post(ana, {"model": good.name, "messages": HELLO, "stream": True})

    assert said.content.startswith(TEXT[0])
    assert good.calls == [1, 1]


def test_a_channel_that_cannot_be_reached_is_passed_over(house: House):
    """Nobody listens there, or its name leads nowhere, or its secret is missing."""
    ana, good = house.customer(), house.sell(polite, polite, polite)
    for index, fields in enumerate(
        [{"base_url": "http://127.0.0.1:1/v1"}, {"secret": "env:NOT_THERE"}]
    ):
        house.do(channels.change, f"{good.name}-{index}", fields, actor="test")
    said = house.post(ana, {"model": good.name, "messages": HELLO})

    assert said.status_code == 200
    assert good.calls == [0, 0, 1]


def test_only_so_many_channels_are_tried(house: House):
    """Three, as configured; then the service is unavailable and nothing charged."""
    ana, good = house.customer(), house.sell(*[fails(500)] * 3, polite)
    with pytest.raises(openai.InternalServerError) as raised:
        ana.client.chat.completions.create(model=good.name, messages=HELLO)

    assert raised.value.code == "service_unavailable"
    assert good.calls == [1, 1, 1, 0]
    house.assert_untouched(ana)


def test_a_higher_priority_is_asked_first(house: House):
    """Every time."""
    ana, good = house.customer(), house.sell(polite, polite)
    for _ in range(10):
        house.post(ana, {"model": good.name, "messages": HELLO})

    assert good.calls == [10, 0]


def test_equals_share_by_weight(house: House):
    """Of 200 calls, with weights of 4 and 1, about 160 and 40: six deviations to either side."""
    ana, good = house.customer(), house.sell(polite, polite, weights=[4, 1])
    for _ in range(200):
        house.post(ana, {"model": good.name, "messages": HELLO})

    assert 126 <= good.calls[0] <= 194
    assert sum(good.calls) == 200


def test_a_disabled_channel_is_not_asked(house: House):
    """From the moment that the command returned, and again once it is enabled."""
    ana, good = house.customer(), house.sell(polite, polite)
    body = {"model": good.name, "messages": HELLO}
    house.post(ana, body)
    house.do(channels.disable, f"{good.name}-0", actor="test")
    house.post(ana, body)
    house.do(channels.enable, f"{good.name}-0", actor="test")
    house.post(ana, body)
    house.do(channels.remove, f"{good.name}-0", actor="test")
    house.post(ana, body)

    assert good.calls == [2, 2]


def test_a_channel_serves_only_its_types(house: House):
    """A model of another type goes past it."""
    ana = house.customer()
    good = house.sell(polite, polite, kind="embedding")
    house.do(channels.change, f"{good.name}-0", {"types": ["chat"]}, actor="test")
    ana.client.embeddings.create(model=good.name, input="a")

    assert good.calls == [0, 1]


def test_a_connection_that_the_upstream_closed_meanwhile_is_no_fault(house: House):
    """An idle connection may be closed at any time; the call goes out on a fresh one."""
    closing = in_turn(polite, polite)
    ana, good = house.customer(), house.sell(closing)
    for _ in range(3):
        said = ana.client.chat.completions.create(model=good.name, messages=HELLO)
        assert said.choices[0].message.content == "".join(WORDS)

    assert good.calls == [3]
