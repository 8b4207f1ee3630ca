"""OpenAI's other routes: whole answers known by their shape, and what each reports of its use."""

import json
from typing import Any

import pytest

from grip.providers.json_object import JsonObject
from grip.providers.openai import OpenAIAdapter
from grip.providers.port import Answer, ChannelFault, Report, Target, UpstreamCall

ADAPTER = OpenAIAdapter()
TARGET = Target(base_url="http://u/v1", secret="s")


def _call(path: str, body: bytes = b'{"model":"m"}', *, stream: bool = False) -> UpstreamCall:
    return UpstreamCall(
        path=path, body=JsonObject(body), model="m", stream=stream, ask_usage=stream
    )


def _answer(path: str, body: Any) -> Answer:
    return ADAPTER.answer(_call(path), json.dumps(body).encode())


# The examples of OpenAI's API reference (openai/openai-openapi, openapi.yaml), Jina's, Cohere's,
# vLLM's and SiliconFlow's references of rerank.
COMPLETION = {
    "id": "cmpl-uqkvlQyYK7bGYrRHQ0eXlWi7",
    "object": "text_completion",
    "created": 1589478378,
    "model": "VAR_completion_model_id",
    "system_fingerprint": "fp_44709d6fcb",
    "choices": [
        {
            "text": "\n\nThis is indeed a test",
            "index": 0,
            "logprobs": None,
            "finish_reason": "length",
        }
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
}
MODERATION = {
    "id": "modr-0d9740456c391e43c445bf0f010940c7",
    "model": "omni-moderation-latest",
    "results": [{"flagged": True, "categories": {"harassment": True}}],
}
RESULTS = [{"index": 1, "relevance_score": 0.98, "document": {"text": "Paris"}}]
RERANKS = [
    ({"model": "j", "object": "list", "usage": {"total_tokens": 38}, "results": RESULTS}, 38),
    ({"id": "rerank-1", "model": "v", "usage": {"total_tokens": 56}, "results": RESULTS}, 56),
    (
        {
            "id": "01",
            "results": RESULTS,
            "meta": {
                "billed_units": {"input_tokens": 30, "output_tokens": 0, "search_units": 0},
                "tokens": {"input_tokens": 27, "output_tokens": 0},
            },
        },
        27,
    ),
    ({"id": "c", "results": RESULTS, "meta": {"billed_units": {"search_units": 1}}}, None),
    ({"results": RESULTS, "meta": {"billed_units": {"total_tokens": 9}}}, 9),
    ({"results": [], "usage": "many", "meta": []}, None),
    ({"results": [], "usage": {"total_tokens": 10**12}}, None),
]


def test_a_legacy_completion_says_its_text_and_usage():
    """In chat's words for the usage, and its own for the text."""
    answer = _answer("/completions", COMPLETION)

    assert answer.text == "\n\nThis is indeed a test"
    assert answer.report == Report(input_tokens=5, output_tokens=7)
    assert answer.upstream_id == "cmpl-uqkvlQyYK7bGYrRHQ0eXlWi7"


def test_a_stream_of_legacy_completions_is_read_by_its_text():
    """Each chunk has a text of its own."""
    reader = ADAPTER.stream(_call("/completions", stream=True))
    chunk = json.dumps({"id": "c", "choices": [{"text": "Hi", "finish_reason": None}]})
    last = json.dumps({"id": "c", "choices": [], "usage": COMPLETION["usage"]})
    events = reader.feed(f"data: {chunk}\n\ndata: {last}\n\ndata: [DONE]\n\n".encode())

    assert [event.text for event in events] == ["Hi", "", ""]
    assert events[1].is_usage
    assert events[1].report == Report(input_tokens=5, output_tokens=7)
    assert events[2].is_end


def test_a_moderation_without_usage_has_an_input_of_unknown_size():
    """OpenAI takes nothing for it; who sells it by the token goes by an estimate."""
    answer = _answer("/moderations", MODERATION)

    assert answer.report == Report(input_tokens=None, output_tokens=0)
    assert answer.upstream_id == MODERATION["id"]


def test_a_moderation_that_reports_its_usage_is_metered_by_it():
    """Mistral counts what it reads."""
    usage = {"prompt_tokens": 11, "completion_tokens": 0, "total_tokens": 11}
    answer = _answer("/moderations", MODERATION | {"usage": usage})

    assert answer.report == Report(input_tokens=11, output_tokens=0)


@pytest.mark.parametrize(("body", "tokens"), RERANKS)
def test_rerank_is_metered_wherever_its_tokens_are_counted(body: Any, tokens: int | None):
    """Where searches are counted instead, the tokens are not said."""
    assert _answer("/rerank", body).report == Report(input_tokens=tokens, output_tokens=0)


SHAPES: dict[str, dict[str, list[Any]]] = {
    "/chat/completions": {"choices": []},
    "/completions": {"choices": []},
    "/embeddings": {"data": []},
    "/responses": {"output": []},
    "/moderations": {"results": []},
    "/rerank": {"results": []},
}


@pytest.mark.parametrize("path", SHAPES)
def test_an_answer_is_known_by_the_shape_of_its_route(path: str):
    """That of another route is garbage, whatever its status said."""
    _answer(path, SHAPES[path])
    for other in SHAPES.values():
        if other != SHAPES[path]:
            with pytest.raises(ChannelFault, match="garbage"):
                _answer(path, other)


@pytest.mark.parametrize("path", SHAPES)
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "garbage"),
        (b"<html>", "garbage"),
        (b"[]", "garbage"),
        (b"{}", "garbage"),
        (b'{"results": {}, "output": {}, "data": {}, "choices": {}}', "garbage"),
        (b"\xff", "garbage"),
        (b'{"x":' + b"[" * 100_000, "garbage"),
        (b'{"error":{"message":"no"}}', "error_in_answer"),
        (b'{"error":"no","results":[],"output":[],"choices":[],"data":[]}', "error_in_answer"),
    ],
)
def test_a_success_that_is_none_is_the_channels_fault(path: str, body: bytes, reason: str):
    """On every route."""
    with pytest.raises(ChannelFault, match=reason):
        ADAPTER.answer(_call(path), body)


