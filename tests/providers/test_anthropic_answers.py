"""Anthropic's answers for clients of other wires: whole ones and streams."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
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
from grip.providers.port import (
    Answer,
    ChannelFault,
    Report,
    StreamEvent,
    StreamReader,
    Target,
    UpstreamCall,
)
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


class _Writer:
    """Writes each delta as its own name."""

    def write(self, delta: Delta) -> list[StreamEvent]:
        name = type(delta).__name__
        text = delta.text if isinstance(delta, TextDelta) else ""
        return [StreamEvent(data=name.encode(), text=text, is_end=isinstance(delta, Stopped))]


class _Wire:
    """A client that remembers what it was answered."""

    def __init__(self) -> None:
        self.answered: Completion | None = None

    def read(self, body: JsonObject, wire: str) -> Conversation:
        raise NotImplementedError

    def completion(self, answer: Completion, call: UpstreamCall) -> bytes:
        self.answered = answer
        return b"translated for " + call.named.encode()

    def stream(self, call: UpstreamCall) -> _Writer:
        assert call.stream
        return _Writer()


def _call(body: bytes = b'{"model":"m"}', *, stream: bool = False) -> UpstreamCall:
    return UpstreamCall(
        path="/chat/completions",
        body=JsonObject(body),
        model="claude-opus-5",
        named="m",
        stream=stream,
        ask_usage=stream,
        created_s=1_790_000_000,
    )


def _answered(**members: Any) -> tuple[Answer, Completion]:
    wire = _Wire()
    message = {"id": "msg_01", "content": BLOCKS, "stop_reason": "tool_use", **members}
    body = json.dumps(message, separators=(",", ":")).encode()
    answer = AnthropicAdapter({"/chat/completions": wire}).answer(_call(), body)
    assert wire.answered is not None
    return answer, wire.answered


def _sse(*events: dict[str, Any]) -> bytes:
    texts = [
        f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
        for event in events
    ]
    return "".join(texts).encode()


def _deltas(*parts: bytes) -> list[Delta]:
    reader: DeltaReader = AnthropicDeltas()
    found = [delta for part in parts for delta in reader.feed(part)]
    return found + reader.close()


def test_an_answer_becomes_a_completion():
    """Its parts in their order, and what it used."""
    answer, completion = _answered(usage={**USAGE, "output_tokens": 89})

    assert answer.body == b"translated for m"
    assert (answer.report, answer.upstream_id) == (REPORT, "msg_01")
    assert answer.text == 'Hm.é \U0001f600look{"at":"Paris"}now'
    assert completion == Completion(id="msg_01", parts=PARTS, stop="tool", report=REPORT)


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", "end"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("stop_sequence", "stop_sequence"),
        ("tool_use", "tool"),
        ("refusal", "refusal"),
        ("unheard_of", "end"),
        (None, "end"),
        (7, "end"),
    ],
)
def test_why_an_answer_stopped_is_told(reason: Any, stop: str):
    """In a whole answer as in a stream."""
    _, completion = _answered(content=[], stop_reason=reason, stop_sequence="x")
    last = {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": "x"}}
    stopped = _deltas(_sse(EVENTS[0], last, EVENTS[-1]))[-1]

    assert (completion.stop, completion.stop_sequence) == (stop, "x")
    assert isinstance(stopped, Stopped)
    assert (stopped.stop, stopped.stop_sequence) == (stop, "x")


def test_an_answer_that_calls_a_tool_stopped_for_it():
    """Where the upstream gives no reason that is known."""
    assert _answered(stop_reason=None)[1].stop == "tool"


def test_a_thought_without_a_signature_has_no_seal():
    """Nor an empty one."""
    _, completion = _answered(content=[{"type": "thinking", "thinking": "Hm.", "signature": ""}])

    assert completion.parts == (Thought(text="Hm."),)


@pytest.mark.parametrize("block", [{"type": "server_tool_use", "name": "x"}, {"type": 7}, {}])
def test_a_block_that_no_other_wire_has_is_the_channels_fault(block: dict[str, Any]):
    """It is not dropped; nobody asked for it."""
    with pytest.raises(ChannelFault, match="block"):
        _answered(content=[block])
    with pytest.raises(ChannelFault, match="block"):
        _deltas(
            _sse(EVENTS[0], {"type": "content_block_start", "index": 0, "content_block": block})
        )


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_deltas_are_the_same_cut_at_every_byte(newline: str):
    """With each of the three line ends that events may have."""
    whole = _sse(*EVENTS).replace(b"\n", newline.encode())

    assert _deltas(whole) == DELTAS
    assert _deltas(*[whole[at : at + 1] for at in range(len(whole))]) == DELTAS
    for at in range(len(whole)):
        assert _deltas(whole[:at], whole[at:]) == DELTAS


@given(st.lists(st.integers(0, 2500), max_size=8))
def test_deltas_are_the_same_cut_anywhere(cuts: list[int]):
    """In as many pieces as chance wants."""
    whole = _sse(*EVENTS)
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]

    assert _deltas(*[whole[a:b] for a, b in itertools.pairwise(edges)]) == DELTAS


@pytest.mark.parametrize("count", range(1, len(EVENTS) - 2))
def test_deltas_that_stop_without_a_reason_were_cut_off(count: int):
    """Half an answer is none."""
    with pytest.raises(ChannelFault, match="cut"):
        _deltas(_sse(*EVENTS[:count]))


def test_a_stream_that_told_why_it_stopped_needs_no_end():
    """It is complete."""
    assert _deltas(_sse(*EVENTS[:-1])) == DELTAS


def test_a_stream_without_a_beginning_gets_one():
    """Clients wait for it."""
    assert _deltas(_sse(*EVENTS[9:10], *EVENTS[-2:])) == [
        Begun(id=None),
        TextDelta(text="é \U0001f600"),
        Stopped(stop="tool", report=Report(output_tokens=89)),
    ]


def test_a_block_may_be_all_there_at_its_beginning():
    """As some upstreams send it."""
    starts = [
        {"type": "content_block_start", "index": at, "content_block": block}
        for at, block in enumerate(BLOCKS)
    ]
    stops = [{"type": "content_block_stop", "index": at} for at in range(len(BLOCKS))]
    found = _deltas(_sse(EVENTS[0], *starts, *stops, *EVENTS[-2:]))

    assert found[1:5] == DELTAS[1:5]
    assert [delta for delta in found if isinstance(delta, ToolCallDelta)] == [
        ToolCallDelta(index=0, arguments='{"at": "Paris"}'),
        ToolCallDelta(index=1, arguments="{}"),
    ]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        {"type": "content_block_start", "index": 0},
        {"type": "content_block_start", "index": [], "content_block": BLOCKS[3]},
        {"type": "content_block_delta", "index": 0},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 7}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "audio_delta"}},
        {
            "type": "content_block_delta",
            "index": 9,
            "delta": {"type": "input_json_delta", "partial_json": "{"},
        },
        {
            "type": "content_block_delta",
            "index": {},
            "delta": {"type": "input_json_delta", "partial_json": "{"},
        },
    ],
)
def test_what_no_client_can_be_told_is_the_channels_fault(event: dict[str, Any]):
    """An error, or content that is none."""
    with pytest.raises(ChannelFault):
        _deltas(_sse(EVENTS[0], event))


@given(st.binary(max_size=200), st.integers(0, 2500), st.integers(0, 20))
def test_a_torn_stream_of_deltas_never_fails_but_as_the_channels_fault(
    junk: bytes, at: int, lost: int
):
    """Whatever stands in it, and wherever."""
    whole = _sse(*EVENTS)
    try:
        deltas = _deltas(whole[:at] + junk + whole[at + lost :])
    except ChannelFault:
        return
    assert isinstance(deltas[0], Begun)
    assert isinstance(deltas[-1], Stopped)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
MEMBERS = st.sampled_from(
    ["type", "index", "message", "content_block", "delta", "usage", "error", "content", "id"]
)


@given(st.sampled_from(EVENTS), st.dictionaries(MEMBERS, JSON, max_size=3))
def test_an_event_of_any_members_is_read_or_the_channels_fault(
    event: dict[str, Any], odd: dict[str, Any]
):
    """Never a failure of grip's own."""
    reader = ADAPTER.stream(_call(stream=True))
    reader.feed(_sse(EVENTS[0]))
    data = b"data: " + json.dumps({**event, **odd}).encode() + b"\n\n"
    try:
        reader.feed(data)
    except ChannelFault:
        return


