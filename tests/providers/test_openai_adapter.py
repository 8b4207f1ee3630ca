"""What OpenAI's adapter puts on the wire, and what it makes of answers."""

import json
from typing import Any

import pytest

from grip.providers.json_object import JsonObject
from grip.providers.openai import OpenAIAdapter
from grip.providers.port import ChannelFault, Report, RequestRefused, Target, UpstreamCall

ADAPTER = OpenAIAdapter()
TARGET = Target(base_url="http://u/v1", secret="s")


def _call(
    body: bytes, *, model: str = "m", stream: bool = False, ask: bool = False
) -> UpstreamCall:
    return UpstreamCall(
        path="/chat/completions", body=JsonObject(body), model=model, stream=stream, ask_usage=ask
    )


def test_a_body_that_needs_no_change_is_sent_as_it_is():
    """The same bytes, with the channel's secret."""
    body = b'{ "model" : "m", "x": 1e3, "\\u0061": 1.0}'
    request = ADAPTER.request(_call(body), TARGET)

    assert (request.method, request.url) == ("POST", "http://u/v1/chat/completions")
    assert request.body is body
    assert dict(request.headers)["authorization"] == "Bearer s"


def test_a_mapped_model_is_all_that_changes():
    """In its place."""
    request = ADAPTER.request(_call(b'{"a":1.0, "model":\t"m" ,"b":2}', model="up"), TARGET)

    assert request.body == b'{"a":1.0, "model":\t"up" ,"b":2}'


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b'{"model":"m"}', b'{"model":"m","stream_options":{"include_usage":true}}'),
        (
            b'{"model":"m", "stream_options": null}',
            b'{"model":"m", "stream_options": {"include_usage":true}}',
        ),
        (
            b'{"stream_options":{"include_usage" : false, "x":1e3},"model":"m"}',
            b'{"stream_options":{"include_usage" : true, "x":1e3},"model":"m"}',
        ),
        (
            b'{"stream_options":{ "x": null, "y": 1e30 },"model":"m"}',
            b'{"stream_options":{ "x": null, "y": 1e30 ,"include_usage":true},"model":"m"}',
        ),
    ],
)
def test_usage_is_asked_for_without_touching_other_options(sent: bytes, expected: bytes):
    """Their spelling stays as it is."""
    assert ADAPTER.request(_call(sent, stream=True, ask=True), TARGET).body == expected


def test_a_channel_without_a_secret_sends_none():
    """Nobody else's either."""
    request = ADAPTER.request(_call(b'{"model":"m"}'), Target(base_url="u", secret=None))

    assert "authorization" not in dict(request.headers)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_wrong_with_the_request_reaches_the_client(status: int):
    """With the upstream's own error object."""
    body = b'{"error":{"message":"too long","type":"t","param":"p","code":"c"}}'
    refusal = ADAPTER.refusal(status, {}, body)

    assert isinstance(refusal, RequestRefused)
    assert refusal.status == status
    assert refusal.error["message"] == "too long"


@pytest.mark.parametrize("status", [301, 401, 402, 403, 404, 408, 409, 418, 429, 500, 503, 599])
def test_every_other_status_is_the_channels_fault(status: int):
    """It says which."""
    fault = ADAPTER.refusal(status, {"retry-after": "7"}, b"no")

    assert isinstance(fault, ChannelFault)
    assert (fault.reason, fault.retry_after_s) == (f"status_{status}", 7)


@pytest.mark.parametrize("wait", ["", "soon", "-1", "1.5", "²", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_wait_that_is_no_number_of_seconds_is_none(wait: str):
    """It is only advice."""
    fault = ADAPTER.refusal(429, {"retry-after": wait}, b"")

    assert isinstance(fault, ChannelFault)
    assert fault.retry_after_s is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b"[]",
        b"null",
        b'{"error":{"message":"no"}}',
        b'{"error":"no","choices":[]}',
        b'{"choices": 7}',
        b'{"data": {}}',
        b"\xff",
        b'{"choices":[' + b"[" * 100_000,
    ],
)
def test_a_success_that_is_none_is_the_channels_fault(body: bytes):
    """Garbage, or an error in disguise."""
    with pytest.raises(ChannelFault):
        ADAPTER.answer(_call(b'{"model":"m"}'), body)


@pytest.mark.parametrize(
    ("usage", "report"),
    [
        (None, Report()),
        ("many", Report()),
        ({}, Report()),
        ({"prompt_tokens": 1, "completion_tokens": 2}, Report(input_tokens=1, output_tokens=2)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Report(input_tokens=0, output_tokens=0)),
        ({"prompt_tokens": -1, "completion_tokens": 1.5}, Report()),
        ({"prompt_tokens": True, "completion_tokens": 10**12}, Report()),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": 4},
            },
            Report(input_tokens=9, output_tokens=2, cached_input_tokens=4),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": 7},
            Report(input_tokens=9, output_tokens=2),
        ),
    ],
)
def test_a_report_is_what_makes_sense_of_the_usage(usage: Any, report: Report):
    """What does not counts as not said."""
    body = {"choices": [{"message": {"content": "hi"}}], "usage": usage}
    found = ADAPTER.answer(_call(b'{"model":"m"}'), json.dumps(body).encode())

    assert (found.report, found.text) == (report, "hi")
