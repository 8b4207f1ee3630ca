"""Clients of OpenAI's and Anthropic's APIs on a channel that speaks Gemini's, end to end."""

import json
from typing import Any

import pytest

from grip.errors import InvalidRequest
from grip.providers.clients import ChatWire, MessagesWire
from grip.providers.conversation import Untranslatable
from grip.providers.gemini import GeminiAdapter
from grip.providers.json_object import JsonObject
from grip.providers.port import ChannelFault, Report, StreamEvent, Target, UpstreamCall

ADAPTER = GeminiAdapter({"/chat/completions": ChatWire(), "/messages": MessagesWire()})
TARGET = Target(base_url="https://g.example/v1beta", secret="k")
PNG = "iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"location": {"type": "string"}}}
USAGE = {
    "promptTokenCount": 29,
    "candidatesTokenCount": 15,
    "totalTokenCount": 848,
    "thoughtsTokenCount": 804,
    "cachedContentTokenCount": 9,
}
ANSWER: dict[str, Any] = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"text": "Two cities.", "thought": True},
                    {"text": "Looking."},
                    {
                        "functionCall": {"name": "weather", "args": {"location": "Paris"}},
                        "thoughtSignature": "SEAL",
                    },
                    {"functionCall": {"name": "weather", "args": {"location": "Tokyo"}}},
                ],
                "role": "model",
            },
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": USAGE,
    "modelVersion": "gemini-3-pro-preview",
    "responseId": "QHiLaa6LBrb8vdIPoNztsAg",
}
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Be short"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Weather in Paris and Tokyo?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            ],
        },
    ],
    "tools": [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}],
    "max_tokens": 100,
    "stop": ["END"],
}
MESSAGES: dict[str, Any] = {
    "model": "m",
    "system": "Be short",
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Weather in Paris and Tokyo?"},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                },
            ],
        },
    ],
    "tools": [{"name": "weather", "input_schema": SCHEMA}],
    "max_tokens": 100,
    "stop_sequences": ["END"],
}


def _call(path: str, body: dict[str, Any], *, stream: bool = False) -> UpstreamCall:
    return UpstreamCall(
        path=path,
        body=JsonObject(json.dumps(body).encode()),
        model="gemini-3-pro-preview",
        named="m",
        stream=stream,
        ask_usage=stream,
        created_s=1,
    )


def _sent(path: str, body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ADAPTER.request(_call(path, body), TARGET).body)
    return found


def _answered(path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = ADAPTER.answer(_call(path, body), json.dumps(ANSWER).encode())
    found: dict[str, Any] = json.loads(answer.body)
    return found


def _streamed(path: str, body: dict[str, Any]) -> list[StreamEvent]:
    """Return the events of the same answer, a part in each of the vendor's."""
    reader = ADAPTER.stream(_call(path, body, stream=True))
    candidate = ANSWER["candidates"][0]
    pieces = [{"content": {"parts": [part]}} for part in candidate["content"]["parts"]]
    pieces.append({"finishReason": candidate["finishReason"]})
    events: list[StreamEvent] = []
    for piece in pieces:
        chunk = ANSWER | {"candidates": [piece]}
        events += reader.feed(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n")
    return events + reader.close()


def _payloads(events: list[StreamEvent]) -> list[dict[str, Any]]:
    lines = b"".join(event.data for event in events).split(b"\n")
    data = [line[6:] for line in lines if line.startswith(b"data: ")]
    return [json.loads(line) for line in data if line != b"[DONE]"]


ASKED = {
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "Weather in Paris and Tokyo?"},
                {"inlineData": {"mimeType": "image/png", "data": PNG}},
            ],
        }
    ],
    "systemInstruction": {"parts": [{"text": "Be short"}]},
    "tools": [{"functionDeclarations": [{"name": "weather", "parametersJsonSchema": SCHEMA}]}],
    "generationConfig": {"maxOutputTokens": 100, "stopSequences": ["END"]},
}
ROUND: list[dict[str, Any]] = [
    {
        "role": "model",
        "parts": [
            {"text": "Looking."},
            {
                "functionCall": {
                    "id": "call_QHiLaa6LBrb8vdIPoNztsAg_0",
                    "name": "weather",
                    "args": {"location": "Paris"},
                },
                "thoughtSignature": "SEAL",
            },
            {
                "functionCall": {
                    "id": "call_QHiLaa6LBrb8vdIPoNztsAg_1",
                    "name": "weather",
                    "args": {"location": "Tokyo"},
                },
            },
        ],
    },
    {
        "role": "user",
        "parts": [
            {
                "functionResponse": {
                    "id": f"call_QHiLaa6LBrb8vdIPoNztsAg_{at}",
                    "name": "weather",
                    "response": {"output": "sunny"},
                }
            }
            for at in range(2)
        ],
    },
]


@pytest.mark.parametrize(("path", "body"), [("/chat/completions", CHAT), ("/messages", MESSAGES)])
def test_both_clients_ask_for_the_same(path: str, body: dict[str, Any]):
    """Words, an image, a tool and limits, from either wire."""
    assert _sent(path, body) == ASKED


