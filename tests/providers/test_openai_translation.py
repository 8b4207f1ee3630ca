"""Clients of other wires, served by an upstream that speaks OpenAI's chat."""

import json
from typing import Any

import pytest

from grip.providers.clients import ChatWire, MessagesWire
from grip.providers.conversation import (
    Completion,
    Conversation,
    Delta,
    Stopped,
    Text,
    TextDelta,
    Turn,
    Untranslatable,
)
from grip.providers.json_object import JsonObject
from grip.providers.openai import OpenAIAdapter
from grip.providers.port import (
    ChannelFault,
    Report,
    StreamEvent,
    Target,
    UpstreamCall,
)
from grip.providers.sandbox import SandboxAdapter
from grip.providers.wires import DeltaWriter

TARGET = Target(base_url="https://api.openai.com/v1", secret="s")
REPORT = Report(input_tokens=9, output_tokens=4)
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


class ShoutWriter:
    """Writes each delta as a line."""

    def write(self, delta: Delta) -> list[StreamEvent]:
        if isinstance(delta, TextDelta):
            return [StreamEvent(data=delta.text.upper().encode() + b"\n", text=delta.text)]
        if isinstance(delta, Stopped):
            return [
                StreamEvent(data=b"", report=delta.report),
                StreamEvent(data=b"END\n", is_end=True),
            ]
        return []


class ShoutWire:
    """A client that shouts one word and is shouted at."""

    def read(self, body: JsonObject, wire: str) -> Conversation:
        if "whisper" in body:
            raise Untranslatable(f"whisper: {wire} only hears shouts", param="whisper")
        words = Text(text=body.get("shout", str, ""))
        return Conversation(turns=(Turn(role="user", parts=(words,)),), max_tokens=7)

    def completion(self, answer: Completion, call: UpstreamCall) -> bytes:
        texts = [part.text for part in answer.parts if isinstance(part, Text)]
        return f"{call.named}: {''.join(texts).upper()}".encode()

    def stream(self, call: UpstreamCall) -> DeltaWriter:
        return ShoutWriter()


ADAPTER = OpenAIAdapter({"/shout": ShoutWire()})


def _call(body: Any, *, path: str = "/shout", stream: bool = False) -> UpstreamCall:
    return UpstreamCall(
        path=path,
        body=JsonObject(json.dumps(body).encode()),
        model="up",
        named="loud",
        stream=stream,
        ask_usage=stream,
        headers=(("anthropic-beta", "x"),),
        created_s=1,
    )


def _completed(message: dict[str, Any], reason: str = "stop") -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return json.dumps({"id": "chatcmpl-1", "choices": [choice], "usage": USAGE}).encode()


def test_an_adapter_serves_the_routes_of_the_wires_that_it_was_given():
    """And its own, to which it needs none."""
    adapter = OpenAIAdapter({"/shout": ShoutWire(), "/chat/completions": ChatWire()})
    native = UpstreamCall(
        path="/chat/completions",
        body=JsonObject(b'{ "model":"up" }'),
        model="up",
        stream=False,
        ask_usage=False,
    )

    assert adapter.paths == OpenAIAdapter().paths | {"/shout"}
    assert adapter.request(native, TARGET).body is native.body.raw


def test_a_translated_request_goes_to_chat():
    """Without the headers of the client's own wire."""
    request = ADAPTER.request(_call({"shout": "hi"}), TARGET)

    assert request.url == "https://api.openai.com/v1/chat/completions"
    assert dict(request.headers) == {
        "content-type": "application/json",
        "accept": "application/json",
        "authorization": "Bearer s",
    }
    assert json.loads(request.body) == {
        "model": "up",
        "messages": [{"role": "user", "content": "hi"}],
        "max_completion_tokens": 7,
    }


def test_what_cannot_be_translated_is_refused_before_anything_is_sent():
    """By its name, and by the name of the wire."""
    with pytest.raises(Untranslatable, match="OpenAI chat") as refusal:
        ADAPTER.request(_call({"whisper": "hi"}), TARGET)

    assert refusal.value.param == "whisper"


def test_a_translated_answer_is_the_clients_own():
    """Its report is the upstream's."""
    answer = ADAPTER.answer(_call({}), _completed({"content": "hey", "reasoning": "hm"}))

    assert answer.body == b"loud: HEY"
    assert (answer.report, answer.text, answer.upstream_id) == (REPORT, "heyhm", "chatcmpl-1")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "garbage"),
        (b"{}", "garbage"),
        (b'{"choices":[]}', "garbage"),
        (b'{"error":{"message":"no"}}', "error_in_answer"),
    ],
)
def test_an_answer_that_is_none_is_the_channels_fault(body: bytes, reason: str):
    """As on the upstream's own wire."""
    with pytest.raises(ChannelFault, match=reason):
        ADAPTER.answer(_call({}), body)


