"""`/v1/messages` as Anthropic's own client uses it, on an upstream of its own wire."""

import json
import threading
from typing import Any

import anthropic
import pytest

from grip.money.amounts import NANO
from grip.money.pricing import Rates
from grip.store.records import UsageRow
from tests.e2e.again import assert_charged_once, assert_replayed, code, post
from tests.e2e.anthropic_wire import (
    END,
    SAID,
    STREAM,
    USAGE,
    client,
    closes,
    delta,
    message,
    opens,
    polite,
    sell,
    start,
    stops,
)
from tests.e2e.gateway import SECRET
from tests.e2e.house import HELLO, POLITE_NANO, Customer, Good, House
from tests.e2e.scripts import LAST_PART, STREAM_HEAD, part, raw, streams, whole

PATH = "/v1/messages"
HOUR = {"type": "ephemeral", "ttl": "1h"}
TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}


def hello(good: Good, **more: Any) -> dict[str, Any]:
    """Return a request that says hello."""
    return {"model": good.name, "max_tokens": 100, "messages": HELLO, **more}


def test_a_message_is_answered_and_charged(house: House):
    """The head says what was drawn and names the call, and the books agree."""
    ana, good = house.customer(), sell(house, polite)
    with client(house, ana) as client_:
        raw_ = client_.messages.with_raw_response.create(**hello(good))
    said = raw_.parse()

    assert said.content[0].type == "text"
    assert said.content[0].text == SAID
    assert (said.usage.input_tokens, said.usage.output_tokens) == (10, 5)
    assert (raw_.headers["x-grip-credits"], raw_.headers["x-grip-cost-nano"]) == (
        "6",
        str(POLITE_NANO),
    )
    (row,) = house.usage(ana)
    assert row.request_id == raw_.headers["x-grip-request-id"] == raw_.headers["request-id"]
    assert (row.cost_nano, row.status, row.estimated) == (POLITE_NANO, "completed", False)
    assert (row.provider, row.endpoint) == ("anthropic", "/messages")
    assert (house.wallet(ana).balance, house.holds(ana)) == (1_000_000 - 6, 0)


def test_a_stream_is_put_together_and_charged(house: House):
    """By the upstream's own count, which the client sees."""
    ana, good = house.customer(), sell(house, polite)
    with client(house, ana) as client_, client_.messages.stream(**hello(good)) as stream:
        text = "".join(stream.text_stream)
        said = stream.get_final_message()

    assert text == SAID
    assert (said.stop_reason, said.usage.output_tokens) == ("end_turn", 5)
    (row,) = house.usage(ana)
    assert (row.cost_nano, row.status, row.estimated) == (POLITE_NANO, "completed", False)


def test_both_ways_bytes_are_passed_on_as_they_are(house: House):
    """But for the model's name; only what belongs to the wire goes along of the head."""
    ana = house.customer()
    good = sell(house, polite, upstream_name="claude-fake")
    body = (
        '{ "max_tokens":7,"unknown": [1.0,\t"\\u00e9"],"messages":[{"role":"user","content":"x"}],'
        f'"model" : "{good.name}","stream":true}}'
    ).encode()
    headers = [
        ("x-api-key", ana.secret),
        ("authorization", "Bearer something-else"),
        ("anthropic-version", "2024-01-01"),
        ("anthropic-beta", "one"),
        ("anthropic-beta", "two"),
        ("x-secret", "of-the-client"),
    ]
    said = house.http.post(PATH, content=body, headers=headers)
    asked = good.door.requests[0]

    assert said.content == b"".join(STREAM)
    assert asked.body == body.replace(good.name.encode(), b"claude-fake")
    assert asked.path.endswith("/v1/messages")
    assert asked.headers["x-api-key"] == SECRET
    assert asked.headers["anthropic-version"] == "2024-01-01"
    assert asked.headers["anthropic-beta"].replace(" ", "") == "one,two"
    assert not {"authorization", "x-secret"} & asked.headers.keys()


def test_the_version_of_the_api_is_named_where_the_client_does_not(house: House):
    """No beta is asked for."""
    ana, good = house.customer(), sell(house, polite)
    assert house.post(ana, hello(good), path=PATH).status_code == 200
    asked = good.door.requests[0]

    assert asked.headers["anthropic-version"] == "2023-06-01"
    assert "anthropic-beta" not in asked.headers


def test_the_end_of_a_stream_comes_after_its_charge(house: House):
    """Whoever has seen `message_stop` finds it in the books."""
    ana, good = house.customer(), sell(house, polite)
    with client(house, ana) as client_:
        for event in client_.messages.create(**hello(good), stream=True):
            if event.type == "message_stop":
                (row,) = house.usage(ana)
                assert (row.cost_nano, house.holds(ana)) == (POLITE_NANO, 0)
                return
    raise AssertionError("the stream had no end")


