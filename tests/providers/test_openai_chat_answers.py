"""What OpenAI's chat answers, whole and streamed, read into neutral words."""

import json
from typing import Any

import pytest

from grip.providers.conversation import (
    Begun,
    Completion,
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
from grip.providers.openai import chat_answers, wire
from grip.providers.openai.chat_deltas import ChatDeltas
from grip.providers.openai.tool_ids import made
from grip.providers.port import ChannelFault, Report

USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 4,
    "total_tokens": 13,
    "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 3},
}
REPORT = Report(input_tokens=9, output_tokens=4, cached_input_tokens=2, cache_write_tokens=3)


def _completion(message: Any, reason: Any = "stop", **members: Any) -> Completion:
    choice = {"index": 0, "message": message, "finish_reason": reason}
    body = {"id": "chatcmpl-1", "choices": [choice], "usage": USAGE, **members}
    return chat_answers.completion(wire.decode(json.dumps(body).encode()))


def _called(name: str = "f", arguments: Any = "{}", **members: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **members}


def test_a_text_is_an_answer():
    """With its id and its usage."""
    assert _completion({"role": "assistant", "content": "Hi"}) == Completion(
        id="chatcmpl-1", parts=(Text(text="Hi"),), stop="end", report=REPORT
    )


def test_thoughts_come_before_words_and_words_before_calls():
    """Whatever order the members have."""
    message = {
        "tool_calls": [_called(id="call_1"), _called("g", {"a": 1}), _called(arguments="")],
        "content": "Hi",
        "reasoning_content": "Hm",
    }

    assert _completion(message, "tool_calls").parts == (
        Thought(text="Hm"),
        Text(text="Hi"),
        ToolCall(id="call_1", name="f", arguments="{}"),
        ToolCall(id=made("chatcmpl-1", 1, "g"), name="g", arguments='{"a":1}'),
        ToolCall(id=made("chatcmpl-1", 2, "f"), name="f", arguments="{}"),
    )


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"content": None}, ()),
        ({"content": ""}, ()),
        ({"content": 7, "reasoning": "Hm"}, (Thought(text="Hm"),)),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}, 7]},
                    {"type": "text", "text": "Hi"},
                    {"type": "thinking", "thinking": "Ah"},
                    {"type": "reference", "reference_ids": [1]},
                    7,
                ]
            },
            (Thought(text="Hm"), Text(text="Hi"), Thought(text="Ah")),
        ),
        (
            {"function_call": {"name": "f", "arguments": "{}"}},
            (ToolCall(id=made("chatcmpl-1", 0, "f"), name="f", arguments="{}"),),
        ),
        (
            {"tool_calls": [_called(id="c", extra_content={"google": {"thought_signature": "s"}})]},
            (ToolCall(id="c", name="f", arguments="{}", sealed="s"),),
        ),
        (
            {"tool_calls": [_called(id="c", extra_content={"google": 7})]},
            (ToolCall(id="c", name="f", arguments="{}"),),
        ),
    ],
)
def test_a_message_is_read_in_all_its_shapes(message: dict[str, Any], parts: tuple[Any, ...]):
    """Servers have many for the same thing."""
    assert _completion(message).parts == parts


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("stop", "end"),
        ("length", "length"),
        ("tool_calls", "tool"),
        ("function_call", "tool"),
        ("content_filter", "refusal"),
        ("eos", "end"),
        (None, "end"),
        (7, "end"),
        ([], "end"),
    ],
)
def test_a_reason_to_finish_has_a_neutral_word(reason: Any, stop: str):
    """What nobody knows is an end."""
    assert _completion({"content": "Hi"}, reason).stop == stop


def test_a_refusal_is_words_and_a_reason():
    """OpenAI's models say `stop` all the same."""
    completion = _completion({"content": None, "refusal": "No."})

    assert (completion.parts, completion.stop) == ((Text(text="No."),), "refusal")


def test_tools_are_called_whatever_the_reason_says():
    """Some servers stop at them as at the end of a text."""
    assert _completion({"tool_calls": [_called()]}, "stop").stop == "tool"


@pytest.mark.parametrize("reason", ["error", "insufficient_system_resource"])
def test_an_answer_that_was_broken_off_is_the_channels_fault(reason: str):
    """Some vendors have a word for it."""
    with pytest.raises(ChannelFault, match="broken off"):
        _completion({"content": "Hi"}, reason)


@pytest.mark.parametrize(
    "message",
    [
        None,
        {"tool_calls": [_called(arguments='{"a":')]},
        {"tool_calls": [_called(arguments="[]")]},
        {"tool_calls": [{"type": "function"}]},
        {"tool_calls": [{"type": "custom", "custom": {"name": "x", "input": "y"}}]},
        {"tool_calls": 7},
        {"tool_calls": [7]},
    ],
)
def test_a_message_that_cannot_be_passed_on_is_garbage(message: Any):
    """Nobody could act on it."""
    with pytest.raises(ChannelFault, match="garbage"):
        _completion(message)


