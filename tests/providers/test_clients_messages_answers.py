"""Writing answers of messages, so that Anthropic's SDK reads them, and reads them back as sent.

The recorded stream is `tests/lib/streaming/fixtures/tool_use_response.txt` of Anthropic's Python
SDK, whose rules for putting a stream together `_together` follows.
"""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.providers.clients import MessagesWire
from grip.providers.conversation import (
    Begun,
    Completion,
    Delta,
    Stopped,
    StopReason,
    Text,
    TextDelta,
    Thought,
    ThoughtDelta,
    ToolCall,
    ToolCallBegun,
    ToolCallDelta,
)
from grip.providers.json_object import JsonObject
from grip.providers.port import ChannelFault, Report, StreamEvent
from tests.providers.clients_strategies import CALL, completions, deltas, generated

HELLO = {"role": "user", "content": "Hello!"}
RECORDED = r"""event: message_start
data: {"type":"message_start","message":{"id":"msg_019Q1hrJbZG26Fb9BQhrkHEr","type":"message","role":"assistant","model":"named","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":377,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"I"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"'ll check the current weather in Paris for you."}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_01NRLabsLyVHZPKxbKvkfSMn","name":"get_weather","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"locati"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"on\": \"P"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"aris\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":377,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":65}}

event: message_stop
data: {"type":"message_stop"}

"""  # noqa: E501 - as recorded, but for the model, the pings, the caller and the counts that repeat


def _whole(answer: Completion) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(MessagesWire().completion(answer, CALL))
    return body


def _events(*said: Delta) -> list[StreamEvent]:
    writer = MessagesWire().stream(CALL)
    return [event for delta in said for event in writer.write(delta)]


def _together(events: list[StreamEvent]) -> dict[str, Any]:
    """Return the message that a stream says, and check its order: one block at a time."""
    assert [event.is_end for event in events] == [False] * (len(events) - 1) + [True]
    message: dict[str, Any] = {}
    open_block, arguments = -1, ""
    for event in events:
        if not event.data:
            continue
        name, data = event.data.removesuffix(b"\n\n").split(b"\n")
        said = json.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + said["type"].encode()
        if said["type"] == "message_start":
            message = said["message"]
        elif said["type"] == "content_block_start":
            assert (open_block, said["index"]) == (-1, len(message["content"]))
            open_block, arguments = said["index"], ""
            message["content"].append(said["content_block"])
        elif said["type"] == "content_block_delta":
            assert said["index"] == open_block
            arguments = _more(message["content"][-1], said["delta"], arguments)
        elif said["type"] == "content_block_stop":
            assert said["index"] == open_block
            open_block = -1
        elif said["type"] == "message_delta":
            message |= said["delta"]
            message["usage"] |= said["usage"]
        if said["type"] in ("content_block_start", "content_block_stop"):
            assert event.block == open_block
        else:
            assert event.block is None
    assert open_block == -1
    return message


def _more(block: dict[str, Any], delta: dict[str, Any], arguments: str) -> str:
    if delta["type"] == "input_json_delta":
        assert block["type"] == "tool_use"
        arguments += delta["partial_json"]
        if arguments:
            try:
                block["input"] = json.loads(arguments)
            except ValueError:
                block["input"] = {}
    elif delta["type"] == "text_delta":
        block["text"] += delta["text"]
    elif delta["type"] == "thinking_delta":
        block["thinking"] += delta["thinking"]
    else:
        assert block["type"] == "thinking"
        block["signature"] = delta["signature"]
    return arguments


def test_an_answer_has_anthropic_s_shape():
    """Blocks in their order, and the input without what was cached."""
    answer = Completion(
        id="gen-1",
        parts=(
            Thought(text="Hm.", sealed="sig"),
            Thought(sealed="xyz", redacted=True),
            Text(text="Let me see."),
            ToolCall(id="call_1", name="weather", arguments=' {"in": 1.0} ', sealed="gs"),
        ),
        stop="tool",
        report=Report(
            input_tokens=19, output_tokens=10, cached_input_tokens=4, cache_write_tokens=2
        ),
    )

    assert _whole(answer) == {
        "id": "gen-1",
        "type": "message",
        "role": "assistant",
        "model": "named",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
            {"type": "redacted_thinking", "data": "xyz"},
            {"type": "text", "text": "Let me see."},
            {"type": "thinking", "thinking": "", "signature": "tool_use:gs"},
            {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"in": 1.0}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 13,
            "cache_creation_input_tokens": 2,
            "cache_read_input_tokens": 4,
            "output_tokens": 10,
        },
    }


def test_every_reason_to_stop_has_its_word():
    """With the sequence, where it was one."""
    words: dict[StopReason, str] = {"end": "end_turn", "length": "max_tokens", "refusal": "refusal"}
    for stop, word in words.items():
        assert _whole(Completion(id=None, parts=(), stop=stop))["stop_reason"] == word
    found = _whole(Completion(id=None, parts=(), stop="stop_sequence", stop_sequence="END"))

    assert (found["stop_reason"], found["stop_sequence"]) == ("stop_sequence", "END")
    assert found["id"].startswith("msg_")
    assert set(found["usage"].values()) == {0}


