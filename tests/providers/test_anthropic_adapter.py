"""What Anthropic's adapter sends for Anthropic's own clients, and what it makes of answers."""

import json
from typing import Any

import pytest

from grip.errors import InvalidRequest
from grip.providers.anthropic import AnthropicAdapter
from grip.providers.anthropic.stream import AnthropicStream
from grip.providers.json_object import JsonObject
from grip.providers.port import Adapter, ChannelFault, Report, RequestRefused, Target, UpstreamCall

ADAPTER: Adapter = AnthropicAdapter({})
TARGET = Target(base_url="https://api.anthropic.com/v1", secret="s")

# In the shape of Claude API reference, "Create a Message".
MESSAGE = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-5",
    "content": [
        {"type": "thinking", "thinking": "Hm. ", "signature": "EqQBCgIYAhIM"},
        {"type": "redacted_thinking", "data": "EmwKAhgB"},
        {"type": "text", "text": "Hi ", "citations": None},
        {"type": "tool_use", "id": "toolu_01", "name": "look", "input": {"at": [1]}},
        {"type": "server_tool_use", "id": "srvtoolu_01", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_01", "content": []},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 3,
        "cache_creation_input_tokens": 20,
        "cache_read_input_tokens": 100,
        "output_tokens": 7,
        "service_tier": "standard",
    },
}


def _call(
    body: bytes = b'{"model":"m"}',
    *,
    path: str = "/messages",
    model: str = "m",
    stream: bool = False,
    headers: tuple[tuple[str, str], ...] = (),
) -> UpstreamCall:
    return UpstreamCall(
        path=path,
        body=JsonObject(body),
        model=model,
        stream=stream,
        ask_usage=stream,
        headers=headers,
    )


def _error(kind: str, message: str, **details: Any) -> bytes:
    error = {"type": kind, "message": message, **({"details": details} if details else {})}
    return json.dumps({"type": "error", "error": error, "request_id": "req_01"}).encode()


def test_it_serves_anthropics_own_routes():
    """And those of the clients that it is given."""
    assert ADAPTER.paths == {"/messages", "/messages/count_tokens"}


@pytest.mark.parametrize("path", ["/messages", "/messages/count_tokens"])
def test_a_message_that_needs_no_change_is_sent_as_it_is(path: str):
    """The same bytes, with the channel's secret and a version."""
    body = b'{ "model" : "m", "x": 1e3, "\\u0061": 1.0}'
    request = ADAPTER.request(_call(body, path=path), TARGET)

    assert (request.method, request.url) == ("POST", "https://api.anthropic.com/v1" + path)
    assert request.body is body
    assert dict(request.headers) == {
        "content-type": "application/json",
        "accept": "application/json",
        "anthropic-version": "2023-06-01",
        "x-api-key": "s",
    }


def test_a_mapped_model_is_all_that_changes_in_a_message():
    """Not even the usage is asked for, which Anthropic tells unasked."""
    body = b'{"a":1.0, "model":\t"m" ,"stream":true}'
    request = ADAPTER.request(_call(body, model="up", stream=True), TARGET)

    assert request.body == b'{"a":1.0, "model":\t"up" ,"stream":true}'
    assert dict(request.headers)["accept"] == "text/event-stream"


def test_the_clients_version_and_betas_go_along():
    """And nothing else that a client sends."""
    headers = (
        ("Anthropic-Beta", "a-1,b-2"),
        ("anthropic-beta", "c-3"),
        ("anthropic-version", "2023-01-01"),
        ("x-api-key", "the client's own"),
        ("cookie", "c"),
    )
    sent = dict(ADAPTER.request(_call(headers=headers), TARGET).headers)

    assert sent["anthropic-beta"] == "a-1,b-2,c-3"
    assert sent["anthropic-version"] == "2023-01-01"
    assert sent["x-api-key"] == "s"
    assert "cookie" not in sent


def test_an_anthropic_channel_without_a_secret_sends_none():
    """Nobody else's either."""
    request = ADAPTER.request(_call(), Target(base_url="u", secret=None))

    assert "x-api-key" not in dict(request.headers)


def test_a_route_without_a_wire_is_refused():
    """It names the route."""
    with pytest.raises(InvalidRequest, match="/chat/completions"):
        ADAPTER.request(_call(path="/chat/completions"), TARGET)


def test_an_answer_goes_through_as_it_is():
    """What it generated and used is read from it."""
    body = json.dumps(MESSAGE).encode()
    answer = ADAPTER.answer(_call(), body)

    assert answer.body is body
    assert answer.text == 'Hm. Hi look{"at": [1]}web_search'
    assert answer.upstream_id == "msg_01"
    assert answer.report == Report(
        input_tokens=123, output_tokens=7, cached_input_tokens=100, cache_write_tokens=20
    )


@pytest.mark.parametrize(
    ("usage", "report"),
    [
        (None, Report()),
        ("many", Report()),
        ({}, Report()),
        ({"input_tokens": 0, "output_tokens": 0}, Report(input_tokens=0, output_tokens=0)),
        ({"input_tokens": -1, "output_tokens": 1.5}, Report()),
        ({"input_tokens": True, "output_tokens": 10**12}, Report()),
        ({"cache_read_input_tokens": 9, "output_tokens": 2}, Report(output_tokens=2)),
        (
            {"input_tokens": 1, "cache_read_input_tokens": "9", "output_tokens": 2},
            Report(input_tokens=1, output_tokens=2),
        ),
    ],
)
def test_a_report_is_what_makes_sense_of_a_messages_usage(usage: Any, report: Report):
    """What does not counts as not said."""
    body = json.dumps({**MESSAGE, "usage": usage}).encode()

    assert ADAPTER.answer(_call(), body).report == report


