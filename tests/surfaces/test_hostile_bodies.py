"""Bodies made to be held for less than they cost: lookalikes, and input where nobody looks."""

import base64
import json
from typing import Any

import pytest

from grip.errors import InvalidRequest
from grip.gateway.call import Call
from grip.money import estimates
from grip.providers.json_object import JsonObject
from grip.web.surfaces import chat, embeddings
from grip.web.surfaces.members import READ

HELLO = [{"role": "user", "content": "Hello"}]
MUCH = "All of this is text that a model reads. " * 500
FILE_BOUND = estimates.file_tokens_bound(1 << 40)


def _raw(raw: bytes) -> Call:
    return chat.parse(JsonObject(raw), request_id="r", key_hash="k", ip="i")


def _chat(messages: Any = HELLO, **members: Any) -> Call:
    body = {"model": "m", "messages": messages, **members}
    return _raw(json.dumps(body, ensure_ascii=False).encode())


def _embed(**members: Any) -> Call:
    body = JsonObject(json.dumps({"model": "m", **members}).encode())
    return embeddings.parse(body, request_id="r", key_hash="k", ip="i")


def _parts(*parts: dict[str, Any]) -> Call:
    return _chat([{"role": "user", "content": list(parts)}])


@pytest.mark.parametrize(
    "name",
    [*sorted(map(str.upper, READ)), "Model", "Max_Tokens", "me\u017fsages", "\uff4dodel"],
)
def test_a_lookalike_of_a_member_that_is_read_is_refused(name: str):
    """Some upstreams would take it for the one that it looks like."""
    with pytest.raises(InvalidRequest) as raised:
        _chat(**{name: 1})
    assert raised.value.param == name
    with pytest.raises(InvalidRequest):
        _embed(input="x", **{name: 1})


def test_the_usage_of_a_stream_has_no_lookalike():
    """It is asked for by the one name that it has."""
    with pytest.raises(InvalidRequest):
        _chat(stream=True, stream_options={"Include_Usage": False})


@pytest.mark.parametrize("name", ["user", "User", "documents", "models", "x-é", "中", ""])
def test_any_other_member_passes(name: str):
    """It is the upstream's to judge."""
    assert _chat(**{name: 1}).model == "m"


SAID = {
    "content": [{"role": "user", "content": MUCH}],
    "a text part": [{"role": "user", "content": [{"type": "text", "text": MUCH}]}],
    "reasoning_content": [{"role": "assistant", "content": "x", "reasoning_content": MUCH}],
    "reasoning": [{"role": "assistant", "content": "x", "reasoning": MUCH}],
    "a refusal": [{"role": "assistant", "content": None, "refusal": MUCH}],
    "a name": [{"role": "user", "content": "x", "name": MUCH}],
    "a call": [{"role": "assistant", "tool_calls": [{"function": {"arguments": MUCH}}]}],
    "text beside an image": [
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "http://i"}, "text": MUCH}],
        }
    ],
}


@pytest.mark.parametrize("messages", SAID.values(), ids=SAID)
def test_what_a_message_says_counts_in_full(messages: list[dict[str, Any]]):
    """In both estimates."""
    near, bound = estimates.text_tokens_and_bound(MUCH)
    call = _chat(messages)

    assert call.input_tokens >= near
    assert call.input_bound >= bound


HIDDEN: dict[str, dict[str, Any]] = {
    "documents": {"documents": [{"text": MUCH}]},
    "a template": {"chat_template": MUCH},
    "a role": {"messages": [{"role": MUCH, "content": "x"}]},
    "a member that nobody knows": {"messages": [{"role": "user", "content": "x", "y": MUCH}]},
    "a lookalike of content": {"messages": [{"role": "user", "content": "x", "Content": MUCH}]},
    "a part that nobody knows": {
        "messages": [{"role": "user", "content": [{"type": "x", "y": {"z": MUCH}}]}]
    },
    "a part beside its text": {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x", "y": MUCH}]}]
    },
    "an address": {
        "messages": [
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": MUCH}}]}
        ]
    },
    "a payload that is no image": {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": f"data:text/plain,{MUCH}"}}],
            }
        ]
    },
}


@pytest.mark.parametrize("members", HIDDEN.values(), ids=HIDDEN)
def test_text_that_is_sent_is_held_for_wherever_it_stands(members: dict[str, Any]):
    """An upstream may read what grip does not."""
    assert _chat(**members).input_bound >= estimates.text_tokens_bound(MUCH)
    assert _chat(**members).input_tokens < estimates.text_tokens_bound(MUCH)


