"""Gemini's whole answers, and what is none."""

import json

import pytest

from grip.providers.conversation import (
    Completion,
    Text,
    Thought,
    ToolCall,
)
from grip.providers.gemini import wire
from grip.providers.port import (
    ChannelFault,
    Report,
    RequestRefused,
    Target,
)
from tests.providers.gemini_recorded import (
    ADAPTER,
    BLOCKED,
    CALL,
    TEXT,
    USAGE,
    answer_of,
    as_events,
    completion_of,
    deltas_of,
    upstream_call,
)


def test_a_call_becomes_a_request_of_its_model():
    """The secret goes in Google's own header, and the stream is asked for as events."""
    target = Target(base_url="https://g.example/v1beta", secret="s3cret")

    whole = ADAPTER.request(upstream_call(), target)
    stream = ADAPTER.request(upstream_call(stream=True), target)

    base = "https://g.example/v1beta/models/gemini-3-pro-preview"
    assert whole.method == "POST"
    assert whole.url == f"{base}:generateContent"
    assert dict(whole.headers) == {
        "content-type": "application/json",
        "accept": "application/json",
        "x-goog-api-key": "s3cret",
    }
    assert json.loads(whole.body) == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    assert stream.url == f"{base}:streamGenerateContent?alt=sse"
    assert stream.body == whole.body
    assert dict(stream.headers)["accept"] == "text/event-stream"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/gemini-2.0", "models/gemini-2.0"),
        ("tunedModels/mine-1", "tunedModels/mine-1"),
        ("a b?c#d", "models/a%20b%3Fc%23d"),
    ],
)
def test_a_models_name_stays_within_its_path(model: str, path: str):
    """One that names its collection is not put into another."""
    url = ADAPTER.request(
        upstream_call(model=model), Target(base_url="https://g.example", secret=None)
    ).url

    assert url == f"https://g.example/{path}:generateContent"


def test_the_adapter_serves_what_it_was_given_and_embeddings():
    """Its paths are those of the clients whose wires it knows."""
    assert ADAPTER.paths == {"/chat/completions", "/embeddings"}


def test_a_whole_answer_is_read():
    """Words, id, reason and counts; the seal on words is not needed."""
    answer = ADAPTER.answer(upstream_call(), TEXT)

    assert completion_of(TEXT) == Completion(
        id="kNiDavuDIcja_uMP8tCj-QU",
        parts=(Text(text="Hello! How can I help you today?"),),
        stop="end",
        report=Report(input_tokens=2, output_tokens=9),
    )
    assert answer.body == b"('end', 'm')"
    assert answer.report == Report(input_tokens=2, output_tokens=9)
    assert answer.text == "Hello! How can I help you today?"
    assert answer.upstream_id == "kNiDavuDIcja_uMP8tCj-QU"


def test_a_tool_call_is_the_reason_to_stop():
    """Gemini says STOP all the same; thoughts count as output."""
    assert completion_of(CALL) == Completion(
        id="5ot7as71KPee_uMP-4CruQE",
        parts=(
            ToolCall(
                id="call_129591",
                name="createMeeting",
                arguments='{"title":"Project Update Meeting","startTime":"2025-06-13T10:00:00Z"}',
            ),
        ),
        stop="tool",
        report=Report(input_tokens=102, output_tokens=865),
    )
    assert "createMeeting" in ADAPTER.answer(upstream_call(), CALL).text


def test_parts_of_a_kind_are_one_and_calls_stay_apart():
    """Thoughts, words and parallel calls, in their order."""
    body = answer_of(
        [
            {"text": "I ", "thought": True},
            {"text": "think", "thought": True},
            {"text": "Let "},
            {"text": "me"},
            {"functionCall": {"name": "a", "args": {"x": 1e5}}, "thoughtSignature": "S"},
            {"functionCall": {"name": "b"}},
            {"text": ""},
            {"unheardOf": {"x": 1}},
        ]
    )

    assert completion_of(body).parts == (
        Thought(text="I think"),
        Text(text="Let me"),
        ToolCall(id="call_r-1_0", name="a", arguments='{"x":100000.0}', sealed="S"),
        ToolCall(id="call_r-1_1", name="b", arguments="{}"),
    )


