"""Bodies of `/v1/rerank`: what they are held for, and which are refused."""

import base64
import json
from typing import Any

import pytest

from grip.errors import InvalidRequest
from grip.gateway.call import Call
from grip.money import estimates
from grip.providers.json_object import JsonObject
from grip.web.surfaces import rerank

MUCH = "All of this is text that a model reads. " * 500
PIXELS = "data:image/png;base64," + base64.b64encode(b"\xff\xfe" * 300_000).decode()
QUERY = "What is the capital of France?"
CITIES = ["Paris is the capital of France.", "Berlin is the capital of Germany.", "Rome."]


def _call(**members: Any) -> Call:
    body = {"model": "m", "query": QUERY, "documents": CITIES, **members}
    parsed = JsonObject(json.dumps(body).encode())
    return rerank.parse(parsed, request_id="r", key_hash="k", ip="i")


def test_a_query_becomes_a_call_without_output():
    """Only its input is held for; how many are wanted changes nothing."""
    call = _call(top_n=1)

    assert (call.path, call.type, call.model) == ("/rerank", "rerank", "m")
    assert (call.has_output, call.stream, call.ending) == (False, False, None)
    assert call.input_tokens == _call().input_tokens


def test_the_query_counts_once_for_each_document():
    """So do vendors count it, who read it beside each of them."""
    query, query_bound = estimates.text_tokens_and_bound(QUERY)
    one, all_ = _call(documents=["x"] * 1), _call(documents=["x"] * 100)

    assert query < one.input_tokens < query + 10
    assert 100 * query < all_.input_tokens < 100 * (query + 10)
    assert 100 * query_bound < all_.input_bound < 100 * (query_bound + 15)


@pytest.mark.parametrize(
    "document", [MUCH, {"text": MUCH}, {"title": "a", "body": MUCH}, {"text": "a", "title": MUCH}]
)
def test_a_document_counts_in_full(document: Any):
    """In both estimates, whatever shape it has."""
    near, bound = estimates.text_tokens_and_bound(MUCH)
    call = _call(documents=["a", document])

    assert near <= call.input_tokens < near + 60
    assert bound <= call.input_bound < bound + 300


@pytest.mark.parametrize("query", [MUCH, {"text": MUCH}])
def test_the_query_counts_in_full(query: Any):
    """As often as there are documents."""
    near, bound = estimates.text_tokens_and_bound(MUCH)
    call = _call(query=query)

    assert 3 * near <= call.input_tokens < 3 * near + 60
    assert 3 * bound <= call.input_bound < 3 * bound + 300


@pytest.mark.parametrize(
    "image", [{"image": PIXELS}, {"image": "https://example.com/a.png"}, {"image": PIXELS, "a": 1}]
)
def test_an_image_is_no_text(image: dict[str, Any]):
    """Wherever it stands; in the query it counts with each document."""
    document = _call(documents=["a", image])
    query = _call(query=image, documents=["a", "b"])

    assert 0 < document.input_tokens - estimates.IMAGE_TOKENS < 60
    assert 0 < document.input_bound - estimates.IMAGE_TOKENS_BOUND < 300
    assert 0 < query.input_tokens - 2 * estimates.IMAGE_TOKENS < 60
    assert 0 < query.input_bound - 2 * estimates.IMAGE_TOKENS_BOUND < 300


def test_parts_may_hold_an_image_too():
    """As vLLM takes them: one object, of which a list is the content."""
    part = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    call = _call(documents={"content": [part]})

    assert call.input_bound > estimates.IMAGE_TOKENS_BOUND


@pytest.mark.parametrize(
    "members",
    [
        {"y": MUCH},
        {"documents": [{"image": MUCH}]},
        {"documents": [{"image": f"data:text/plain,{MUCH}"}]},
        {"query": {"image": MUCH}},
    ],
)
def test_what_is_not_read_is_held_for(members: dict[str, Any]):
    """An upstream may read it."""
    assert _call(**members).input_bound >= estimates.text_tokens_bound(MUCH)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"query": None}, "query"),
        ({"query": ""}, "query"),
        ({"query": 1}, "query"),
        ({"query": [1]}, "query"),
        ({"documents": None}, "documents"),
        ({"documents": []}, "documents"),
        ({"documents": 1}, "documents"),
        ({"documents": ["a", 1]}, "documents"),
        ({"documents": [["a"]]}, "documents"),
        ({"documents": [None]}, "documents"),
        ({"Documents": ["b"]}, "Documents"),
        ({"QUERY": "b"}, "QUERY"),
        ({"model": ""}, "model"),
    ],
)
def test_a_body_that_cannot_be_is_refused_by_its_member(members: dict[str, Any], param: str):
    """By name."""
    with pytest.raises(InvalidRequest) as raised:
        _call(**members)
    assert raised.value.param == param