def test_a_content_that_stands_twice_is_held_for_twice():
    """Whichever of them the upstream reads."""
    message = f'{{"role":"user","content":"{MUCH}","content":"x"}}'
    call = _raw(f'{{"model":"m","messages":[{message}]}}'.encode())

    assert call.input_bound >= estimates.text_tokens_bound(MUCH)


IMAGE = "data:image/png;base64," + base64.b64encode(b"\xff\xfe" * 300_000).decode()
FILE = base64.b64encode(b"\xff\xfe" * 300_000).decode()


@pytest.mark.parametrize("slash", ["/", "\\/", "\\u002f"])
def test_the_payload_of_an_image_is_no_text(slash: str):
    """However its slashes are written; many kilobytes are one image."""
    body = json.dumps(
        {
            "model": "m",
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is this?"},
                        {"type": "image_url", "image_url": {"url": IMAGE}},
                        {"type": "image_url", "image_url": IMAGE},
                    ],
                }
            ],
            "user": MUCH,
        }
    )
    call = _raw(body.replace("/", slash).encode())
    text = estimates.text_tokens_bound(MUCH)
    images = 2 * estimates.IMAGE_TOKENS_BOUND

    assert images + text <= call.input_bound < images + text + 200
    assert call.input_tokens < 2 * estimates.IMAGE_TOKENS + 50


@pytest.mark.parametrize(
    "part",
    [
        {"type": "video_url", "video_url": {"url": "http://v"}},
        {"type": "file", "file": {"file_id": None}},
        {"type": "file", "file": {"file_url": "http://f"}},
        {"type": "image_url", "image_url": {"id": "file-1"}},
        {"type": "input_audio", "input_audio": {"url": "http://a"}},
        {"type": "document", "source": {"url": "http://d"}},
        {"video_url": {"url": "http://v"}},
        {"type": 7, "text": "x"},
    ],
)
def test_a_part_that_cannot_be_looked_into_is_held_for_as_the_largest_file(part: dict[str, Any]):
    """Its address is all that is sent of it."""
    call = _parts(part)

    assert call.input_bound >= FILE_BOUND
    assert call.input_tokens < 2 * estimates.IMAGE_TOKENS


@pytest.mark.parametrize("part", [{"type": "text", "text": "x"}, {"text": "x"}])
def test_a_part_of_text_is_no_media(part: dict[str, Any]):
    """With or without its type."""
    assert _parts(part).input_bound < 200


def test_a_file_within_the_body_counts_by_its_size():
    """Not by its letters."""
    bound = estimates.file_tokens_bound(len(FILE))
    call = _parts({"type": "file", "file": {"file_data": FILE}})

    assert bound <= call.input_bound < bound + 200


def test_escaped_letters_count_as_letters():
    """Some clients send nothing but ASCII."""
    messages = [{"role": "user", "content": "今天天气很好 😀 \\u4e2d \\\\u " * 40, "x": "\\"}]
    tools = [{"type": "function", "function": {"name": "f", "description": "今天" * 40}}]
    body = {"model": "m", "messages": messages, "tools": tools}
    escaped = _raw(json.dumps(body).encode())
    plain = _raw(json.dumps(body, ensure_ascii=False).encode())

    assert plain.input_tokens == escaped.input_tokens
    assert plain.input_bound <= escaped.input_bound <= plain.input_bound * 5 // 4


@pytest.mark.parametrize("text", ["", "Hi", MUCH, "x" * 5000, "中" * 900, '"\\\n' * 300])
def test_the_bound_is_never_below_the_estimate(text: str):
    """Of whatever text."""
    for call in (_chat([{"role": "user", "content": text}]), _embed(input=[text])):
        assert call.input_tokens <= call.input_bound


def test_tokens_of_embeddings_are_exact_and_all_else_counts():
    """By its bytes, or its text where that is much."""
    assert _embed(input=list(range(1000))).input_tokens == 1000
    assert 1000 < _embed(input=list(range(1000))).input_bound < 1100
    assert _embed(input="x", y=MUCH).input_bound >= estimates.text_tokens_bound(MUCH)
    assert _embed(input=[1], y=MUCH).input_bound >= estimates.text_tokens_bound(MUCH)
