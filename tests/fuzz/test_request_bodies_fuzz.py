"""Bodies that nobody thought of, on every route: an answer or a named refusal, and clean books.

Each is a polite body with many members, of which some are replaced by anything, or bytes are.
"""

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.inside import Inside
from tests.fuzz.routes import TARGETS, Target, name_of
from tests.providers.test_clients_hostile import CHAT, MESSAGES

FUZZ = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])

_FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}}
_RESPONSES = {
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "x"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "x"},
        {"type": "reasoning", "summary": [], "encrypted_content": "AAAA"},
    ],
    "instructions": "x",
    "tools": [_FUNCTION],
    "text": {"format": {"type": "text"}},
    "reasoning": {"effort": "low"},
    "previous_response_id": None,
    "max_output_tokens": 5,
}
_COMPLETIONS = {
    "prompt": ["a", "b"],
    "suffix": "x",
    "echo": True,
    "n": 1,
    "best_of": 1,
    "max_tokens": 5,
    "stream_options": {"include_usage": True},
}
_EMBEDDINGS = {"input": [[1, 2], [3]], "dimensions": 2, "encoding_format": "float"}
_MODERATIONS = {"input": [{"type": "text", "text": "x"}]}
_RERANK = {"query": {"text": "x"}, "documents": ["a", {"text": "b"}], "top_n": 1}
_PICTURE = {"prompt": "x", "n": 2, "size": "1024x1024", "quality": "low", "partial_images": 1}
RICH: dict[str, dict[str, Any]] = {
    "/v1/images/generations": _PICTURE,
    "/v1/images/edits": {**_PICTURE, "images": [{"image_url": "x"}], "mask": {"file_id": "y"}},
    "/v1/audio/speech": {"input": "x", "instructions": "y", "voice": "z", "stream_format": "sse"},
    "/v1/chat/completions": CHAT,
    "/v1/completions": _COMPLETIONS,
    "/v1/responses": _RESPONSES,
    "/v1/embeddings": _EMBEDDINGS,
    "/v1/moderations": _MODERATIONS,
    "/v1/rerank": _RERANK,
    "/v1/messages": MESSAGES,
    "/v1/messages/count_tokens": MESSAGES,
}

WORDS = st.sampled_from(
    ["", "x", "text", "image_url", "tool_use", "function", "auto", "é\U0001f600"]
)
NAMES = st.sampled_from(["type", "text", "content", "role", "name", "id", "url", "data", "x"])
NUMBERS = st.integers(-3, 300) | st.sampled_from([10**8, 2**63, -(2**70), 10**30])
LEAVES = st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False, width=32) | WORDS
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values below `value`."""
    found = []
    for name, below in value.items() if isinstance(value, dict) else enumerate(value):
        found.append((*path, name))
        if isinstance(below, dict | list):
            found += _places(below, (*path, name))
    return found


@st.composite
def spoilt(draw: st.DrawFn, rich: dict[str, Any]) -> dict[str, Any]:
    """Draw the body with up to three values replaced, left out, or said twice over."""
    body: dict[str, Any] = copy.deepcopy(rich)
    for _ in range(draw(st.integers(1, 3))):
        if not (places := _places(body)):
            break
        *path, last = draw(st.sampled_from(places))
        at: Any = body
        for name in path:
            at = at[name]
        match draw(st.sampled_from(["replace", "leave out", "repeat"])):
            case "leave out":
                del at[last]
            case "repeat" if isinstance(at, list):
                at.append(copy.deepcopy(at[last]))
            case _:
                at[last] = draw(ANYTHING)
    return body


@pytest.mark.parametrize("target", TARGETS, ids=name_of)
@given(data=st.data())
@FUZZ
def test_any_body_is_answered_or_refused_by_name(
    inside: Inside, target: Target, data: st.DataObject
):
    """Whole or streamed; no failure of grip's own, and no hold that stays."""
    body = data.draw(spoilt(RICH[target.path])) | {"model": target.model}
    if target.streams and data.draw(st.booleans()):
        body["stream"] = True
    heard = inside.ask(target.path, json.dumps(body).encode())

    target.judge(heard)
    assert inside.held() == 0


@pytest.mark.parametrize("target", TARGETS, ids=name_of)
@given(at=st.floats(0, 1), length=st.integers(0, 8), new=st.binary(max_size=6))
@FUZZ
def test_any_bytes_are_answered_or_refused_by_name(
    inside: Inside,
    target: Target,
    at: float,
    length: int,
    new: bytes,
):
    """A polite body with some of its bytes replaced."""
    raw = json.dumps({**RICH[target.path], "model": target.model}).encode()
    start = round(at * len(raw))
    heard = inside.ask(target.path, raw[:start] + new + raw[start + length :])

    if heard.status in (403, 404):
        assert target.code(heard) in ("model_not_allowed", "model_not_found")
    else:
        target.judge(heard)
    assert inside.held() == 0
