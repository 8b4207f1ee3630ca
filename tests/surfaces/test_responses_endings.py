"""The last event of a response that grip stops because the money ends."""

import json
from typing import Any

import pytest
from openai.types.responses import Response

from grip.gateway.call import Call, Told
from grip.money.pricing import Usage
from grip.providers.json_object import JsonObject
from grip.web.surfaces import responses
from grip.web.surfaces.responses_ending import ResponsesEnding

USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 15,
}


def _call() -> Call:
    body = JsonObject(b'{"model":"mine","input":"Hi","stream":true}')
    return responses.parse(body, request_id="r", key_hash="k", ip="i")


def _ended(head: bytes) -> dict[str, Any]:
    told = Told(
        stream_id="resp_1",
        created_s=7,
        usage_payload=None,
        input_tokens=10,
        output_tokens=5,
        head=head,
        events=4,
    )
    said = ResponsesEnding().length(_call(), told)
    name, data, *rest = said.split(b"\n")
    assert (name, rest) == (b"event: response.incomplete", [b"", b""])
    made: dict[str, Any] = json.loads(data.removeprefix(b"data: "))
    return made


def test_it_is_the_response_that_the_first_event_showed():
    """But for why it ended, and what it used."""
    begun: dict[str, Any] = {
        "id": "resp_9",
        "status": "in_progress",
        "usage": None,
        "incomplete_details": None,
        "output": [],
        "x": {"y": "é"},
    }
    head = json.dumps({"type": "response.created", "response": begun}, indent=1).encode()
    made = _ended(head)

    assert (made["type"], made["sequence_number"]) == ("response.incomplete", 4)
    assert made["response"] == begun | {
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "usage": USAGE,
    }


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"{}",
        b"nonsense",
        b'{"response":1}',
        b'{"response":{}}',
        b'{"response":null}',
        b'{"response":{"id":"a","id":"b"}}',
        b'{"response":{"id":"a"},"response":{"id":"a"}}',
        b'{"response":{"id":"\xff"}}',
    ],
)
def test_without_a_first_event_that_can_be_read_it_is_one_of_our_own(head: bytes):
    """Complete, as OpenAI's client reads it."""
    made = _ended(head)
    read = Response.model_validate(made["response"], strict=True)

    assert (read.id, read.model, read.status) == ("resp_1", "mine", "incomplete")
    assert read.incomplete_details is not None
    assert read.incomplete_details.reason == "max_output_tokens"
    assert made["response"]["usage"] == USAGE


def test_there_is_nothing_after_it():
    """This wire knows no `[DONE]`, and no usage of its own."""
    ending = ResponsesEnding()
    told = Told(stream_id="resp_1", created_s=7, usage_payload=None)

    assert (ending.end, ending.usage(_call(), told, Usage(), 9)) == (b"", b"")