def _chunk(delta: dict[str, Any], reason: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return f"data: {json.dumps({'id': 'chatcmpl-1', 'choices': [choice]})}\n\n"


LAST = f"data: {json.dumps({'choices': [], 'usage': USAGE})}\n\ndata: [DONE]\n\n"
STREAM = (_chunk({"content": "hey "}) + _chunk({"content": "you"}) + _chunk({}, "stop")).encode()


def test_a_translated_stream_is_the_clients_own():
    """With its end apart, and the usage before it."""
    reader = ADAPTER.stream(_call({}, stream=True))
    events = reader.feed(STREAM + LAST.encode()) + reader.close()

    assert [event.data for event in events] == [b"HEY \n", b"YOU\n", b"", b"END\n"]
    assert [event.report for event in events] == [None, None, REPORT, None]
    assert reader.text(b"") == ""


def test_a_count_is_told_before_the_end_of_a_translated_stream():
    """Whoever leaves in between is charged by it; one that more text follows is forgotten."""
    reader = ADAPTER.stream(_call({}, stream=True))
    reader.feed(_chunk({"content": "hey "}).encode())
    counted = f"data: {json.dumps({'choices': [], 'usage': USAGE})}\n\n".encode()
    (told,) = reader.feed(counted)
    (outdated,) = reader.feed(_chunk({"content": "you"}).encode())

    assert (told.data, told.report, told.is_comment) == (b"", REPORT, True)
    assert outdated.report is None
    assert [event.report for event in reader.feed(counted + b"data: [DONE]\n\n")] == [REPORT, None]


def test_a_translated_stream_that_breaks_is_the_channels_fault():
    """Cut, or ended by an error."""
    cut = ADAPTER.stream(_call({}, stream=True))
    cut.feed(_chunk({"content": "hey"}).encode())
    with pytest.raises(ChannelFault, match="cut"):
        cut.close()
    with pytest.raises(ChannelFault, match="error_in_stream"):
        ADAPTER.stream(_call({}, stream=True)).feed(b'data: {"error":"no"}\n\n')


# From here on with the real wire of Anthropic's clients; the request is the one of Anthropic's
# documentation, "Tool use", with an image and a result.
MESSAGES = OpenAIAdapter({"/messages": MessagesWire()})
ASKED = {
    "model": "loud",
    "max_tokens": 1024,
    "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
    "tools": [
        {
            "name": "get_weather",
            "description": "Get the current weather",
            "input_schema": {"type": "object", "properties": {"location": {"type": "string"}}},
        }
    ],
    "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    "stop_sequences": ["END"],
    "messages": [
        {
            "role": "user",
            "content": [
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="},
                },
                {"type": "text", "text": "What is the weather there?"},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Let me see."},
                {
                    "type": "tool_use",
                    "id": "toolu_1",
                    "name": "get_weather",
                    "input": {"location": "Rome"},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [{"type": "text", "text": "no such place"}],
                    "is_error": True,
                }
            ],
        },
    ],
}


def test_a_message_of_anthropics_clients_is_asked_of_chat():
    """With its image, its tools and their results."""
    call = _call(ASKED | {"stream": True}, path="/messages", stream=True)
    body = json.loads(MESSAGES.request(call, TARGET).body)

    assert body["messages"] == [
        {"role": "system", "content": "Be kind."},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
                {"type": "text", "text": "What is the weather there?"},
            ],
        },
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {
                    "id": "toolu_1",
                    "type": "function",
                    "function": {
                        "name": "get_weather",
                        "arguments": body["messages"][2]["tool_calls"][0]["function"]["arguments"],
                    },
                }
            ],
        },
        {"role": "tool", "tool_call_id": "toolu_1", "content": "Error: no such place"},
    ]
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("required", False)
    assert (body["max_completion_tokens"], body["stop"]) == (1024, ["END"])
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


def test_anthropics_clients_get_a_message():
    """With the calls of tools as its blocks."""
    message = {
        "content": "Let me see.",
        "tool_calls": [
            {"id": "call_1", "function": {"name": "get_weather", "arguments": '{"location":"R"}'}}
        ],
    }
    call = _call(ASKED, path="/messages")
    answer = MESSAGES.answer(call, _completed(message, "tool_calls"))
    body = json.loads(answer.body)

    assert body["content"] == [
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"location": "R"}},
    ]
    assert (body["model"], body["stop_reason"]) == ("loud", "tool_use")
    assert body["usage"]["output_tokens"] == 4
    assert answer.report == REPORT


def test_anthropics_clients_get_a_stream_of_theirs():
    """The same, whatever the cuts in the upstream's."""
    whole = STREAM + LAST.encode()
    call = _call(ASKED, path="/messages", stream=True)
    expected = b"".join(event.data for event in MESSAGES.stream(call).feed(whole))
    names = [line for line in expected.decode().splitlines() if line.startswith("event:")]

    assert names[0] == "event: message_start"
    assert names[-2:] == ["event: message_delta", "event: message_stop"]
    for at in range(len(whole)):
        reader = MESSAGES.stream(call)
        events = reader.feed(whole[:at]) + reader.feed(whole[at:]) + reader.close()

        assert b"".join(event.data for event in events) == expected
        assert [event.is_end for event in events].index(True) == len(events) - 1
        assert "".join(event.text for event in events) == "hey you"


def test_the_sandbox_serves_what_it_has_a_script_for():
    """And other clients by a translation of it."""
    sandbox = SandboxAdapter({"/shout": ShoutWire()})

    media = {"/images/generations", "/images/edits", "/audio/speech", "/audio/transcriptions"}
    assert sandbox.paths == {"/chat/completions", "/embeddings", "/shout", *media}
    assert sandbox.request(_call({"shout": "hi"}), TARGET).url == "sandbox:/chat/completions"