def test_a_count_of_tokens_goes_through_and_costs_nothing():
    """Zero, and not an estimate."""
    body = b'{"input_tokens": 2095, "context_management": {"original_input_tokens": 2095}}'
    answer = ADAPTER.answer(_call(path="/messages/count_tokens"), body)

    assert answer.body is body
    assert answer.report == Report(input_tokens=0, output_tokens=0)
    assert (answer.text, answer.upstream_id) == ("", None)


@pytest.mark.parametrize("path", ["/messages", "/messages/count_tokens"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b"[]",
        b"null",
        b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
        b'{"error":"no","content":[],"input_tokens":1}',
        b'{"content": 7, "input_tokens": "x"}',
        b'{"content": [7]}',
        b"\xff",
        b'{"content":[' + b"[" * 100_000,
    ],
)
def test_a_success_that_is_no_message_is_the_channels_fault(path: str, body: bytes):
    """Garbage, or an error in disguise."""
    with pytest.raises(ChannelFault):
        ADAPTER.answer(_call(path=path), body)


def test_a_message_is_streamed_in_its_own_events():
    """Without a translation."""
    assert isinstance(ADAPTER.stream(_call(stream=True)), AnthropicStream)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_wrong_with_a_message_reaches_the_client(status: int):
    """With Anthropic's own error, and the members that OpenAI's clients look for."""
    refusal = ADAPTER.refusal(status, {}, _error("invalid_request_error", "max_tokens: too big"))

    assert isinstance(refusal, RequestRefused)
    assert (refusal.status, refusal.error) == (
        status,
        {
            "type": "invalid_request_error",
            "message": "max_tokens: too big",
            "param": None,
            "code": "invalid_request_error",
        },
    )


def test_the_code_of_an_error_reaches_the_client():
    """Programs should branch on it rather than on the sentence."""
    body = _error("invalid_request_error", "no", error_code="image_dimensions_too_large", paths=[])
    refusal = ADAPTER.refusal(400, {}, body)

    assert isinstance(refusal, RequestRefused)
    assert refusal.error["code"] == "image_dimensions_too_large"
    assert refusal.error["details"] == {"error_code": "image_dimensions_too_large", "paths": []}


def test_a_refusal_without_a_type_gets_one():
    """Clients look for it."""
    refusal = ADAPTER.refusal(
        400, {}, b'{"error":{"message":"no","type":7,"code":"c","param":"p"}}'
    )

    assert isinstance(refusal, RequestRefused)
    assert refusal.error == {
        "message": "no",
        "type": "invalid_request_error",
        "code": "c",
        "param": "p",
    }


@pytest.mark.parametrize("body", [b"", b"<html>nginx at 10.0.0.7</html>", b"\xff", b"[]", b"{}"])
def test_a_refusal_that_no_api_wrote_shows_nothing_of_itself(body: bytes):
    """A proxy's page may name hosts that are not public."""
    refusal = ADAPTER.refusal(413, {}, body)

    assert isinstance(refusal, RequestRefused)
    assert refusal.error["type"] == "invalid_request_error"
    assert "413" in str(refusal.error["message"])


@pytest.mark.parametrize(
    "body",
    [
        _error(
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & "
            "Billing to upgrade or purchase credits.",
        ),
        _error(
            "invalid_request_error",
            "You have reached your specified API usage limits. You will regain access on "
            "2026-12-01 at 00:00 UTC.",
        ),
        _error(
            "invalid_request_error", "You have reached your specified workspace API usage limits."
        ),
        _error("invalid_request_error", "This organization has been disabled."),
        _error("invalid_request_error", "no", error_code="organization_on_hold"),
        _error("invalid_request_error", "no", error_code="cmek_key_disabled"),
        _error("invalid_request_error", "no", error_code="parent_organization_required"),
        _error("invalid_request_error", "no", error_code="enforced_spend_limit_reached"),
        _error("authentication_error", "invalid x-api-key"),
        _error("permission_error", "no"),
        _error("billing_error", "no"),
    ],
)
def test_a_400_about_the_operators_account_is_the_channels_fault(body: bytes):
    """The client never sees the operator's trouble."""
    fault = ADAPTER.refusal(400, {}, body)

    assert isinstance(fault, ChannelFault)
    assert fault.reason == "status_400"


@pytest.mark.parametrize(
    "message",
    [
        "messages.0.content: this organization has been disabled, says the client",
        "tools.3: `billing` is not active",
        "prompt is too long: 200001 tokens > 200000 maximum",
        "`temperature` is deprecated for this model.",
    ],
)
def test_words_of_the_clients_own_do_not_make_it_the_operators(message: str):
    """They stand in the middle, or in quotes."""
    assert isinstance(
        ADAPTER.refusal(400, {}, _error("invalid_request_error", message)), RequestRefused
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (408, "timeout_error"),
        (409, "conflict_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_every_other_status_of_anthropics_is_the_channels_fault(status: int, kind: str):
    """It says which, and how long the upstream asks to wait."""
    fault = ADAPTER.refusal(status, {"retry-after": "7"}, _error(kind, "no"))

    assert isinstance(fault, ChannelFault)
    assert (fault.reason, fault.retry_after_s) == (f"status_{status}", 7)


@pytest.mark.parametrize("wait", ["", "soon", "-1", "1.5", "²", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_wait_of_an_overloaded_upstream_that_is_no_number_is_none(wait: str):
    """It is only advice."""
    fault = ADAPTER.refusal(529, {"retry-after": wait}, b"")

    assert isinstance(fault, ChannelFault)
    assert fault.retry_after_s is None