@given(st.dictionaries(MEMBERS, JSON, max_size=4))
def test_an_answer_of_any_members_is_read_or_the_channels_fault(odd: dict[str, Any]):
    """Never a failure of grip's own."""
    try:
        ADAPTER.answer(_call(), json.dumps({"content": BLOCKS, **odd}).encode())
    except ChannelFault:
        return


def _translated(*parts: bytes) -> tuple[StreamReader, list[StreamEvent]]:
    adapter = AnthropicAdapter({"/chat/completions": _Wire()})
    reader = adapter.stream(_call(stream=True))
    return reader, [*(event for part in parts for event in reader.feed(part)), *reader.close()]


def test_a_translated_stream_is_what_the_clients_wire_writes():
    """The count of the input goes with all that is generated."""
    reader, events = _translated(_sse(*EVENTS))

    assert [event.data.decode() for event in events] == [type(each).__name__ for each in DELTAS]
    assert [event.report for event in events if event.text] == [INPUT]
    assert events[-1].is_end
    assert reader.text(b"any") == ""


def test_a_count_is_told_before_the_end_of_a_translated_stream():
    """Whoever leaves in between is charged by it; one that more text follows is forgotten."""
    reader = AnthropicAdapter({"/chat/completions": _Wire()}).stream(_call(stream=True))
    reader.feed(_sse(EVENTS[0]))
    (told,) = reader.feed(_sse(EVENTS[-2]))
    again = reader.feed(_sse(*EVENTS[8:10]))

    assert (told.data, told.report, told.is_comment) == (b"", REPORT, True)
    assert {event.report for event in again if event.text} == {INPUT}
    assert reader.feed(_sse(EVENTS[-1]))[-1].is_end


