"""Completions, moderations and rerank over HTTP, with the official client where it knows them."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from openai import BadRequestError, InternalServerError
from openai.types import ModerationTextInputParam

from grip.money.amounts import NANO
from grip.money.estimates import text_tokens
from grip.money.pricing import Rates
from grip.store.records import UsageRow
from tests.e2e.house import POLITE_NANO, Customer, Good, House
from tests.e2e.scripts import (
    DONE,
    STREAM_HEAD,
    USAGE,
    WORDS,
    endless,
    event,
    fails,
    part,
    raw,
    streams,
    whole,
)
from tests.e2e.upstream import Script

SAID = "".join(WORDS)
PER_REQUEST = Rates(request_nano=2 * NANO)
PER_TOKEN = Rates(input_nano=NANO)


def _completion(text: str | None = SAID, **members: Any) -> bytes:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": None}
    made = {"id": "cmpl-fake", "object": "text_completion", "created": 1_700_000_000}
    return json.dumps(
        made | {"model": "fake", "choices": [] if text is None else [choice]} | members
    ).encode()


def _ended(usage: Mapping[str, Any] | None = USAGE, text: str = SAID) -> bytes:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": "stop"}
    told: dict[str, Any] = {} if usage is None else {"usage": usage}
    return _completion(choices=[choice], **told)


PIECES = [event(_completion(word)) for word in WORDS]
TOLD = event(_completion(None, usage=USAGE))
POLITE: list[Script] = [streams([*PIECES, TOLD, DONE])]
MODERATION = {
    "id": "modr-fake",
    "model": "omni-moderation-latest",
    "results": [{"flagged": True, "categories": {}, "category_scores": {}}],
}
TEXT_PART: ModerationTextInputParam = {"type": "text", "text": "I hate it"}
RERANKED = {
    "id": "rerank-fake",
    "model": "fake",
    "results": [{"index": 1, "relevance_score": 0.98}],
}

BROKEN: dict[str, Script] = {
    "status": fails(503),
    "nothing": raw(),
    "garbage": whole(b"{}"),
    "error": whole(b'{"error":{"message":"trouble"}}'),
}


def _row(house: House, customer: Customer) -> UsageRow:
    """Return the only charge, with which the wallet agrees."""
    (row,) = house.usage(customer)
    wallet = house.wallet(customer)

    assert house.holds(customer) == 0
    assert (1_000_000 - wallet.balance) * NANO + wallet.carry_nano == row.cost_nano
    return row


def _sell(house: House, script: Script, kind: str, sell: Rates) -> Good:
    return house.sell(script, kind=kind, sell=sell, channel={"types": [kind]})


def test_a_completion_is_answered_and_charged(house: House):
    """By the upstream's report, and asked for in the client's own words."""
    ana, good = house.customer(), house.sell(whole(_ended()), upstream_name="davinci")
    made = ana.client.completions.with_raw_response.create(model=good.name, prompt="Hello", n=1)
    row = _row(house, ana)

    assert made.parse().choices[0].text == SAID
    assert made.headers["x-grip-cost-nano"] == str(POLITE_NANO)
    assert (row.cost_nano, row.estimated, row.input_tokens, row.output_tokens) == (
        POLITE_NANO,
        False,
        10,
        5,
    )
    (asked,) = good.door.requests
    assert asked.path.endswith("/v1/completions")
    assert asked.json == {"model": "davinci", "prompt": "Hello", "n": 1}


def test_a_completion_streams_without_the_usage_that_nobody_asked_for(house: House):
    """Grip asks for it all the same."""
    ana, good = house.customer(), house.sell(*POLITE)
    body = {"model": good.name, "prompt": "Hello", "stream": True}
    answer = house.post(ana, body, path="/v1/completions")

    assert answer.content == b"".join(PIECES) + DONE
    assert good.door.requests[0].json["stream_options"] == {"include_usage": True}
    row = _row(house, ana)
    assert (row.cost_nano, row.estimated, row.status) == (POLITE_NANO, False, "completed")


def test_a_completion_that_streams_tells_its_cost_where_the_usage_is_wanted(house: House):
    """In the upstream's own chunk."""
    ana, good = house.customer(), house.sell(*POLITE)
    *text, last = ana.client.completions.create(
        model=good.name, prompt="Hello", stream=True, stream_options={"include_usage": True}
    )

    assert "".join(chunk.choices[0].text for chunk in text) == SAID
    assert last.usage is not None
    assert last.usage.completion_tokens == 5
    assert last.usage.model_extra == {"cost_nano": POLITE_NANO}
    assert _row(house, ana).cost_nano == POLITE_NANO


