"""The input of messages, counted: every byte is held for, text as text, and media as such."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.errors import InvalidRequest
from grip.gateway.call import Call
from grip.money import estimates
from grip.providers.json_object import JsonObject
from grip.web.surfaces import messages

HELLO = [{"role": "user", "content": "Hello"}]
MUCH = "All of this is text that a model reads. " * 500
FILE_BOUND = estimates.file_tokens_bound(1 << 40)
PDF = base64.b64encode(b"\xff\xfe" * 30_000).decode()
IMAGE = base64.b64encode(b"\xff\xfe" * 300_000).decode()


def _raw(raw: bytes) -> Call:
    return messages.parse(JsonObject(raw), request_id="r", key_hash="k", ip="i")


def _call(said: Any = HELLO, **members: Any) -> Call:
    body = {"model": "m", "max_tokens": 1, "messages": said, **members}
    return _raw(json.dumps(body, ensure_ascii=False).encode())


def _blocks(*blocks: dict[str, Any], role: str = "user") -> Call:
    return _call([{"role": role, "content": list(blocks)}])


def _text(text: str = MUCH) -> dict[str, Any]:
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": "1h"}}


def _source(kind: str, **members: Any) -> dict[str, Any]:
    return {"source": {"type": kind, **members}}


SAID: dict[str, Call] = {
    "content": _call([{"role": "user", "content": MUCH}]),
    "a block": _blocks(_text()),
    "the system prompt": _call(system=MUCH),
    "a block of the system prompt": _call(system=[_text()]),
    "a message of the system": _call([*HELLO, {"role": "system", "content": MUCH}]),
    "a thought": _blocks({"type": "thinking", "thinking": MUCH, "signature": "x"}),
    "a call": _blocks({"type": "tool_use", "id": "t", "name": "f", "input": {"x": MUCH}}),
    "a result": _blocks({"type": "tool_result", "tool_use_id": "t", "content": MUCH}),
    "a block of a result": _blocks({"type": "tool_result", "content": [_text()]}),
    "a document of text": _blocks({"type": "document", **_source("text", data=MUCH)}),
    "a document of blocks": _blocks({"type": "document", **_source("content", content=[_text()])}),
    "a document in a result": _blocks(
        {"type": "tool_result", "content": [{"type": "document", **_source("text", data=MUCH)}]}
    ),
    "the context of a document": _blocks(
        {"type": "document", "context": MUCH, **_source("text", data="x")}
    ),
    "a search result": _blocks({"type": "search_result", "title": "x", "content": [_text()]}),
    "a summary": _blocks({"type": "compaction", "content": MUCH}),
    "a tool": _call(tools=[{"name": "f", "description": MUCH, "input_schema": {}}]),
    "a format": _call(output_config={"format": {"type": "json_schema", "schema": {"x": MUCH}}}),
}


@pytest.mark.parametrize("call", SAID.values(), ids=SAID)
def test_what_is_said_counts_in_full(call: Call):
    """In both estimates, and not twice."""
    near, bound = estimates.text_tokens_and_bound(MUCH)

    assert near <= call.input_tokens < near + 100
    assert bound <= call.input_bound < bound + 1000


HIDDEN: dict[str, dict[str, Any]] = {
    "a member that nobody knows": {"documents": [{"text": MUCH}]},
    "a member of a message": {"messages": [{"role": "user", "content": "x", "y": MUCH}]},
    "a role": {"messages": [{"role": MUCH, "content": "x"}]},
    "a lookalike of content": {"messages": [{"role": "user", "content": "x", "Content": MUCH}]},
    "a block that nobody knows": {
        "messages": [{"role": "user", "content": [{"type": "x", "y": {"z": MUCH}}]}]
    },
    "something beside a text": {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x", "y": MUCH}]}]
    },
    "an address": {
        "messages": [{"role": "user", "content": [{"type": "image", **_source("url", url=MUCH)}]}]
    },
    "a text that is no image": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {
                        "type": "image",
                        **_source(
                            "base64",
                            media_type="text/plain",
                            data=base64.b64encode(MUCH.encode()).decode(),
                        ),
                    }
                ],
            }
        ]
    },
    "something beside a source": {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image", **_source("url", url="http://x", text=MUCH)}],
            }
        ]
    },
}


@pytest.mark.parametrize("members", HIDDEN.values(), ids=HIDDEN)
def test_text_that_is_sent_is_held_for_wherever_it_stands(members: dict[str, Any]):
    """An upstream may read what grip does not."""
    assert _call(**members).input_bound >= estimates.text_tokens_bound(MUCH)


def test_a_content_that_stands_twice_is_held_for_twice():
    """Whichever of them the upstream reads."""
    message = f'{{"role":"user","content":"{MUCH}","content":"x"}}'
    call = _raw(f'{{"model":"m","max_tokens":1,"messages":[{message}]}}'.encode())

    assert call.input_bound >= estimates.text_tokens_bound(MUCH)


@pytest.mark.parametrize("slash", ["/", "\\/", "\\u002f"])
def test_the_payload_of_an_image_is_no_text(slash: str):
    """However its slashes are written, in a message or in the result of a tool."""
    image = {"type": "image", **_source("base64", media_type="image/png", data=IMAGE)}
    said = [image, {"type": "tool_result", "tool_use_id": "t", "content": [image]}, _text()]
    message = {"role": "user", "content": said}
    body = json.dumps({"model": "m", "max_tokens": 1, "messages": [message]})
    call = _raw(body.replace("/", slash).encode())
    bound = estimates.text_tokens_bound(MUCH) + 2 * estimates.IMAGE_TOKENS_BOUND
    near = estimates.text_tokens(MUCH) + 2 * estimates.IMAGE_TOKENS

    assert bound <= call.input_bound < bound + 500
    assert near <= call.input_tokens < near + 100


def test_a_document_within_the_body_counts_by_its_size():
    """Not by its letters."""
    bound = estimates.file_tokens_bound(len(PDF))
    source = _source("base64", media_type="application/pdf", data=PDF)

    assert bound <= _blocks({"type": "document", **source}).input_bound < bound + 300


@pytest.mark.parametrize("kind", ["thinking", "redacted_thinking"])
def test_a_sealed_thought_counts_by_its_size(kind: str):
    """What is under the seal is text to the model, shorter than the seal."""
    sealed = {"signature": PDF, "thinking": ""} if kind == "thinking" else {"data": PDF}
    call = _blocks({"type": kind, **sealed}, role="assistant")

    assert len(PDF) // 2 <= call.input_bound < len(PDF) // 2 + 300
    assert len(PDF) // 4 <= call.input_tokens < len(PDF) // 4 + 100


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", **_source("url", url="http://d")},
        {"type": "document", **_source("file", file_id=None)},
        {"type": "document"},
        {"type": "document", "source": 7},
        {"type": "document", **_source("content", content=7)},
        {"type": "image"},
        {"type": "image", **_source("video", url="http://v")},
        {"type": "container_upload"},
        {"type": "web_fetch_tool_result", "content": {"type": "x"}},
        {"type": "tool_result", "content": {"type": "x"}},
        {"type": "text"},
        {"type": "thinking", "signature": "x"},
        {"type": 7, "text": "x"},
        {"text": "x"},
    ],
    ids=str,
)
def test_a_block_that_cannot_be_looked_into_is_held_for_as_the_largest_file(block: dict[str, Any]):
    """Its address is all that is sent of it."""
    call = _blocks(block)

    assert call.input_bound >= FILE_BOUND
    assert call.input_tokens < 2 * estimates.IMAGE_TOKENS


@pytest.mark.parametrize("kind", ["url", "file"])
def test_an_image_that_is_not_sent_is_held_for_as_an_image(kind: str):
    """An address leads to one picture."""
    call = _blocks({"type": "image", **_source(kind)})
    bound = estimates.IMAGE_TOKENS_BOUND

    assert bound <= call.input_bound < bound + 300


def test_tools_add_what_the_vendor_puts_before_them():
    """Those of its own definition add what no body shows."""
    custom = {"name": "f", "input_schema": {"type": "object"}}
    bash = {"type": "bash_20250124", "name": "bash"}
    browser = {"type": "browser_toolset_20260801"}
    plain = _call().input_bound
    one = _call(tools=[custom]).input_bound

    assert one > plain + estimates.TOOLS_TOKENS_BOUND
    assert _call(tools=[custom, bash]).input_bound > one + 735 + 499
    assert _call(tools=[browser]).input_bound > plain + 30 * 300


def test_a_reference_to_a_tool_may_repeat_it():
    """Each of them, as often as the messages name it."""
    tool = {"name": "f", "description": MUCH, "input_schema": {}, "defer_loading": True}
    named = [{"type": "tool_reference", "tool_name": "f"}] * 5
    call = _call(
        [{"role": "user", "content": [{"type": "tool_result", "content": named}]}], tools=[tool]
    )

    assert call.input_bound >= 6 * estimates.text_tokens_bound(MUCH)
    assert call.input_bound < 7 * estimates.text_tokens_bound(MUCH) + 5000


def test_escaped_letters_count_as_letters():
    """Some clients send nothing but ASCII."""
    said = [{"role": "user", "content": "今天天气很好 😀 \\u4e2d \\\\u " * 40, "x": "\\"}]
    used = {"type": "tool_use", "id": "t", "name": "f", "input": {"x": "今天" * 40}}
    body = {"model": "m", "max_tokens": 1, "messages": [*said, {"role": "x", "content": [used]}]}
    escaped = _raw(json.dumps(body).encode())
    plain = _raw(json.dumps(body, ensure_ascii=False).encode())

    assert plain.input_tokens == escaped.input_tokens
    assert plain.input_bound <= escaped.input_bound <= plain.input_bound * 5 // 4


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "content", "source", "data", "input", "name", "thinking", "x"]
            ),
            inner
            | st.sampled_from(["text", "image", "document", "tool_result", "base64", "thinking"]),
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(
    said=st.lists(st.fixed_dictionaries({"role": st.text(max_size=5), "content": _ANY})),
    members=st.dictionaries(
        st.sampled_from(["system", "tools", "thinking", "context_management", "speed"]), _ANY
    ),
)
def test_any_body_is_counted_or_refused(said: Any, members: dict[str, Any]):
    """Nothing else happens, and the bound is never below the estimate."""
    try:
        call = _call(said, **members)
    except InvalidRequest:
        return

    assert 0 < call.input_tokens <= call.input_bound
