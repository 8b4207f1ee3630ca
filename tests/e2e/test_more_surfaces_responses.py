"""The Responses API over HTTP, with OpenAI's own client."""

import json
import threading
from typing import Any

import httpx2
import pytest
from openai import APIError, BadRequestError, InternalServerError

from grip.money.amounts import NANO
from grip.money.estimates import text_tokens
from grip.money.pricing import Rates
from grip.store.records import UsageRow
from tests.e2e.house import POLITE_NANO, Customer, Good, House
from tests.e2e.scripts import (
    LAST_PART,
    STREAM_HEAD,
    after,
    endless,
    error_body,
    fails,
    part,
    raw,
    sends,
    streams,
    whole,
)
from tests.e2e.upstream import Script

SAID = "Hello there"
WORDS = ("Hel", "lo", " there")
USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 15,
}
MESSAGE: dict[str, Any] = {
    "id": "msg_fake",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": SAID, "annotations": []}],
}
BEGUN: dict[str, Any] = {
    "id": "resp_fake",
    "object": "response",
    "created_at": 1_700_000_000,
    "status": "in_progress",
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "metadata": {},
    "model": "fake",
    "output": [],
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "usage": None,
}
ENDED = BEGUN | {"status": "completed", "output": [MESSAGE], "usage": USAGE}
FAILED = BEGUN | {"status": "failed", "error": {"code": "server_error", "message": "trouble"}}
PLACE = {"item_id": "msg_fake", "output_index": 0, "content_index": 0}


def _event(number: int, name: str, **members: Any) -> bytes:
    data = json.dumps({"type": name, "sequence_number": number, **members})
    return f"event: {name}\ndata: {data}\n\n".encode()


HEAD = [
    _event(0, "response.created", response=BEGUN),
    _event(1, "response.in_progress", response=BEGUN),
]
TEXT = [
    *HEAD,
    _event(2, "response.output_item.added", output_index=0, item=MESSAGE | {"content": []}),
    _event(
        3,
        "response.content_part.added",
        **PLACE,
        part={"type": "output_text", "text": "", "annotations": []},
    ),
    *(
        _event(number, "response.output_text.delta", **PLACE, delta=word, logprobs=[])
        for number, word in enumerate(WORDS, start=4)
    ),
    _event(7, "response.output_text.done", **PLACE, text=SAID, logprobs=[]),
    _event(8, "response.content_part.done", **PLACE, part=MESSAGE["content"][0]),
    _event(9, "response.output_item.done", output_index=0, item=MESSAGE),
]
END = _event(10, "response.completed", response=ENDED)
SILENT_END = _event(10, "response.completed", response=ENDED | {"usage": None})

BROKEN: dict[str, Script] = {
    "status": fails(500),
    "nothing": raw(),
    "garbage": whole(b"{}"),
    "failed": whole(json.dumps(FAILED).encode()),
    "unfinished": whole(json.dumps(BEGUN).encode()),
    "failed event": streams([*HEAD, _event(2, "response.failed", response=FAILED)]),
    "error event": streams([_event(0, "error", code="oops", message="trouble", param=None)]),
}


def _row(house: House, customer: Customer) -> UsageRow:
    (row,) = house.usage(customer)

    assert house.holds(customer) == 0
    return row


def _post(house: House, customer: Customer, good: Good, **members: Any) -> httpx2.Response:
    return house.post(
        customer, {"model": good.name, "input": "Hello", **members}, path="/v1/responses"
    )


