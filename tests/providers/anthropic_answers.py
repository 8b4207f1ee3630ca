"""A message in the shapes of Anthropic's wire, and what a client of another one is to see of it."""

import json
from typing import Any

from hypothesis import strategies as st

from grip.providers.anthropic import AnthropicAdapter
from grip.providers.anthropic.answers import AnthropicDeltas
from grip.providers.clients import ChatWire
from grip.providers.conversation import (
    Begun,
    Completion,
    Conversation,
    Delta,
    Stopped,
    Text,
    TextDelta,
    Thought,
    ThoughtDelta,
    ToolCall,
    ToolCallBegun,
    ToolCallDelta,
)
from grip.providers.json_object import JsonObject
from grip.providers.port import Answer, Report, StreamEvent, UpstreamCall
from grip.providers.wires import DeltaReader

ADAPTER = AnthropicAdapter({"/chat/completions": ChatWire()})
REPORT = Report(input_tokens=45, output_tokens=89, cached_input_tokens=30, cache_write_tokens=5)
INPUT = Report(input_tokens=45, cached_input_tokens=30, cache_write_tokens=5)
USAGE = {"input_tokens": 10, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 5}

# In the shapes of Claude API reference, "Create a Message" and "Streaming messages".
BLOCKS: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"},
    {"type": "redacted_thinking", "data": "EmwK"},
    {"type": "text", "text": "é \U0001f600", "citations": None},
    {"type": "tool_use", "id": "toolu_01", "name": "look", "input": {"at": "Paris"}},
    {"type": "tool_use", "id": "toolu_02", "name": "now", "input": {}},
]
PARTS = (
    Thought(text="Hm.", sealed="EqQB"),
    Thought(sealed="EmwK", redacted=True),
    Text(text="é \U0001f600"),
    ToolCall(id="toolu_01", name="look", arguments='{"at":"Paris"}'),
    ToolCall(id="toolu_02", name="now", arguments="{}"),
)
EVENTS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {"id": "msg_01", "content": [], "usage": {**USAGE, "output_tokens": 1}},
    },
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "thinking", "thinking": "", "signature": ""},
    },
    {"type": "ping"},
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "thinking": "Hm."},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "signature_delta", "signature": "EqQB"},
    },
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": BLOCKS[1]},
    {"type": "content_block_stop", "index": 1},
    {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}},
    {
        "type": "content_block_delta",
        "index": 2,
        "delta": {"type": "text_delta", "text": "é \U0001f600"},
    },
    {
        "type": "content_block_delta",
        "index": 2,
        "delta": {"type": "citations_delta", "citation": {"type": "char_location"}},
    },
    {"type": "content_block_stop", "index": 2},
    {"type": "content_block_start", "index": 3, "content_block": {**BLOCKS[3], "input": {}}},
    {
        "type": "content_block_delta",
        "index": 3,
        "delta": {"type": "input_json_delta", "partial_json": ""},
    },
    {
        "type": "content_block_delta",
        "index": 3,
        "delta": {"type": "input_json_delta", "partial_json": '{"at":"Pa'},
    },
    {
        "type": "content_block_delta",
        "index": 3,
        "delta": {"type": "input_json_delta", "partial_json": 'ris"}'},
    },
    {"type": "content_block_stop", "index": 3},
    {"type": "content_block_start", "index": 4, "content_block": BLOCKS[4]},
    {"type": "content_block_stop", "index": 4},
    {"type": "something_new", "x": 1},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 89},
    },
    {"type": "message_stop"},
]
DELTAS: list[Delta] = [
    Begun(id="msg_01", report=INPUT),
    ThoughtDelta(text="Hm."),
    ThoughtDelta(sealed="EqQB"),
    ThoughtDelta(sealed="EmwK", redacted=True),
    TextDelta(text="é \U0001f600"),
    ToolCallBegun(index=0, id="toolu_01", name="look"),
    ToolCallDelta(index=0, arguments='{"at":"Pa'),
    ToolCallDelta(index=0, arguments='ris"}'),
    ToolCallBegun(index=1, id="toolu_02", name="now"),
    ToolCallDelta(index=1, arguments="{}"),
    Stopped(stop="tool", report=REPORT),
]

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_MEMBERS = st.sampled_from(
    ["type", "index", "message", "content_block", "delta", "usage", "error", "content", "id"]
)
ODD = st.dictionaries(_MEMBERS, _JSON, max_size=4)
"""Members of a message or an event with any values."""


class Writer:
    """Writes each delta as its own name."""

    def write(self, delta: Delta) -> list[StreamEvent]:
        name = type(delta).__name__
        text = delta.text if isinstance(delta, TextDelta) else ""
        return [StreamEvent(data=name.encode(), text=text, is_end=isinstance(delta, Stopped))]


class Wire:
    """A client that remembers what it was answered."""

    def __init__(self) -> None:
        self.answered: Completion | None = None

    def read(self, body: JsonObject, wire: str) -> Conversation:
        raise NotImplementedError

    def completion(self, answer: Completion, call: UpstreamCall) -> bytes:
        self.answered = answer
        return b"translated for " + call.named.encode()

    def stream(self, call: UpstreamCall) -> Writer:
        assert call.stream
        return Writer()


def call(body: bytes = b'{"model":"m"}', *, stream: bool = False) -> UpstreamCall:
    """Return a chat's call of Anthropic."""
    return UpstreamCall(
        path="/chat/completions",
        body=JsonObject(body),
        model="claude-opus-5",
        named="m",
        stream=stream,
        ask_usage=stream,
        created_s=1_790_000_000,
    )


def answered(**members: Any) -> tuple[Answer, Completion]:
    """Return what comes of a message with these members, and what the client's wire was given."""
    wire = Wire()
    message = {"id": "msg_01", "content": BLOCKS, "stop_reason": "tool_use", **members}
    body = json.dumps(message, separators=(",", ":")).encode()
    answer = AnthropicAdapter({"/chat/completions": wire}).answer(call(), body)
    assert wire.answered is not None
    return answer, wire.answered


def sse(*events: dict[str, Any]) -> bytes:
    """Return events as they are sent."""
    texts = [
        f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
        for event in events
    ]
    return "".join(texts).encode()


def deltas(*parts: bytes) -> list[Delta]:
    """Return what is read of a stream that comes in these parts and ends."""
    reader: DeltaReader = AnthropicDeltas()
    found = [delta for part in parts for delta in reader.feed(part)]
    return found + reader.close()