def test_ids_that_older_models_do_not_give_are_the_same_each_time():
    """They come from the answer's own id, or from what is called."""
    call = {"functionCall": {"name": "a", "args": {}}}
    unnamed = json.dumps({"candidates": [{"content": {"parts": [call, call]}}]}).encode()

    first, second = completion_of(unnamed).parts

    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id != second.id
    assert first.id.startswith("call_")
    assert completion_of(unnamed).parts == (first, second)


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("STOP", "end"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "refusal"),
        ("RECITATION", "refusal"),
        ("PROHIBITED_CONTENT", "refusal"),
        ("MODEL_ARMOR", "refusal"),
        ("SOMETHING_NEW", "refusal"),
        ("FINISH_REASON_UNSPECIFIED", "end"),
        (None, "end"),
        (7, "end"),
    ],
)
def test_why_an_answer_ended_is_told(reason: object, stop: str):
    """What is neither the end nor the limit is the vendor's wish."""
    assert completion_of(answer_of([{"text": "x"}], finishReason=reason)).stop == stop


@pytest.mark.parametrize(
    "reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE"]
)
def test_a_model_that_went_wrong_is_the_channels_fault(reason: str):
    """Another try may go right, so the client need not see it."""
    body = answer_of([], finishReason=reason, finishMessage="Malformed function call: print(")

    with pytest.raises(ChannelFault, match=r"Malformed function call") as fault:
        completion_of(body)
    assert fault.value.reason == f"finish_{reason.lower()}"
    with pytest.raises(ChannelFault, match=f"finish_{reason.lower()}"):
        deltas_of(as_events(body))


def test_a_blocked_prompt_is_refused_as_the_requests_fault():
    """Gemini answers it with a success and no candidates."""
    with pytest.raises(RequestRefused) as refused:
        ADAPTER.answer(upstream_call(), BLOCKED)
    assert refused.value.status == 400
    assert refused.value.error["code"] == "content_policy_violation"
    assert "PROHIBITED_CONTENT" in str(refused.value.error["message"])

    with pytest.raises(RequestRefused):
        ADAPTER.stream(upstream_call(stream=True)).feed(as_events(BLOCKED))


@pytest.mark.parametrize(
    ("usage", "report"),
    [
        (USAGE, Report(input_tokens=82, output_tokens=60, cached_input_tokens=3)),
        ({"promptTokenCount": 5, "totalTokenCount": 5}, Report(input_tokens=5, output_tokens=0)),
        ({"promptTokenCount": 5, "totalTokenCount": 9}, Report(input_tokens=5)),
        ({"promptTokenCount": 5, "thoughtsTokenCount": 7}, Report(input_tokens=5, output_tokens=7)),
        (
            {"promptTokenCount": 5, "candidatesTokenCount": 1, "cachedContentTokenCount": 99},
            Report(input_tokens=5, output_tokens=1, cached_input_tokens=5),
        ),
        ({"candidatesTokenCount": 5}, Report()),
        ({"promptTokenCount": -1, "candidatesTokenCount": 5}, Report()),
        ({"promptTokenCount": True, "candidatesTokenCount": "5"}, Report()),
        ({"promptTokenCount": 10**12}, Report()),
        (None, Report()),
        ([], Report()),
    ],
)
def test_counts_are_what_was_charged_or_nothing(usage: object, report: Report):
    """Thoughts are output, what tools read is input, and cached input is part of the input."""
    assert wire.report(usage) == report


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>busy</html>",
        b"[]",
        b"{}",
        b'{"candidates":[]}',
        b'{"candidates":"x"}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"args":{}}}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"a","args":[]}}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"a","args":{"x":"\xff"}}}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"text":"\xff"}]}}]}',
        b'{"candidates":' + b"[" * 100_000,
        b"[" + TEXT + b"," + TEXT + b"]",
        b'{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}',
        b'[{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}]',
        answer_of([{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]),
        answer_of([{"executableCode": {"language": "PYTHON", "code": "1"}}]),
    ],
)
def test_a_success_that_is_none_is_the_channels_fault(body: bytes):
    """Garbage, errors, and parts that no client of a chat has words for."""
    with pytest.raises(ChannelFault):
        ADAPTER.answer(upstream_call(), body)


def test_unknown_members_and_odd_types_do_no_harm():
    """What grip only looks at may be anything."""
    body = (
        b'{"candidates":[{"content":{"parts":[{"text":7},{"text":"x","thought":"yes",'
        b'"thoughtSignature":9,"new":1}]},"finishReason":"STOP","avgLogprobs":-0.1}],'
        b'"usageMetadata":"none","responseId":5,"promptFeedback":[],"newMember":{}}'
    )

    assert completion_of(body) == Completion(id=None, parts=(Text(text="x"),), stop="end")
