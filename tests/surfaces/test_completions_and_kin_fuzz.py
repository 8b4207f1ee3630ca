"""Any JSON object at all is a call, or is refused, on every one of these routes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grip.errors import InvalidRequest
from grip.gateway.call import Call
from grip.providers.json_object import JsonObject
from grip.web.surfaces import completions, moderations, rerank, responses
from grip.web.surfaces.members import READ

WORDS = st.sampled_from(
    [
        "",
        "x",
        "é读\U0001f600",
        "message",
        "reasoning",
        "function",
        "namespace",
        "shell",
        "local",
        "item_reference",
        "function_call_output",
        "additional_tools",
        "input_text",
        "input_image",
        "input_file",
        "input_audio",
        "image_url",
        "refusal",
        "data:image/png;base64,AAAA",
    ]
)
NAMES = st.sampled_from(
    [
        *sorted(READ),
        "arguments",
        "content",
        "encrypted_content",
        "environment",
        "file_data",
        "image",
        "image_url",
        "include_usage",
        "input_audio",
        "instructions",
        "name",
        "output",
        "reasoning",
        "refusal",
        "role",
        "suffix",
        "summary",
        "text",
        "type",
        "url",
    ]
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | st.integers(-2, 300) | FLOATS | WORDS
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=8)
NEEDED: dict[str, dict[str, Any]] = {
    "completions": {"model": "m", "prompt": "a"},
    "responses": {"model": "m", "input": "a"},
    "moderations": {"model": "m", "input": "a"},
    "rerank": {"model": "m", "query": "a", "documents": ["a"]},
}
ROUTES: dict[str, Callable[..., Call]] = {
    "completions": completions.parse,
    "responses": responses.parse,
    "moderations": moderations.parse,
    "rerank": rerank.parse,
}


def _outcome(route: str, raw: bytes) -> Call | InvalidRequest:
    body = JsonObject(raw)
    try:
        return ROUTES[route](body, request_id="r", key_hash="k", ip="i")
    except InvalidRequest as refused:
        return refused


@pytest.mark.parametrize("route", ROUTES)
@given(found=BODIES, whole=st.booleans())
@settings(max_examples=200)
def test_any_object_is_a_call_or_is_refused_by_a_member(
    route: str,
    found: dict[str, Any],
    whole: bool,  # noqa: FBT001
):
    """What is held is no less than the estimate; a refusal names the member."""
    raw = json.dumps(NEEDED[route] | found if whole else found).encode()
    outcome = _outcome(route, raw)

    if isinstance(outcome, InvalidRequest):
        assert outcome.param is not None
        assert outcome.param in outcome.message
    else:
        assert 0 <= outcome.input_tokens <= outcome.input_bound
        assert outcome.choices >= 1
        assert outcome.output_limit is None or outcome.output_limit >= 0
        assert outcome.body.raw is raw
