"""Bodies of `/v1/moderations`: what they are held for, and which are refused."""

import base64
import json
from typing import Any

import pytest

from grip.errors import InvalidRequest
from grip.gateway.call import Call
from grip.money import estimates
from grip.providers.json_object import JsonObject
from grip.web.surfaces import moderations

MUCH = "All of this is text that a model reads. " * 500
PIXELS = "data:image/png;base64," + base64.b64encode(b"\xff\xfe" * 300_000).decode()


def _call(**members: Any) -> Call:
    body = JsonObject(json.dumps({"model": "m", **members}).encode())
    return moderations.parse(body, request_id="r", key_hash="k", ip="i")


def test_a_text_becomes_a_call_without_output():
    """Only its input is held for."""
    call = _call(input="I hate mondays")

    assert (call.path, call.type, call.model) == ("/moderations", "moderation", "m")
    assert (call.has_output, call.stream, call.ending) == (False, False, None)
    assert 0 < call.input_tokens < call.input_bound < 60


@pytest.mark.parametrize(
    "found", [MUCH, [MUCH], ["a", MUCH], [{"type": "text", "text": MUCH}]], ids=str
)
def test_what_is_judged_counts_in_full(found: Any):
    """In both estimates."""
    near, bound = estimates.text_tokens_and_bound(MUCH)
    call = _call(input=found)

    assert near <= call.input_tokens < near + 20
    assert bound <= call.input_bound < bound + 200


def test_an_image_is_no_text():
    """However large."""
    part = {"type": "image_url", "image_url": {"url": PIXELS}}
    call = _call(input=[{"type": "text", "text": "Look"}, part])

    assert 0 < call.input_tokens - estimates.IMAGE_TOKENS < 20
    assert 0 < call.input_bound - estimates.IMAGE_TOKENS_BOUND < 200


@pytest.mark.parametrize("found", ["a", ["a"], [{"type": "text", "text": "a"}]])
def test_what_is_not_read_is_held_for(found: Any):
    """An upstream may read it."""
    assert _call(input=found, y=[MUCH]).input_bound >= estimates.text_tokens_bound(MUCH)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": 1}, "input"),
        ({"input": {"type": "text", "text": "a"}}, "input"),
        ({"input": [1]}, "input"),
        ({"input": ["a", {"type": "text", "text": "a"}]}, "input"),
        ({"Input": "b"}, "Input"),
        ({"model": None}, "model"),
    ],
)
def test_a_body_that_cannot_be_is_refused_by_its_member(members: dict[str, Any], param: str):
    """By name."""
    with pytest.raises(InvalidRequest) as raised:
        _call(**({"input": "a"} | members))
    assert raised.value.param == param