def test_an_answer_without_choices_is_garbage():
    """There is nothing to pass on."""
    with pytest.raises(ChannelFault, match="garbage"):
        chat_answers.completion(wire.decode(b'{"choices":[]}'))


def test_arguments_that_the_limit_cut_off_are_passed_as_they_are():
    """The answer says that it is not whole."""
    completion = _completion({"tool_calls": [_called(arguments='{"a":')]}, "length")

    assert completion.stop == "length"
    assert completion.parts[0] == ToolCall(
        id=made("chatcmpl-1", 0, "f"), name="f", arguments='{"a":'
    )


def test_half_an_emoji_in_arguments_is_read():
    """Models cut them in two."""
    text = rb'{"choices":[{"message":{"tool_calls":[{"function":{"name":"f\ud83d"}}]}}]}'
    (call,) = chat_answers.completion(wire.decode(text)).parts

    assert isinstance(call, ToolCall)
    assert call.name == "f�"


# Chunks in the shape of OpenAI's API reference, "Streaming": a role, then words, then two calls at
# once as openai-python's tests have them, the reason to finish, the usage, and the end.
def _chunk(delta: Any, reason: Any = None, **members: Any) -> str:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]}
    return json.dumps(chunk | members, ensure_ascii=False)


def _piece(index: int, arguments: str, **members: Any) -> dict[str, Any]:
    return {"index": index, "function": {"arguments": arguments}, **members}


EVENTS = [
    ": OPENROUTER PROCESSING",
    "data: " + _chunk({"role": "assistant", "content": "", "refusal": None}),
    "data: " + _chunk({"content": None, "reasoning_content": "Hm"}),
    "data: " + _chunk({"content": "Let me é\U0001f600"}),
    "data: " + _chunk({"tool_calls": [{**_called("f", "", id="call_a"), "index": 0}]}),
    "data: " + _chunk({"tool_calls": [_piece(0, '{"a"')]}),
    "data: " + _chunk({"tool_calls": [_piece(0, ": 1}")]}),
    "data: " + _chunk({"tool_calls": [{**_called("g", "{}", id="call_b"), "index": 1}]}),
    "data: " + _chunk({}, "tool_calls"),
    "data: " + json.dumps({"id": "chatcmpl-1", "choices": [], "usage": USAGE}),
    "data: [DONE]",
]
DELTAS: list[Delta] = [
    Begun(id="chatcmpl-1"),
    ThoughtDelta(text="Hm"),
    TextDelta(text="Let me é\U0001f600"),
    ToolCallBegun(index=0, id="call_a", name="f"),
    ToolCallDelta(index=0, arguments='{"a"'),
    ToolCallDelta(index=0, arguments=": 1}"),
    ToolCallBegun(index=1, id="call_b", name="g"),
    ToolCallDelta(index=1, arguments="{}"),
    Stopped(stop="tool", report=REPORT),
]


def _read(*parts: bytes) -> list[Delta]:
    reader = ChatDeltas()
    return [delta for part in parts for delta in reader.feed(part)] + reader.close()


def _lines(*events: str) -> bytes:
    return "".join(f"{event}\n\n" for event in events).encode()


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_stream_is_the_same_cut_at_every_byte(newline: str):
    """Its deltas, and its one end."""
    whole = _lines(*EVENTS).replace(b"\n", newline.encode())
    assert _read(whole) == DELTAS
    assert _read(*[whole[at : at + 1] for at in range(len(whole))]) == DELTAS
    for at in range(len(whole)):
        assert _read(whole[:at], whole[at:]) == DELTAS


def test_a_stream_that_told_why_it_stopped_has_ended():
    """Also without the end, or without its empty line."""
    assert _read(_lines(*EVENTS[:-1])) == DELTAS
    assert _read(_lines(*EVENTS)[:-2]) == DELTAS


@pytest.mark.parametrize("count", range(len(EVENTS) - 2))
def test_a_stream_that_stops_without_a_reason_was_cut(count: int):
    """Half an answer is none."""
    with pytest.raises(ChannelFault, match="cut"):
        _read(_lines(*EVENTS[:count]))


def test_nothing_comes_after_the_end():
    """One answer has one end."""
    assert _read(_lines(*EVENTS, *EVENTS)) == DELTAS


def test_an_empty_answer_begins_and_stops():
    """The limit may leave no room for a word."""
    assert _read(_lines("data: " + _chunk({"role": "assistant"}, "length"), "data: [DONE]")) == [
        Begun(id="chatcmpl-1"),
        Stopped(stop="length"),
    ]