def test_a_translated_stream_that_counts_nothing_reports_nothing():
    """It is estimated."""
    start = {"type": "message_start", "message": {"id": "msg_01"}}
    _, events = _translated(_sse(start, *EVENTS[8:10], *EVENTS[-2:]))

    assert {event.report for event in events} == {None}


# The body of a request in the shape of OpenAI API reference, "Chat", "Function calling".
CHAT = {
    "model": "m",
    "stream_options": {"include_usage": True},
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Where?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "Hm.",
            "reasoning_details": [
                {"type": "reasoning.text", "text": "Hm.", "signature": "EqQB", "index": 0}
            ],
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "look", "arguments": '{"at":"Paris"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ],
    "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "max_completion_tokens": 100,
    "stop": "END",
}


def test_a_chat_becomes_a_message():
    """From the client's bytes to the vendor's."""
    target = Target(base_url="https://u/v1", secret=None)
    request = ADAPTER.request(_call(json.dumps(CHAT).encode(), stream=True), target)

    assert json.loads(request.body) == {
        "model": "claude-opus-5",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Where?"},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "aGk="},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"},
                    {
                        "type": "tool_use",
                        "id": "call_1",
                        "name": "look",
                        "input": {"at": "Paris"},
                    },
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "call_1",
                        "content": [{"type": "text", "text": "sunny"}],
                    }
                ],
            },
        ],
        "tools": [{"name": "look", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "stop_sequences": ["END"],
        "stream": True,
    }


def test_a_message_becomes_an_answer_to_a_chat():
    """From the vendor's bytes to the client's."""
    message = {
        "id": "msg_01",
        "content": BLOCKS,
        "stop_reason": "tool_use",
        "usage": {**USAGE, "output_tokens": 89},
    }
    body = json.loads(ADAPTER.answer(_call(), json.dumps(message).encode()).body)
    (choice,) = body["choices"]

    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "é \U0001f600"
    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == ["look", "now"]
    assert body["usage"]["prompt_tokens"] == 45
    assert body["usage"]["completion_tokens"] == 89
    assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 30


def test_a_stream_of_a_message_becomes_one_of_a_chat():
    """With its usage in a chunk of its own, and the end that clients wait for."""
    reader = ADAPTER.stream(_call(stream=True))
    events = [*reader.feed(_sse(*EVENTS)), *reader.close()]
    chunks = [json.loads(event.data.removeprefix(b"data: ")) for event in events[:-1]]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]

    assert "".join(delta.get("content") or "" for delta in deltas) == "é \U0001f600"
    assert "".join(call["function"]["arguments"] for call in calls if call["index"] == 0) == (
        '{"at":"Paris"}'
    )
    assert events[0].upstream_id == "msg_01"
    assert [event.report for event in events if event.is_usage] == [REPORT]
    assert (events[-1].data, events[-1].is_end) == (b"data: [DONE]\n\n", True)
