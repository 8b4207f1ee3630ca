"""Answers that would harm: the operator's trouble, strange names, absurd counts, endless events."""

import json
from typing import Any

import pytest

from grip.providers.json_object import JsonObject
from grip.providers.openai import OpenAIAdapter
from grip.providers.openai.stream import OpenAIStream
from grip.providers.port import ChannelFault, Report, RequestRefused, UpstreamCall

ADAPTER = OpenAIAdapter()
CALL = UpstreamCall(
    path="/chat/completions",
    body=JsonObject(b'{"model":"m"}'),
    model="m",
    stream=False,
    ask_usage=False,
)


def _error(message: str, **members: Any) -> bytes:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return json.dumps({"error": {**error, **members}}).encode()


OPERATORS = [
    _error("Incorrect API key provided: sk-ab***12.", code="invalid_api_key"),
    _error("You exceeded your current quota, please check your plan.", code="insufficient_quota"),
    _error("no", type="insufficient_quota"),
    _error("Your account is not active, please check your billing details.", code="oops"),
    _error("no", code="billing_not_active"),
    _error("Billing hard limit has been reached", code="billing_hard_limit_reached"),
    _error("no", code="account_deactivated"),
    _error("Access denied, please make sure your account is in good standing.", code="Arrearage"),
    _error("Access denied, please make sure your account is in good standing."),
    _error("Your credit balance is too low to access the Anthropic API."),
    _error("Insufficient Balance"),
    _error("no", type="authentication_error", param="key"),
    _error("no", code="AccessDenied.Unpurchased"),
    (
        b'[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.",'
        b'"status":"INVALID_ARGUMENT"}}]'
    ),
    _error("User location is not supported for the API use.", status="FAILED_PRECONDITION"),
    b'{"error":"invalid api key"}',
    b'{"object":"error","message":"no","code":"invalid_api_key"}',
]


@pytest.mark.parametrize("body", OPERATORS)
@pytest.mark.parametrize("status", [400, 422])
def test_trouble_with_the_operators_account_is_the_channels_fault(status: int, body: bytes):
    """The client has no part in it, and another channel may serve the call."""
    assert isinstance(ADAPTER.refusal(status, {}, body), ChannelFault)


CLIENTS = [
    _error("Unsupported value: 'temperature' does not support 0.2", param="temperature"),
    _error("This model's maximum context length is 128000 tokens.", code="context_length_exceeded"),
    _error("Invalid value: 'invalid api key'.", param="messages[0].role"),
    _error("Invalid function name 'credit balance is too low': it has blanks."),
    _error("Invalid function name 'get_account_balance' in tools."),
    _error("Missing required parameter: 'tools[0].function.name'.", param="tools"),
    _error("The response was filtered.", code="content_filter"),
    _error("The safety system refused your prompt.", code="moderation_blocked"),
    _error("insufficient quota of words", param="messages"),
    _error("Your input image may contain content that is not allowed.", type="image_error"),
]


@pytest.mark.parametrize("body", CLIENTS)
def test_a_mistake_in_the_request_reaches_the_client_as_it_is(body: bytes):
    """Also where it quotes words that would be the operator's trouble."""
    refusal = ADAPTER.refusal(400, {}, body)

    assert isinstance(refusal, RequestRefused)
    assert refusal.error == json.loads(body)["error"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"object":"error","message":"too long","type":"BadRequestError","code":400,"x":1}',
        b'[{"error":{"message":"too long"}}]',
        b'{"error":"too long"}',
    ],
)
def test_an_error_in_another_shape_keeps_its_message(body: bytes):
    """As some servers send it."""
    refusal = ADAPTER.refusal(400, {}, body)

    assert isinstance(refusal, RequestRefused)
    assert refusal.error["message"] == "too long"
    assert "x" not in refusal.error


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"upstream 10.0.0.7 refused",
        b"<html>gpu-7.internal</html>",
        b"[]",
        b"7",
        b"{}",
        b'{"error":null}',
        b'{"error":""}',
        b'{"error":{"message":7}}',
        b'{"error":{"host":"gpu-7.internal"}}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_refusal_without_an_error_object_gets_a_sentence_of_grips(body: bytes):
    """For a proxy's page names hosts that are not the client's to know."""
    refusal = ADAPTER.refusal(413, {}, body)

    assert isinstance(refusal, RequestRefused)
    assert refusal.error == {
        "message": "the upstream refused the request with status 413",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_request_error",
    }


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        ("chatcmpl-1", "chatcmpl-1"),
        ("x" * 200, "x" * 200),
        ("x" * 201, None),
        ("", None),
        ("a\0b", None),
        ("a\nb", None),
        ("a\x1bb", None),
        (7, None),
        (None, None),
    ],
)
def test_a_name_of_a_call_that_cannot_be_kept_is_none(found: Any, kept: str | None):
    """PostgreSQL would refuse the row, or a reader of it be misled."""
    chunk = json.dumps({"id": found, "choices": []}).encode()
    (event,) = OpenAIStream().feed(b"data: " + chunk + b"\n\n")

    assert ADAPTER.answer(CALL, chunk).upstream_id == kept
    assert event.upstream_id == kept


@pytest.mark.parametrize("count", [10_000_001, 2_000_000_000, 10**30])
def test_an_absurd_count_is_no_report(count: int):
    """It would prove a charge that empties a wallet."""
    usage = {"prompt_tokens": count, "completion_tokens": 10_000_000}
    answer = json.dumps({"choices": [], "usage": usage}).encode()

    assert ADAPTER.answer(CALL, answer).report == Report(output_tokens=10_000_000)


@pytest.mark.parametrize("boundary", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_a_large_event_in_small_pieces_is_one_event(boundary: bytes):
    """Six megabytes, sixteen bytes at a time: each is looked at once."""
    payload = b'{"id":"c","choices":[{"delta":{"content":"' + b"x" * 6_000_000 + b'"}}]}'
    whole = b"data: " + payload + boundary
    reader = OpenAIStream()
    events = []
    for at in range(0, len(whole), 16):
        events += reader.feed(whole[at : at + 16])

    assert [event.data for event in events] == [whole]