def test_a_count_that_more_text_follows_was_not_the_last_word():
    """Some servers count in every chunk."""
    first = _chunk({"content": "Hi"}, usage={"prompt_tokens": 9, "completion_tokens": 1})
    deltas = _read(_lines(f"data: {first}", "data: " + _chunk({"content": "!"}, "stop")))
    last = _read(_lines(f"data: {first}", "data: " + _chunk({"content": "!"}, "stop", usage=USAGE)))

    assert deltas[-1] == Stopped(stop="end")
    assert last[-1] == Stopped(stop="end", report=REPORT)


def test_calls_without_a_place_of_their_own_are_told_apart_by_their_ids():
    """Some servers give all of them the same index, or none."""
    for index in ({"index": 0}, {}):
        chunks = [
            {"tool_calls": [{**_called("f", '{"a":1}', id="x"), **index}]},
            {"tool_calls": [{**_called("g", '{"b":', id="y"), **index}]},
            {"tool_calls": [{"function": {"arguments": "2}"}, **index}]},
        ]
        deltas = _read(_lines(*["data: " + _chunk(chunk) for chunk in chunks], "data: [DONE]"))

        assert deltas[1:-1] == [
            ToolCallBegun(index=0, id="x", name="f"),
            ToolCallDelta(index=0, arguments='{"a":1}'),
            ToolCallBegun(index=1, id="y", name="g"),
            ToolCallDelta(index=1, arguments='{"b":'),
            ToolCallDelta(index=1, arguments="2}"),
        ]


def test_calls_that_are_interleaved_keep_their_places():
    """Each piece says which it belongs to."""
    chunk = {
        "tool_calls": [
            {**_called("f", "", id="x"), "index": 4},
            {**_called("g", "", id="y"), "index": 7},
            _piece(4, "1"),
            _piece(7, "2"),
            _piece(4, "3", id="x"),
        ]
    }
    deltas = _read(_lines("data: " + _chunk(chunk), "data: [DONE]"))

    assert [delta for delta in deltas if isinstance(delta, ToolCallDelta)] == [
        ToolCallDelta(index=0, arguments="1"),
        ToolCallDelta(index=1, arguments="2"),
        ToolCallDelta(index=0, arguments="3"),
    ]


def test_a_call_without_an_id_gets_one():
    """Its result must be able to name it."""
    chunk = _chunk({"function_call": {"name": "f", "arguments": "{}"}}, "function_call")

    assert _read(_lines(f"data: {chunk}"))[1:] == [
        ToolCallBegun(index=0, id=made("chatcmpl-1", 0, "f"), name="f"),
        ToolCallDelta(index=0, arguments="{}"),
        Stopped(stop="tool"),
    ]


def test_a_refusal_in_a_stream_is_words_and_a_reason():
    """As in a whole answer."""
    chunks = [_chunk({"refusal": "No."}), _chunk({}, "stop")]

    assert _read(_lines(*[f"data: {chunk}" for chunk in chunks]))[1:] == [
        TextDelta(text="No."),
        Stopped(stop="refusal"),
    ]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ('data: {"error": {"message": "no"}}', "error_in_stream"),
        ('event: error\ndata: {"message": "no"}', "error_in_stream"),
        ("data: {", "garbage"),
        ("data: Hello", "garbage"),
        ('data: {"choices": 7}', "garbage"),
        ("data: " + "[" * 100_000, "garbage"),
        ("data: " + _chunk({"tool_calls": 7}), "garbage"),
        ("data: " + _chunk({"tool_calls": [_piece(3, "x")]}), "garbage"),
        ("data: " + _chunk({}, "error") + "\n\ndata: [DONE]", "broken off"),
    ],
)
def test_what_breaks_a_stream_is_the_channels_fault(event: str, reason: str):
    """Never a failure of grip's own."""
    reader = ChatDeltas()
    reader.feed(_lines(*EVENTS[:4]))
    with pytest.raises(ChannelFault, match=reason):
        reader.feed(_lines(event))


def test_bytes_that_are_no_text_are_garbage():
    """Also inside of a call, which must be passed on as text."""
    for part in (b'{"content":"\xff"}', b'{"tool_calls":[{"index":"\xff"}]}'):
        with pytest.raises(ChannelFault, match="garbage"):
            ChatDeltas().feed(b'data: {"choices":[{"delta":' + part + b"}]}\n\n")


def test_an_event_that_never_ends_is_garbage():
    """Rather than kept for ever."""
    reader = ChatDeltas()
    with pytest.raises(ChannelFault, match="garbage"):
        for _ in range(100):
            reader.feed(b"x" * 1024 * 1024)


def test_what_azure_says_of_the_prompt_first_is_nothing_said():
    """Its first chunk has neither choices nor an id."""
    first = {"id": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    deltas = _read(_lines("data: " + json.dumps(first), *EVENTS))

    assert deltas == DELTAS