def test_tools_and_thoughts_stream_as_they_are(house: House):
    """With all their parts."""
    ana = house.customer()
    events = [
        start(),
        opens(0, type="thinking", thinking="", signature=""),
        delta(0, type="thinking_delta", thinking="Let me look."),
        delta(0, type="signature_delta", signature="c2VhbA=="),
        closes(0),
        opens(1, type="tool_use", id="toolu_1", name="weather", input={}),
        delta(1, type="input_json_delta", partial_json='{"city": '),
        delta(1, type="input_json_delta", partial_json='"Rome"}'),
        closes(1),
        opens(2, type="tool_use", id="toolu_2", name="weather", input={}),
        closes(2),
        stops("tool_use"),
        END,
    ]
    good = sell(house, streams(events))
    thinking = {"type": "adaptive"}
    with client(house, ana) as client_:
        asked = hello(good, tools=[TOOL], thinking=thinking)
        with client_.messages.stream(**asked) as stream:
            said = stream.get_final_message()

    assert [block.type for block in said.content] == ["thinking", "tool_use", "tool_use"]
    assert said.content[1].type == "tool_use"
    assert said.content[1].input == {"city": "Rome"}
    assert said.stop_reason == "tool_use"
    assert house.usage(ana)[0].cost_nano == POLITE_NANO


def test_tokens_of_caches_are_charged_at_their_own_prices(house: House):
    """Reads and writes stand beside the input on this wire, and within it in the books."""
    ana = house.customer()
    rates = Rates(
        input_nano=NANO,
        output_nano=10 * NANO,
        cached_input_nano=NANO // 10,
        cache_write_nano=2 * NANO,
    )
    usage = {**USAGE, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000}
    answers = {
        False: whole(message(usage=usage)),
        True: streams([start(usage), opens(), closes(), stops(usage=usage), END]),
    }
    for stream, script in answers.items():
        good = sell(house, script, sell=rates)
        cached = [
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
        ]
        said = house.post(ana, hello(good, system=cached, stream=stream), path=PATH)

        assert said.status_code == 200
        row = house.usage(ana)[0]
        assert row.cost_nano == (10 * 10 + 5 * 100 + 1000 + 100 * 20) * NANO // 10
        assert (row.input_tokens, row.cached_input_tokens, row.cache_write_tokens) == (
            1110,
            1000,
            100,
        )


@pytest.mark.parametrize("stream", [False, True])
def test_a_bearer_serves_as_well_as_a_key(house: House, stream: bool):  # noqa: FBT001
    """As coding agents send it."""
    ana, good = house.customer(), sell(house, polite)
    with anthropic.Anthropic(
        auth_token=ana.secret, base_url=house.gateway.url, max_retries=0
    ) as client_:
        client_.messages.create(**hello(good, stream=stream))
    assert len(good.door.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_is_sent_again_is_answered_again(house: House, stream: bool):  # noqa: FBT001
    """From what was kept, byte for byte and under its content type, for one charge."""
    ana, good = house.customer(), sell(house, polite)
    first = post(house, ana, hello(good, stream=stream), path=PATH)
    again = post(house, ana, hello(good, stream=stream), path=PATH)

    assert_replayed(first, again)
    assert again.headers["request-id"] == first.headers["request-id"]
    assert len(good.door.requests) == 1
    assert_charged_once(house, ana)
    other = post(house, ana, hello(good, max_tokens=7), path=PATH)
    assert code(other) == (422, "idempotency_key_reused")
    assert other.json()["error"]["type"] == "invalid_request_error"


def test_a_stream_that_was_left_is_charged_once(house: House):
    """The upstream is read to its own count."""
    ana, good = house.customer(), sell(house, polite)
    with client(house, ana) as client_:
        stream = client_.messages.create(**hello(good), stream=True)
        next(iter(stream))
        stream.close()
    row = _charged(house, ana)

    assert (row.cost_nano, row.estimated, house.holds(ana)) == (POLITE_NANO, False, 0)


def _charged(house: House, customer: Customer) -> UsageRow:
    """Wait until the call is charged."""
    for _ in range(1_000):
        if found := house.usage(customer):
            return found[0]
        threading.Event().wait(0.02)
    raise AssertionError("nothing was charged")


def test_an_upstream_that_goes_past_the_limit_is_stopped(house: House):
    """Its stream ends like any other at its length, and costs no more than was held."""
    ana = house.customer()
    begun = STREAM_HEAD + part(start()) + part(opens())
    word = part(delta(type="text_delta", text="and so it goes on and on " * 40))
    good = sell(house, raw(begun + word * 200 + LAST_PART))
    with client(house, ana) as client_:
        events = list(client_.messages.create(**hello(good, max_tokens=10), stream=True))
    (row,) = house.usage(ana)

    assert [event.type for event in events[-3:]] == [
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    last = events[-2]
    assert last.type == "message_delta"
    assert (last.delta.stop_reason, last.usage.output_tokens) == ("max_tokens", row.output_tokens)
    assert row.status == "limited"
    assert row.cost_nano <= row.hold_credits * NANO


def test_nothing_is_held_for_a_body_that_is_refused(house: House):
    """It is refused by the member's name, and no channel hears of it."""
    ana, good = house.customer(), sell(house, polite)
    search = {"type": "web_search_20250305", "name": "web_search"}
    with client(house, ana) as client_, pytest.raises(anthropic.BadRequestError) as raised:
        client_.messages.create(**hello(good, tools=[search]))

    assert json.loads(raised.value.response.content)["error"]["param"] == "tools[0].type"
    assert good.door.requests == []
    house.assert_untouched(ana)
