"""Whatever an upstream sends on OpenAI's wire: events, an answer or the channel's fault."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.providers.clients import MessagesWire
from grip.providers.json_object import JsonObject
from grip.providers.openai import AzureAdapter, OpenAIAdapter
from grip.providers.port import ChannelFault, RequestRefused, UpstreamCall

ADAPTER = OpenAIAdapter({"/messages": MessagesWire()})
MEMBERS = [
    "type",
    "id",
    "status",
    "output",
    "output_index",
    "item",
    "response",
    "delta",
    "error",
    "usage",
    "choices",
    "message",
    "text",
    "index",
    "content",
    "reasoning_content",
    "refusal",
    "tool_calls",
    "function_call",
    "function",
    "name",
    "arguments",
    "summary",
    "finish_reason",
    "results",
    "meta",
    "tokens",
    "billed_units",
    "data",
    "prompt_tokens",
    "input_tokens",
    "code",
    "thinking",
    "extra_content",
    "google",
    "thought_signature",
    "input_tokens_details",
    "prompt_tokens_details",
    "param",
]
WORDS = st.sampled_from(
    [
        "response.created",
        "response.completed",
        "response.output_item.done",
        "response.failed",
        "x.delta",
        "stop",
        "error",
        "thinking",
        "text",
        "f",
        "{}",
        "7",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4)
    ),
    max_leaves=12,
)
# Values at the places where readers look for them, since chance alone finds none of those.
BODIES = VALUES | st.builds(
    lambda delta, reason, usage: {
        "choices": [{"delta": delta, "message": delta, "finish_reason": reason}],
        "usage": usage,
        "type": reason,
        "delta": delta,
        "item": delta,
        "response": usage,
        "output": [delta],
        "results": [delta],
        "meta": usage,
    },
    st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=4),
    VALUES,
    VALUES,
)
PATHS = sorted(ADAPTER.paths)


def _call(path: str, *, stream: bool) -> UpstreamCall:
    return UpstreamCall(
        path=path,
        body=JsonObject(b'{"model":"m"}'),
        model="m",
        named="m",
        stream=stream,
        ask_usage=False,
    )


@pytest.mark.parametrize("path", PATHS)
@given(body=BODIES)
def test_any_json_is_an_answer_or_a_fault(path: str, body: Any):
    """Never a failure of grip's own."""
    with contextlib.suppress(ChannelFault):
        ADAPTER.answer(_call(path, stream=False), json.dumps(body).encode())


@pytest.mark.parametrize("path", PATHS)
@given(bodies=st.lists(BODIES, max_size=4), rest=st.binary(max_size=20))
def test_any_events_are_a_stream_or_a_fault(path: str, bodies: list[Any], rest: bytes):
    """With any bytes after them."""
    reader = ADAPTER.stream(_call(path, stream=True))
    whole = "".join(f"data: {json.dumps(body)}\n\n" for body in bodies).encode() + rest
    with contextlib.suppress(ChannelFault):
        for event in reader.feed(whole) + reader.close():
            if event.unread:
                reader.text(event.data)


@given(status=st.integers(300, 599), body=BODIES, raw=st.none() | st.binary(max_size=20))
def test_any_refusal_is_one(status: int, body: Any, raw: bytes | None):
    """The client's, or the channel's."""
    sent = json.dumps(body).encode() if raw is None else raw
    for adapter in (ADAPTER, AzureAdapter()):
        refusal = adapter.refusal(status, {}, sent)

        assert isinstance(refusal, RequestRefused | ChannelFault)