def test_a_response_is_answered_and_charged(house: House):
    """By the upstream's report, its cached tokens at their own price."""
    cached = USAGE | {"input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0}}
    rates = Rates(input_nano=NANO, output_nano=3 * NANO, cached_input_nano=NANO // 4)
    answer = json.dumps(ENDED | {"usage": cached}).encode()
    ana = house.customer()
    good = house.sell(whole(answer), sell=rates, upstream_name="gpt")
    made = ana.client.responses.with_raw_response.create(model=good.name, input="Hello")
    row = _row(house, ana)

    assert made.parse().output_text == SAID
    assert made.headers["x-grip-cost-nano"] == str((6 + 1 + 15) * NANO)
    assert (row.cost_nano, row.estimated, row.cached_input_tokens) == (22 * NANO, False, 4)
    (asked,) = good.door.requests
    assert asked.path.endswith("/v1/responses")
    assert asked.json == {"model": "gpt", "input": "Hello"}


def test_a_response_streams_byte_for_byte(house: House):
    """Nothing is added to what is asked, nor to what is said; its last event comes paid."""
    ana, good = house.customer(), house.sell(streams([*TEXT, END]))
    answer = _post(house, ana, good, stream=True)
    row = _row(house, ana)

    assert answer.content == b"".join([*TEXT, END])
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert good.door.requests[0].json == {"model": good.name, "input": "Hello", "stream": True}
    assert (row.cost_nano, row.estimated, row.status) == (POLITE_NANO, False, "completed")


def test_openais_client_reads_the_stream(house: House):
    """Every event of it, and the whole at its end."""
    ana, good = house.customer(), house.sell(streams([*TEXT, END]))
    with ana.client.responses.stream(model=good.name, input="Hello") as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()

    assert deltas == list(WORDS)
    assert final.output_text == SAID
    assert final.usage is not None
    assert final.usage.output_tokens == 5
    assert _row(house, ana).cost_nano == POLITE_NANO


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_without_usage_is_estimated(
    house: House,
    stream: bool,  # noqa: FBT001
):
    """From what was generated, and marked."""
    silent = json.dumps(ENDED | {"usage": None}).encode()
    script = streams([*TEXT, SILENT_END]) if stream else whole(silent)
    ana, good = house.customer(), house.sell(script)
    assert _post(house, ana, good, stream=stream).status_code == 200
    row = _row(house, ana)

    assert (row.estimated, row.output_tokens) == (True, text_tokens(SAID))
    assert row.input_tokens >= text_tokens("Hello")


def test_an_incomplete_response_is_an_answer(house: House):
    """It came to the client's limit, and is charged."""
    cut = BEGUN | {
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "output": [MESSAGE | {"status": "incomplete"}],
        "usage": USAGE,
    }
    end = _event(10, "response.incomplete", response=cut)
    ana = house.customer()
    streamed, answered = (
        house.sell(streams([*TEXT, end])),
        house.sell(whole(json.dumps(cut).encode())),
    )
    said = _post(house, ana, streamed, stream=True, max_output_tokens=16)

    assert said.content.endswith(end)
    assert _post(house, ana, answered, max_output_tokens=16).json() == cut
    assert [row.cost_nano for row in house.usage(ana)] == [POLITE_NANO] * 2


def test_a_response_ends_where_the_money_does(house: House):
    """As one that came to its length, in the words of the upstream's first event."""
    ana = house.customer(credits_=1500)
    delta = _event(
        4, "response.output_text.delta", **PLACE, delta="and so it goes on ", logprobs=[]
    )
    good = house.sell(
        endless(STREAM_HEAD + b"".join(map(part, TEXT[:4])), part(delta)),
        sell=Rates(input_nano=0, output_nano=NANO),
        max_output=1_000_000,
    )
    *events, last = ana.client.responses.create(model=good.name, input="Hello", stream=True)
    row = _row(house, ana)

    assert events[-1].type == "response.output_text.delta"
    assert last.type == "response.incomplete"
    assert last.sequence_number == len(events)
    assert (last.response.id, last.response.model) == ("resp_fake", "fake")
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"
    assert last.response.usage is not None
    assert last.response.usage.output_tokens == row.output_tokens
    assert last.response.usage.input_tokens == row.input_tokens
    assert (row.status, row.estimated) == ("limited", True)
    assert 1400 * NANO < row.cost_nano <= 1500 * NANO
    assert good.door.left.wait(30)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
def test_a_response_that_fails_costs_nothing(
    house: House,
    script: Script,
    stream: bool,  # noqa: FBT001
):
    """Also where the upstream has begun to wait; then the next channel has its turn."""
    ana, good = house.customer(), house.sell(script)
    with pytest.raises(InternalServerError, match="no channel completed the request"):
        ana.client.responses.create(model=good.name, input="Hello", stream=stream)
    house.assert_untouched(ana)

    answer = streams([*TEXT, END]) if stream else whole(json.dumps(ENDED).encode())
    other = house.sell(script, answer)
    assert _post(house, ana, other, stream=stream).status_code == 200
    assert other.calls == [1, 1]
    assert _row(house, ana).cost_nano == POLITE_NANO


@pytest.mark.parametrize(
    "rest",
    [
        part(_event(7, "response.failed", response=FAILED)) + LAST_PART,
        part(_event(7, "error", code="server_error", message="trouble", param=None)) + LAST_PART,
        LAST_PART,
    ],
    ids=["failed", "error", "cut"],
)
def test_a_stream_that_breaks_off_is_told_and_costs_nothing(house: House, rest: bytes):
    """The client knows it from an answer that has ended; the operator's trouble is not told."""
    begun, go_on = STREAM_HEAD + b"".join(map(part, TEXT[:7])), threading.Event()
    ana, good = house.customer(), house.sell(after(begun, go_on, sends(rest)))
    heard: list[str] = []
    with pytest.raises(APIError, match="nothing was charged"):
        for event in ana.client.responses.create(model=good.name, input="Hello", stream=True):
            heard.append(event.type)
            go_on.set()

    assert heard.count("response.output_text.delta") == len(WORDS)
    house.assert_untouched(ana)


def test_what_the_upstream_says_of_the_request_reaches_the_client(house: House):
    """With its status."""
    said = whole(error_body("Unsupported parameter: top_p", "unsupported_parameter"), status=400)
    ana, good = house.customer(), house.sell(said)
    with pytest.raises(BadRequestError, match="Unsupported parameter"):
        ana.client.responses.create(model=good.name, input="a", top_p=0.5)
    house.assert_untouched(ana)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"background": True}, "background"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}, "tools"),
        ({"previous_response_id": "resp_0"}, "previous_response_id"),
        ({"input": [{"type": "item_reference", "id": "msg_0"}]}, "input[0]"),
    ],
)
def test_what_cannot_be_metered_or_is_not_the_customer_s_is_refused_by_name(
    house: House, members: dict[str, Any], param: str
):
    """Before anybody is called."""
    ana, good = house.customer(), house.sell(whole(json.dumps(ENDED).encode()))
    answer = _post(house, ana, good, **members)
    error = answer.json()["error"]

    assert (answer.status_code, error["code"], error["param"]) == (
        400,
        "invalid_request_error",
        param,
    )
    assert good.calls == [0]
    house.assert_untouched(ana)


def test_the_same_call_again_is_answered_as_before(house: House):
    """A stream too, with its last event, and charged once."""
    ana, good = house.customer(), house.sell(streams([*TEXT, END]))
    headers = {"authorization": f"Bearer {ana.secret}", "idempotency-key": "again"}
    body = {"model": good.name, "input": "Hello", "stream": True}
    first, second = (house.http.post("/v1/responses", json=body, headers=headers) for _ in range(2))

    assert first.content == second.content == b"".join([*TEXT, END])
    assert second.headers["idempotent-replayed"] == "true"
    assert _row(house, ana).cost_nano == POLITE_NANO
    assert good.calls == [1]