def test_half_an_emoji_in_an_answer_is_read():
    """Models cut them in two."""
    body = b'{"results":[{"document":{"text":"\\ud83d"}}],"usage":{"total_tokens":3}}'

    assert ADAPTER.answer(_call("/rerank"), body).report.input_tokens == 3


@pytest.mark.parametrize(
    ("usage", "report"),
    [
        (
            {"prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3}},
            Report(input_tokens=9, output_tokens=1, cached_input_tokens=5, cache_write_tokens=3),
        ),
        (
            {"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5},
            Report(input_tokens=9, output_tokens=1, cached_input_tokens=4),
        ),
        ({"cached_tokens": 4}, Report(input_tokens=9, output_tokens=1, cached_input_tokens=4)),
        (
            {"cached_tokens": 4, "prompt_tokens_details": {"cached_tokens": 0}},
            Report(input_tokens=9, output_tokens=1),
        ),
    ],
)
def test_caches_are_reported_under_the_names_that_vendors_have(usage: Any, report: Report):
    """OpenAI's, DeepSeek's and Moonshot's; OpenAI's own counts most."""
    counts = {"prompt_tokens": 9, "completion_tokens": 1, **usage}

    assert _answer("/chat/completions", {"choices": [], "usage": counts}).report == report


def test_a_content_in_parts_counts_as_text():
    """Mistral's models that think answer so."""
    content = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]
    answer = _answer("/chat/completions", {"choices": [{"message": {"content": content}}]})

    assert "Hm" in answer.text


@pytest.mark.parametrize("path", ["/responses", "/moderations", "/rerank", "/embeddings"])
def test_only_streams_that_know_it_are_asked_for_their_usage(path: str):
    """The Responses API has other options, and tells its usage unasked."""
    body = b'{"model":"m","stream":true}'

    assert ADAPTER.request(_call(path, body, stream=True), TARGET).body is body


def test_a_vendor_that_does_not_know_the_question_is_not_asked():
    """Mistral refuses `include_usage`, and tells the usage of every stream."""
    target = Target(base_url="https://api.mistral.ai/v1", secret="s")
    body = b'{"model":"m","stream":true}'
    call = _call("/chat/completions", body, stream=True)

    assert ADAPTER.request(call, target).body is body


def test_a_client_that_asks_is_spared_a_vendors_refusal():
    """What else stands beside the question goes on."""
    target = Target(base_url="https://api.mistral.ai/v1", secret="s")
    body = b'{"model":"m","stream":true,"stream_options":{"include_usage":true,"x":1e3}}'
    call = UpstreamCall(
        path="/chat/completions", body=JsonObject(body), model="m", stream=True, ask_usage=False
    )

    assert ADAPTER.request(call, target).body == (
        b'{"model":"m","stream":true,"stream_options":{"x":1e3}}'
    )


def test_headers_of_the_clients_own_wire_go_on():
    """Beside the channel's."""
    call = UpstreamCall(
        path="/responses",
        body=JsonObject(b'{"model":"m"}'),
        model="m",
        stream=False,
        ask_usage=False,
        headers=(("openai-beta", "x"),),
    )
    headers = dict(ADAPTER.request(call, TARGET).headers)

    assert (headers["openai-beta"], headers["authorization"]) == ("x", "Bearer s")


def test_an_adapter_says_which_routes_it_serves():
    """Its own, untold."""
    media = {"/images/generations", "/images/edits", "/audio/speech", "/audio/transcriptions"}
    assert ADAPTER.paths == {*SHAPES, *media}
