"""Anthropic's answers for clients of other wires."""

import json
from typing import Any

import pytest
from hypothesis import given

from grip.providers.conversation import Completion, Stopped, Thought
from grip.providers.port import ChannelFault, Target
from tests.providers.anthropic_answers import (
    ADAPTER,
    BLOCKS,
    EVENTS,
    ODD,
    PARTS,
    REPORT,
    USAGE,
    answered,
    call,
    deltas,
    sse,
)


def test_an_answer_becomes_a_completion():
    """Its parts in their order, and what it used."""
    answer, completion = answered(usage={**USAGE, "output_tokens": 89})

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
    _, completion = answered(content=[], stop_reason=reason, stop_sequence="x")
    last = {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": "x"}}
    stopped = deltas(sse(EVENTS[0], last, EVENTS[-1]))[-1]

    assert (completion.stop, completion.stop_sequence) == (stop, "x")
    assert isinstance(stopped, Stopped)
    assert (stopped.stop, stopped.stop_sequence) == (stop, "x")


def test_an_answer_that_calls_a_tool_stopped_for_it():
    """Where the upstream gives no reason that is known."""
    assert answered(stop_reason=None)[1].stop == "tool"


def test_a_thought_without_a_signature_has_no_seal():
    """Nor an empty one."""
    _, completion = answered(content=[{"type": "thinking", "thinking": "Hm.", "signature": ""}])

    assert completion.parts == (Thought(text="Hm."),)


@pytest.mark.parametrize("block", [{"type": "server_tool_use", "name": "x"}, {"type": 7}, {}])
def test_a_block_that_no_other_wire_has_is_the_channels_fault(block: dict[str, Any]):
    """It is not dropped; nobody asked for it."""
    with pytest.raises(ChannelFault, match="block"):
        answered(content=[block])
    with pytest.raises(ChannelFault, match="block"):
        deltas(sse(EVENTS[0], {"type": "content_block_start", "index": 0, "content_block": block}))


@given(ODD)
def test_an_answer_of_any_members_is_read_or_the_channels_fault(odd: dict[str, Any]):
    """Never a failure of grip's own."""
    try:
        ADAPTER.answer(call(), json.dumps({"content": BLOCKS, **odd}).encode())
    except ChannelFault:
        return


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
    request = ADAPTER.request(call(json.dumps(CHAT).encode(), stream=True), target)

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
    body = json.loads(ADAPTER.answer(call(), json.dumps(message).encode()).body)
    (choice,) = body["choices"]

    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "é \U0001f600"
    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == ["look", "now"]
    assert body["usage"]["prompt_tokens"] == 45
    assert body["usage"]["completion_tokens"] == 89
    assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 30


def test_a_stream_of_a_message_becomes_one_of_a_chat():
    """With its usage in a chunk of its own, and the end that clients wait for."""
    reader = ADAPTER.stream(call(stream=True))
    events = [*reader.feed(sse(*EVENTS)), *reader.close()]
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
