"""Writing answers of chat, so that OpenAI's SDK reads them, and reads them back as sent."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from grip.providers.clients import ChatWire
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
from grip.providers.port import Report, StreamEvent
from tests.providers.clients_strategies import CALL, completions, deltas, generated

HELLO = {"role": "user", "content": "Hello!"}


def _whole(answer: Completion) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(ChatWire().completion(answer, CALL))
    ChatCompletion.model_validate(body, strict=True)
    return body


def _events(*said: Delta) -> list[StreamEvent]:
    writer = ChatWire().stream(CALL)
    return [event for delta in said for event in writer.write(delta)]


def _payload(event: StreamEvent) -> bytes:
    assert event.data.startswith(b"data: ")
    assert event.data.endswith(b"\n\n")
    assert event.data.count(b"\n") == 2
    return event.data[6:-2]


def _chunks(events: list[StreamEvent]) -> list[dict[str, Any]]:
    assert [event.is_end for event in events] == [False] * (len(events) - 1) + [True]
    assert _payload(events[-1]) == b"[DONE]"
    return [json.loads(_payload(event)) for event in events[:-1]]


def test_an_answer_has_openai_s_shape():
    """Words, thoughts and calls apart, and the usage with what was cached."""
    answer = Completion(
        id="msg_1",
        parts=(
            Thought(text="Hm.", sealed="sig"),
            Text(text="Let "),
            Text(text="me see."),
            ToolCall(id="call_1", name="weather", arguments='{"in":"Paris"}', sealed="gs"),
        ),
        stop="tool",
        report=Report(
            input_tokens=19, output_tokens=10, cached_input_tokens=4, cache_write_tokens=2
        ),
    )

    assert _whole(answer) == {
        "id": "msg_1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "named",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Let me see.",
                    "refusal": None,
                    "reasoning_content": "Hm.",
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": "Hm.", "signature": "sig", "index": 0}
                    ],
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"in":"Paris"}'},
                            "extra_content": {"google": {"thought_signature": "gs"}},
                        }
                    ],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {
            "prompt_tokens": 19,
            "completion_tokens": 10,
            "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        },
    }


def test_every_reason_to_stop_has_its_word():
    """An answer that asks for a tool has not ended by itself, whatever its vendor says."""
    called = ToolCall(id="c", name="f", arguments="{}")
    for answer in (
        Completion(id=None, parts=(called,), stop="end"),
        Completion(id=None, parts=(called,), stop="tool"),
    ):
        assert _whole(answer)["choices"][0]["finish_reason"] == "tool_calls"
    words: dict[StopReason, str] = {
        "end": "stop",
        "stop_sequence": "stop",
        "length": "length",
        "refusal": "content_filter",
    }
    for stop, word in words.items():
        answer = Completion(id=None, parts=(), stop=stop)
        assert _whole(answer)["choices"][0]["finish_reason"] == word


def test_an_answer_that_nobody_counted_has_no_usage():
    """Neither whole nor streamed; what is known of it is told to the gateway all the same."""
    half = Report(output_tokens=3)
    events = _events(Begun(id="a"), TextDelta(text="x"), Stopped(stop="end", report=half))

    assert "usage" not in _whole(Completion(id="a", parts=(), stop="end", report=half))
    assert not any("usage" in chunk for chunk in _chunks(events))
    assert [event.report for event in events] == [None, None, half, None]


def test_an_id_is_made_where_the_vendor_gave_none():
    """The same for the same call, and another for another."""
    answer = Completion(id=None, parts=(), stop="end")
    (begun,) = _events(Begun(id=None))
    other = CALL.__class__(
        path="/x", body=JsonObject(b"{}"), model="m", stream=True, ask_usage=False
    )

    made = _whole(answer)["id"]

    assert made.startswith("chatcmpl-")
    assert json.loads(_payload(begun))["id"] == made
    assert begun.upstream_id is None
    assert json.loads(ChatWire().completion(answer, other))["id"] != made


def test_a_stream_has_openai_s_shape():
    """The role first, the reason last, then the usage by itself, and the end."""
    report = Report(input_tokens=9, output_tokens=2)
    events = _events(
        Begun(id="chatcmpl-123", report=Report(input_tokens=9)),
        TextDelta(text="Hello\n"),
        ThoughtDelta(text="Hm."),
        ThoughtDelta(sealed="sig"),
        ThoughtDelta(sealed="xyz", redacted=True),
        ToolCallBegun(index=0, id="c", name="f", sealed="gs"),
        ToolCallDelta(index=0, arguments="{"),
        Stopped(stop="length", report=report),
    )
    chunks = _chunks(events)

    head = {
        "id": "chatcmpl-123",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "named",
    }
    said = [chunk["choices"][0] for chunk in chunks[:-1]]
    assert all(chunk.items() >= head.items() for chunk in chunks)
    assert [choice["delta"] for choice in said] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "Hello\n"},
        {"reasoning_content": "Hm."},
        {
            "reasoning_details": [
                {"type": "reasoning.text", "text": "Hm.", "signature": "sig", "index": 0}
            ]
        },
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "xyz", "index": 1}]},
        {
            "tool_calls": [
                {
                    "index": 0,
                    "id": "c",
                    "type": "function",
                    "function": {"name": "f", "arguments": ""},
                    "extra_content": {"google": {"thought_signature": "gs"}},
                }
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]},
        {},
    ]
    assert [choice["finish_reason"] for choice in said] == [None] * 7 + ["length"]
    assert chunks[-1] == {
        **head,
        "choices": [],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 2,
            "total_tokens": 11,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
    }
    assert events[0].upstream_id == "chatcmpl-123"
    assert events[0].report == Report(input_tokens=9)
    assert [event.is_usage for event in events] == [False] * 8 + [True, False]
    assert (events[8].payload, events[8].report) == (_payload(events[8]), report)


@given(answer=completions, at=st.integers(0, 12), early=st.booleans())
def test_the_sdk_puts_a_stream_together_to_the_whole_answer(
    answer: Completion, at: int, *, early: bool
):
    """Wherever its texts are cut, and whenever its input was counted."""
    events = _events(*deltas(answer, at, early=early))
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for chunk in _chunks(events):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk, strict=True))
    whole = _whole(answer)

    streamed = state.current_completion_snapshot.to_dict(mode="json")

    message = streamed["choices"][0]["message"]  # type: ignore[index]
    expected = whole["choices"][0]["message"]
    for call in message.get("tool_calls") or []:
        call.pop("index")
        call["function"].pop("parsed_arguments", None)
    assert (message.get("content") or None) == (expected.pop("content") or None)
    assert {name: message.get(name) for name in expected} == expected
    assert streamed["usage"] == whole["usage"]
    assert (streamed["id"], streamed["choices"][0]["finish_reason"]) == (  # type: ignore[index]
        whole["id"],
        whole["choices"][0]["finish_reason"],
    )
    assert "".join(event.text for event in events) == generated(answer)


@given(completions)
def test_an_answer_that_is_sent_back_is_read_as_it_was(answer: Completion):
    """But for the order, which chat has no place for, and for unsealed thoughts beside sealed."""
    message = _whole(answer)["choices"][0]["message"]
    body = {"model": "m", "messages": [HELLO, message, HELLO]}

    found = ChatWire().read(JsonObject(json.dumps(body).encode()), "X").turns[1].parts

    thoughts = [part for part in answer.parts if isinstance(part, Thought)]
    sealed = [thought for thought in thoughts if thought.sealed is not None]
    seen = "".join(thought.text for thought in thoughts)
    text = "".join(part.text for part in answer.parts if isinstance(part, Text))
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    expected: list[Any] = sealed or [Thought(text=seen)] * bool(seen)
    expected += [Text(text=text)] * (bool(text) or not (expected or calls))
    assert list(found) == expected + calls
