"""Bodies of `/v1/completions`: what they are held for, and which are refused."""

import json
from typing import Any

import pytest

from grip.errors import InvalidRequest
from grip.gateway.call import Call, Told
from grip.money import estimates
from grip.providers.json_object import JsonObject
from grip.web.surfaces import completions

MUCH = "All of this is text that a model reads. " * 500
TOLD = Told(stream_id="cmpl-1", created_s=7, usage_payload=None)


def _call(**members: Any) -> Call:
    body = JsonObject(json.dumps({"model": "m", **members}).encode())
    return completions.parse(body, request_id="r", key_hash="k", ip="i")


def test_a_prompt_becomes_a_call():
    """Served by models of chat; nothing is added where no limit was set."""
    call = _call(prompt="Once upon a time")

    assert (call.path, call.type, call.model, call.stream) == ("/completions", "chat", "m", False)
    assert (call.output_limit, call.choices, call.has_output) == (None, 1, True)
    assert call.body.raw == b'{"model": "m", "prompt": "Once upon a time"}'
    assert 0 < call.input_tokens < call.input_bound < 60


@pytest.mark.parametrize(
    ("prompt", "choices"),
    [
        (None, 1),
        ("", 1),
        ("a", 1),
        ([], 1),
        (["a"], 1),
        (["a", "b", "c"], 3),
        ([1, 2, 3], 1),
        ([[1, 2, 3]], 1),
        ([[1], [2, 3], [4]], 3),
    ],
)
@pytest.mark.parametrize(
    ("asked", "each"),
    [({}, 1), ({"n": 2}, 2), ({"best_of": 5}, 5), ({"n": 4, "best_of": 5}, 5)],
)
def test_each_prompt_is_gone_on_with_as_often_as_is_asked(
    prompt: Any, choices: int, asked: dict[str, int], each: int
):
    """Also those of which only the best are shown."""
    assert _call(prompt=prompt, **asked).choices == choices * each


@pytest.mark.parametrize("embeds", ["AAAA", ["AAAA"]])
def test_prompts_that_are_vectors_count_too(embeds: Any):
    """VLLM takes them beside the others."""
    assert _call(prompt_embeds=embeds).choices == 1
    assert _call(prompt_embeds=["AAAA", "BBBB"], prompt=["a", "b"]).choices == 4


def test_tokens_are_counted_as_they_are():
    """What stands beside them counts by its bytes."""
    call = _call(prompt=[[1, 2, 3], [4, 5]])

    assert call.input_tokens == 5
    assert 5 <= call.input_bound <= 5 + len('{"model": "m", "prompt": }')


@pytest.mark.parametrize(
    "members",
    [
        {"prompt": MUCH},
        {"prompt": ["a", MUCH]},
        {"prompt": "a", "suffix": MUCH},
        {"prompt": [1, 2], "suffix": MUCH},
    ],
)
def test_what_is_read_counts_in_full(members: dict[str, Any]):
    """In both estimates."""
    near, bound = estimates.text_tokens_and_bound(MUCH)
    call = _call(**members)

    assert call.input_tokens >= near
    assert call.input_bound >= bound


@pytest.mark.parametrize(
    "members", [{"y": MUCH}, {"prompt_embeds": MUCH}, {"prompt": [1, 2], "y": {"z": [MUCH]}}]
)
def test_what_is_not_read_is_held_for(members: dict[str, Any]):
    """An upstream may read it."""
    call = _call(**({"prompt": "a"} | members))

    assert call.input_bound >= estimates.text_tokens_bound(MUCH)
    assert call.input_tokens < 10


@pytest.mark.parametrize(("limit", "held"), [(None, None), (0, 0), (7, 7)])
def test_the_clients_limit_is_what_is_held_for(limit: int | None, held: int | None):
    """Of 0 is one: who wants only the echo has no output."""
    assert _call(prompt="a", max_tokens=limit).output_limit == held


def test_an_echo_is_told_from_what_is_generated():
    """As often as the prompt is repeated; one that flows has no end that is known before."""
    whole, flowing = (
        _call(prompt="Once upon a time", echo=True, n=2, max_tokens=5, stream=stream)
        for stream in (False, True)
    )

    assert whole.echoed_tokens == flowing.echoed_tokens == 2 * whole.input_tokens > 0
    assert (whole.output_limit, flowing.output_limit) == (5, None)
    assert _call(prompt="Once upon a time", max_tokens=5, stream=True).output_limit == 5
    assert _call(prompt="Once upon a time").echoed_tokens == 0


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"prompt": 1}, "prompt"),
        ({"prompt": {"a": 1}}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt"),
        ({"prompt": [1, [2]]}, "prompt"),
        ({"prompt": [True]}, "prompt"),
        ({"prompt": [1.5]}, "prompt"),
        ({"prompt": [[1], ["a"]]}, "prompt"),
        ({"prompt": [None]}, "prompt"),
        ({"prompt_embeds": 1}, "prompt_embeds"),
        ({"suffix": 1}, "suffix"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"n": "2"}, "n"),
        ({"best_of": 0}, "best_of"),
        ({"best_of": 1.5}, "best_of"),
        ({"echo": 1}, "echo"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 10**9}, "max_tokens"),
        ({"max_tokens": "7"}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"stream": True, "stream_options": 1}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options"),
        ({"Best_Of": 9}, "Best_Of"),
        ({"PROMPT": "a"}, "PROMPT"),
        ({"Echo": True}, "Echo"),
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"model": 1}, "model"),
    ],
)
def test_a_body_that_cannot_be_is_refused_by_its_member(members: dict[str, Any], param: str):
    """By name."""
    with pytest.raises(InvalidRequest) as raised:
        _call(**({"prompt": "a"} | members))
    assert raised.value.param == param


@pytest.mark.parametrize(
    "members",
    [{"logprobs": 5}, {"stop": ["a"]}, {"seed": "x"}, {"user": 1}, {"logit_bias": {"5": -100}}],
)
def test_what_money_does_not_rest_on_passes(members: dict[str, Any]):
    """It is the upstream's to judge."""
    assert _call(prompt="a", **members).model == "m"


def test_a_stream_that_is_stopped_ends_every_choice_that_is_shown():
    """In the words of this route; those that only compete are never seen."""
    call = _call(prompt=["a", "b"], n=2, best_of=3, stream=True)
    assert call.ending is not None
    said = call.ending.length(call, TOLD)

    assert call.ending.end == b"data: [DONE]\n\n"
    chunk = json.loads(said.removeprefix(b"data: "))
    assert (chunk["object"], chunk["id"], chunk["model"]) == ("text_completion", "cmpl-1", "m")
    assert chunk["choices"] == [
        {"index": index, "text": "", "logprobs": None, "finish_reason": "length"}
        for index in range(4)
    ]