def test_chat_gets_its_answer_and_sends_it_back():
    """The seal comes and goes in Google's own place for it."""
    answer = _answered("/chat/completions", CHAT)
    message = answer["choices"][0]["message"]

    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    assert message["content"] == "Looking."
    assert message["reasoning_content"] == "Two cities."
    assert [call["function"]["arguments"] for call in message["tool_calls"]] == [
        '{"location":"Paris"}',
        '{"location":"Tokyo"}',
    ]
    assert answer["usage"]["prompt_tokens"] == 29
    assert answer["usage"]["completion_tokens"] == 819
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 9

    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}
        for call in message["tool_calls"]
    ]
    again = _sent("/chat/completions", CHAT | {"messages": [*CHAT["messages"], message, *results]})
    model, user = again["contents"][1:]
    assert {"text": "Two cities.", "thought": True} in model["parts"]
    assert [part for part in model["parts"] if "thought" not in part] == ROUND[0]["parts"]
    assert user == ROUND[1]


def test_messages_gets_its_answer_and_sends_it_back():
    """The seal survives a client that knows nothing of it."""
    answer = _answered("/messages", MESSAGES)

    assert answer["stop_reason"] == "tool_use"
    assert answer["usage"]["input_tokens"] == 20
    assert answer["usage"]["cache_read_input_tokens"] == 9
    assert answer["usage"]["output_tokens"] == 819

    calls = [block for block in answer["content"] if block["type"] == "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": call["id"], "content": "sunny"} for call in calls
    ]
    history = [
        *MESSAGES["messages"],
        {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": results},
    ]
    model, user = _sent("/messages", MESSAGES | {"messages": history})["contents"][1:]
    assert [part for part in model["parts"] if "thought" not in part] == ROUND[0]["parts"]
    assert user == ROUND[1]


def test_messages_are_counted_for_free():
    """What would be sent is counted, and nothing is used."""
    unlimited = {name: value for name, value in MESSAGES.items() if name != "max_tokens"}
    call = _call("/messages/count_tokens", unlimited)

    asked = ADAPTER.request(call, TARGET)
    answer = ADAPTER.answer(call, b'{"totalTokens": 31, "promptTokensDetails": []}')

    counted = ASKED | {"model": "models/gemini-3-pro-preview"}
    counted["generationConfig"] = {"stopSequences": ["END"]}
    assert asked.url.endswith("/models/gemini-3-pro-preview:countTokens")
    assert json.loads(asked.body) == {"generateContentRequest": counted}
    assert answer.body == b'{"input_tokens":31}'
    assert answer.report == Report(input_tokens=0, output_tokens=0)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"totalTokens":"x"}', b'{"error":{"code":500,"message":"internal"}}']
)
def test_a_count_that_is_none_is_the_channels_fault(body: bytes):
    """A success without a number."""
    with pytest.raises(ChannelFault):
        ADAPTER.answer(_call("/messages/count_tokens", MESSAGES), body)


def test_a_route_that_is_not_served_is_refused():
    """Nobody is asked."""
    assert ADAPTER.paths == {
        "/chat/completions",
        "/embeddings",
        "/messages",
        "/messages/count_tokens",
    }
    with pytest.raises(InvalidRequest, match="does not serve /responses"):
        ADAPTER.request(_call("/responses", CHAT), TARGET)


def test_chat_streams():
    """All that was generated is told, the usage once, and the end by itself."""
    events = _streamed("/chat/completions", CHAT)
    chunks = _payloads(events)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]

    assert "".join(delta.get("content") or "" for delta in deltas) == "Looking."
    assert [call["function"].get("name") for call in calls if "id" in call] == ["weather"] * 2
    assert calls[0]["extra_content"] == {"google": {"thought_signature": "SEAL"}}
    assert events[-1].is_end
    assert [event.is_usage for event in events].count(True) == 1
    said = "".join(event.text for event in events)
    for text in ("Two cities.", "Looking.", '{"location":"Paris"}', '{"location":"Tokyo"}'):
        assert text in said
    assert events[0].upstream_id == "QHiLaa6LBrb8vdIPoNztsAg"
    reports = [event.report for event in events if event.report is not None]
    assert reports[-1].output_tokens == 819


def test_messages_streams():
    """Blocks of thoughts, words and calls, and one stop."""
    events = _streamed("/messages", MESSAGES)
    payloads = _payloads(events)
    blocks = [one["content_block"] for one in payloads if one["type"] == "content_block_start"]

    assert [block["type"] for block in blocks if block["type"] != "thinking"] == [
        "text",
        "tool_use",
        "tool_use",
    ]
    assert payloads[0]["type"] == "message_start"
    assert payloads[-1]["type"] == "message_stop"
    assert events[-1].is_end
    reports = [event.report for event in events if event.report is not None]
    assert reports[-1].output_tokens == 819


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/chat/completions", CHAT | {"n": 2}, "n"),
        ("/chat/completions", CHAT | {"logit_bias": {"1": 1}}, "logit_bias"),
        ("/chat/completions", CHAT | {"parallel_tool_calls": False}, "parallel_tool_calls"),
        (
            "/messages",
            MESSAGES | {"output_config": {"effort": "max"}},
            "output_config.effort",
        ),
    ],
)
def test_what_cannot_be_carried_is_refused_by_the_clients_name(
    path: str, body: dict[str, Any], param: str
):
    """Whichever side knows that it cannot."""
    with pytest.raises(Untranslatable, match="Gemini") as refused:
        _sent(path, body)

    assert refused.value.param == param