@pytest.mark.parametrize("stream", [False, True])
def test_a_completion_without_usage_is_estimated(
    house: House,
    stream: bool,  # noqa: FBT001
):
    """From its text, and marked."""
    script = streams([*PIECES, event(_ended(None, "")), DONE]) if stream else whole(_ended(None))
    ana, good = house.customer(), house.sell(script)
    body = {"model": good.name, "prompt": "Hello", "stream": stream}
    assert house.post(ana, body, path="/v1/completions").status_code == 200
    row = _row(house, ana)

    assert (row.estimated, row.output_tokens) == (True, text_tokens(SAID))
    assert row.input_tokens == text_tokens("Hello")


@pytest.mark.parametrize("stream", [False, True])
def test_an_echo_is_not_charged_as_output(
    house: House,
    stream: bool,  # noqa: FBT001
):
    """Where nobody reports, what the answer repeats of the prompt is taken off."""
    prompt = "Once upon a time there was a king who had three daughters. " * 200
    said = prompt + SAID
    script = streams([event(_ended(None, said)), DONE]) if stream else whole(_ended(None, said))
    ana, good = house.customer(), house.sell(script)
    body = {"model": good.name, "prompt": prompt, "echo": True, "max_tokens": 5, "stream": stream}
    answer = house.post(ana, body, path="/v1/completions")
    row = _row(house, ana)

    assert answer.status_code == 200
    assert (row.status, row.estimated) == ("completed", True)
    assert row.output_tokens <= text_tokens(SAID) + 2
    assert row.input_tokens == text_tokens(prompt)


def test_a_completion_ends_where_the_money_does(house: House):
    """Every choice that is shown is told its length."""
    ana = house.customer(credits_=1500)
    good = house.sell(
        endless(STREAM_HEAD, part(event(_completion("and so it goes on ")))),
        sell=Rates(input_nano=0, output_nano=NANO),
        max_output=1_000_000,
    )
    chunks = list(ana.client.completions.create(model=good.name, prompt="Hello", stream=True))
    (row,) = house.usage(ana)

    assert [choice.finish_reason for choice in chunks[-1].choices] == ["length"]
    assert (chunks[-1].object, chunks[-1].id) == ("text_completion", "cmpl-fake")
    assert (row.status, row.estimated) == ("limited", True)
    assert 1400 * NANO < row.cost_nano <= 1500 * NANO
    assert house.holds(ana) == 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
def test_a_completion_that_fails_costs_nothing(
    house: House,
    script: Script,
    stream: bool,  # noqa: FBT001
):
    """And the next channel has its turn."""
    ana, good = house.customer(), house.sell(script)
    with pytest.raises(InternalServerError, match="no channel completed the request"):
        ana.client.completions.create(model=good.name, prompt="Hello", stream=stream)
    house.assert_untouched(ana)

    other = house.sell(script, whole(_ended()))
    ana.client.completions.create(model=other.name, prompt="Hello")
    assert other.calls == [1, 1]


def test_a_moderation_has_its_price_for_a_request(house: House):
    """OpenAI reports no tokens of it."""
    ana, good = (
        house.customer(),
        _sell(house, whole(json.dumps(MODERATION).encode()), "moderation", PER_REQUEST),
    )
    made = ana.client.moderations.with_raw_response.create(model=good.name, input="I hate it")
    row = _row(house, ana)

    assert made.parse().results[0].flagged is True
    assert made.headers["x-grip-cost-nano"] == str(2 * NANO)
    assert (row.cost_nano, row.output_tokens, row.status) == (2 * NANO, 0, "completed")
    assert good.door.requests[0].path.endswith("/v1/moderations")