def test_arguments_that_are_no_object_are_the_channel_s_fault():
    """Unless the limit has cut them off, or there are none."""
    garbled = ToolCall(id="c", name="f", arguments='{"a":')
    empty = ToolCall(id="c", name="f", arguments="")

    with pytest.raises(ChannelFault, match="garbage"):
        _whole(Completion(id=None, parts=(garbled,), stop="tool"))
    for answer in (
        Completion(id=None, parts=(garbled,), stop="length"),
        Completion(id=None, parts=(empty,), stop="tool"),
    ):
        assert _whole(answer)["content"][0]["input"] == {}


def test_a_recorded_stream_is_written_as_it_was():
    """Event by event, and byte for byte."""
    events = _events(
        Begun(id="msg_019Q1hrJbZG26Fb9BQhrkHEr", report=Report(input_tokens=377, output_tokens=1)),
        TextDelta(text="I"),
        TextDelta(text="'ll check the current weather in Paris for you."),
        ToolCallBegun(index=0, id="toolu_01NRLabsLyVHZPKxbKvkfSMn", name="get_weather"),
        ToolCallDelta(index=0, arguments=""),
        ToolCallDelta(index=0, arguments='{"locati'),
        ToolCallDelta(index=0, arguments='on": "P'),
        ToolCallDelta(index=0, arguments='aris"}'),
        Stopped(stop="tool", report=Report(output_tokens=65)),
    )

    assert b"".join(event.data for event in events).decode() == RECORDED
    assert [event.block for event in events if event.block is not None] == [0, -1, 1, -1]
    assert events[0].upstream_id == "msg_019Q1hrJbZG26Fb9BQhrkHEr"
    assert events[-2].report == Report(input_tokens=377, output_tokens=65)
    assert events[-1].is_end


def test_calls_that_come_interleaved_are_written_one_after_another():
    """What waits is counted when it comes, and written when its turn has come."""
    events = _events(
        Begun(id="a"),
        ToolCallBegun(index=0, id="c0", name="f"),
        ToolCallBegun(index=1, id="c1", name="g"),
        ToolCallDelta(index=1, arguments='{"b":'),
        ToolCallDelta(index=0, arguments='{"a":1}'),
        ToolCallBegun(index=2, id="c2", name="h", sealed="gs"),
        ToolCallDelta(index=1, arguments="2}"),
        TextDelta(text="Done."),
        Stopped(stop="end"),
    )

    assert [
        {name: block[name] for name in block if name in ("id", "input", "text", "signature")}
        for block in _together(events)["content"]
    ] == [
        {"id": "c0", "input": {"a": 1}},
        {"id": "c1", "input": {"b": 2}},
        {"signature": "tool_use:gs"},
        {"id": "c2", "input": {}},
        {"text": "Done."},
    ]
    assert "".join(event.text for event in events) == 'f{"b":{"a":1}2}ghDone.'


def test_more_arguments_for_a_call_that_is_complete_are_garbage():
    """Its block is closed, and no wire can open it again."""
    begun: list[Delta] = [
        Begun(id="a"),
        ToolCallBegun(index=0, id="c", name="f"),
        TextDelta(text="x"),
    ]

    with pytest.raises(ChannelFault, match="garbage"):
        _events(*begun, ToolCallDelta(index=0, arguments="{}"))
    assert _events(*begun, ToolCallDelta(index=0, arguments=""))


def test_a_stream_that_says_nothing_is_a_message():
    """Without a block, as empty texts make none."""
    events = _events(Begun(id="a"), TextDelta(text=""), ThoughtDelta(), Stopped(stop="refusal"))

    assert _together(events) == _whole(Completion(id="a", parts=(), stop="refusal"))
    assert all(event.report is None for event in events)


@given(answer=completions, at=st.integers(0, 12), early=st.booleans())
def test_a_stream_is_put_together_to_the_whole_answer(answer: Completion, at: int, *, early: bool):
    """Wherever its texts are cut, and whenever its input was counted."""
    events = _events(*deltas(answer, at, early=early))

    assert _together(events) == _whole(answer)
    assert "".join(event.text for event in events) == generated(answer)
    assert [event.report for event in events if event.report][-1:] == [answer.report]


@given(completions)
def test_an_answer_that_is_sent_back_is_read_as_it_was(answer: Completion):
    """Part by part."""
    content = _whole(answer)["content"]
    if not content:
        return
    message = {"role": "assistant", "content": content}
    body = {"model": "m", "messages": [HELLO, message, HELLO]}

    found = MessagesWire().read(JsonObject(json.dumps(body).encode()), "X").turns[1].parts

    assert len(found) == len(answer.parts)
    for read, said in zip(found, answer.parts, strict=True):
        if isinstance(read, ToolCall) and isinstance(said, ToolCall):
            assert json.loads(read.arguments) == json.loads(said.arguments)
            assert (read.id, read.name, read.sealed) == (said.id, said.name, said.sealed)
        else:
            assert read == said


@given(completions, st.integers(0, 12))
def test_no_block_is_opened_twice_in_a_row(answer: Completion, at: int):
    """Blocks open and close in turn."""
    marks = [
        event.block for event in _events(*deltas(answer, at, early=True)) if event.block is not None
    ]

    assert all((before == -1) != (after == -1) for before, after in pairwise(marks))