def test_a_moderation_may_have_a_price_for_its_tokens(house: House):
    """Those that are reported, or else an estimate that is marked."""
    usage = {"prompt_tokens": 11, "completion_tokens": 0, "total_tokens": 11}
    bodies = (MODERATION | {"usage": usage}, MODERATION)
    told, silent = (
        _sell(house, whole(json.dumps(body).encode()), "moderation", PER_TOKEN) for body in bodies
    )
    ana, bob = house.customer(), house.customer()
    ana.client.moderations.create(model=told.name, input=["I hate it", "so much"])
    bob.client.moderations.create(model=silent.name, input=[TEXT_PART])

    assert (_row(house, ana).cost_nano, _row(house, ana).estimated) == (11 * NANO, False)
    row = _row(house, bob)
    assert (row.estimated, row.cost_nano) == (True, row.input_tokens * NANO)
    assert row.input_tokens >= text_tokens("I hate it")


@pytest.mark.parametrize(
    ("found", "nano", "estimated"),
    [
        ({"usage": {"total_tokens": 38}}, 38 * NANO, False),
        ({"meta": {"tokens": {"input_tokens": 27}}}, 27 * NANO, False),
        ({"meta": {"billed_units": {"search_units": 1}}}, None, True),
    ],
)
def test_rerank_is_charged_by_its_tokens(
    house: House,
    found: dict[str, Any],
    nano: int | None,
    estimated: bool,  # noqa: FBT001
):
    """Wherever an upstream counts them; where it does not, by an estimate that is marked."""
    answer = json.dumps(RERANKED | found).encode()
    ana, good = house.customer(), _sell(house, whole(answer), "rerank", PER_TOKEN)
    body = {
        "model": good.name,
        "query": "capital?",
        "documents": ["Rome", {"text": "Paris"}],
        "top_n": 1,
    }
    made = house.post(ana, body, path="/v1/rerank")
    row = _row(house, ana)

    assert made.content == answer
    assert made.headers["x-grip-cost-nano"] == str(row.cost_nano)
    assert good.door.requests[0].json == body
    assert row.estimated is estimated
    assert row.cost_nano == (row.input_tokens * NANO if nano is None else nano)
    assert row.input_tokens > 4


def test_rerank_may_have_a_price_for_a_request(house: House):
    """As Cohere sells it."""
    ana = house.customer()
    good = _sell(house, whole(json.dumps(RERANKED).encode()), "rerank", PER_REQUEST)
    body = {"model": good.name, "query": "capital?", "documents": ["Rome", "Paris"]}

    assert house.post(ana, body, path="/v1/rerank").status_code == 200
    assert _row(house, ana).cost_nano == 2 * NANO


BODIES: dict[str, dict[str, Any]] = {
    "moderation": {"input": "I hate it"},
    "rerank": {"query": "capital?", "documents": ["Rome"]},
}
PATHS = {"moderation": "/v1/moderations", "rerank": "/v1/rerank"}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
def test_what_fails_costs_nothing(house: House, kind: str, script: Script):
    """The operator's trouble is not told."""
    ana, good = house.customer(), _sell(house, script, kind, PER_TOKEN)
    answer = house.post(ana, {"model": good.name, **BODIES[kind]}, path=PATHS[kind])

    assert answer.status_code == 503
    assert b"trouble" not in answer.content
    house.assert_untouched(ana)


@pytest.mark.parametrize("kind", BODIES)
def test_who_cannot_pay_is_told_before_anybody_is_called(house: House, kind: str):
    """What the input may cost is held first."""
    ana, good = house.customer(credits_=1), _sell(house, whole(b"{}"), kind, PER_TOKEN)
    answer = house.post(ana, {"model": good.name, **BODIES[kind]}, path=PATHS[kind])

    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "insufficient_credits")
    assert good.calls == [0]


@pytest.mark.parametrize("path", ["/v1/moderations", "/v1/rerank"])
def test_a_model_of_another_type_is_not_served(house: House, path: str):
    """The route says what it serves."""
    ana, good = house.customer(), house.sell(whole(b"{}"))
    body = {"model": good.name, "input": "a", "query": "a", "documents": ["a"]}
    answer = house.post(ana, body, path=path)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "model")
    house.assert_untouched(ana)


def test_what_is_wrong_with_a_completion_is_said_by_name(house: House):
    """Before anything is held."""
    ana, good = house.customer(), house.sell(whole(_ended()))
    with pytest.raises(BadRequestError) as raised:
        ana.client.completions.create(model=good.name, prompt="a", best_of=0)

    assert (raised.value.param, raised.value.code) == ("best_of", "invalid_request_error")
    house.assert_untouched(ana)
