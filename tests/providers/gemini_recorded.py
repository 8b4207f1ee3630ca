"""Gemini's bodies as they were recorded, and readers of them without a client's wire.

From fixtures of `@ai-sdk/google` (github.com/vercel/ai, packages/google/src/__fixtures__), named
at each; seals are shortened.
"""

import json
from typing import Any

from grip.providers.conversation import (
    Begun,
    Completion,
    Conversation,
    Delta,
    Stopped,
    Text,
    Turn,
)
from grip.providers.gemini import GeminiAdapter, reading, wire
from grip.providers.gemini.stream import GeminiDeltas
from grip.providers.json_object import JsonObject
from grip.providers.port import (
    StreamEvent,
    UpstreamCall,
)

# google-gemini-3.7-flash-thinking-levels.json, "low"
TEXT = b"""{
  "candidates": [
    {
      "content": {
        "parts": [{"text": "Hello! How can I help you today?", "thoughtSignature": "EmcKZQERTTIP"}],
        "role": "model"
      },
      "finishReason": "STOP",
      "index": 0
    }
  ],
  "usageMetadata": {
    "promptTokenCount": 2,
    "candidatesTokenCount": 9,
    "totalTokenCount": 11,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 2}],
    "serviceTier": "standard"
  },
  "modelVersion": "gemini-3.7-flash",
  "responseId": "kNiDavuDIcja_uMP8tCj-QU"
}"""
# google-strict-forced-tool-choice-any.json
CALL = b"""{"candidates": [{"content": {"parts": [{"functionCall": {"name": "createMeeting",
"args": {"title": "Project Update Meeting", "startTime": "2025-06-13T10:00:00Z"},
"id": "call_129591"}}], "role": "model"}, "finishReason": "STOP", "index": 0,
"finishMessage": "Model generated function call(s)."}], "usageMetadata": {"promptTokenCount": 102,
"candidatesTokenCount": 42, "totalTokenCount": 967, "promptTokensDetails": [{"modality": "TEXT",
"tokenCount": 102}], "thoughtsTokenCount": 823, "serviceTier": "standard"},
"modelVersion": "gemini-3-flash-preview", "responseId": "5ot7as71KPee_uMP-4CruQE"}"""
# issue-19822-complete-usage.json
USAGE = {
    "promptTokenCount": 19,
    "cachedContentTokenCount": 3,
    "candidatesTokenCount": 4,
    "toolUsePromptTokenCount": 63,
    "thoughtsTokenCount": 56,
    "totalTokenCount": 142,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 19, "futureDetailField": "prompt"}],
    "futureUsageField": "preserve-me",
}
# google-tool-call-gemini3.chunks.txt
CALL_CHUNKS = [
    (
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"weather","args":'
        b'{"location":"San Francisco"}},"thoughtSignature":"EpEgCo4gAb4+9vvW"}],"role":"model"},'
        b'"index":0}],"usageMetadata":{"promptTokenCount":29,"candidatesTokenCount":15,'
        b'"totalTokenCount":848,"thoughtsTokenCount":804},"modelVersion":"gemini-3-pro-preview",'
        b'"responseId":"QHiLaa6LBrb8vdIPoNztsAg"}'
    ),
    (
        b'{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP",'
        b'"index":0}],"usageMetadata":{"promptTokenCount":29,"candidatesTokenCount":15,'
        b'"totalTokenCount":848,"thoughtsTokenCount":804},"modelVersion":"gemini-3-pro-preview",'
        b'"responseId":"QHiLaa6LBrb8vdIPoNztsAg"}'
    ),
]
# gemma-4-output-usage.chunks.txt, without its middle
THOUGHT_CHUNKS = [
    (
        b'{"candidates":[{"content":{"parts":[{"text":"*   User input: \\"Reply\\"\\n ",'
        b'"thought":true}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":6,"totalTokenCount":20,'
        b'"thoughtsTokenCount":14},"responseId":"4HFfavXADZvkkdUP37mD6Q0"}'
    ),
    (
        b'{"candidates":[{"content":{"parts":[{"text":" Output: \xe2\x80\x9chello\xe2\x80\x9d",'
        b'"thought":true}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":6,'
        b'"totalTokenCount":82,"thoughtsTokenCount":76},"responseId":"4HFfavXADZvkkdUP37mD6Q0"}'
    ),
    (
        b'{"candidates":[{"content":{"parts":[{"text":"hello"}],"role":"model"},"index":0}],'
        b'"usageMetadata":{"promptTokenCount":6,"candidatesTokenCount":1,"totalTokenCount":83,'
        b'"thoughtsTokenCount":76},"responseId":"4HFfavXADZvkkdUP37mD6Q0"}'
    ),
    (
        b'{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP",'
        b'"index":0}],"usageMetadata":{"promptTokenCount":6,"candidatesTokenCount":1,'
        b'"totalTokenCount":83,"thoughtsTokenCount":76},"responseId":"4HFfavXADZvkkdUP37mD6Q0"}'
    ),
]
# issue-19758-prompt-block.chunks.txt
BLOCKED = (
    b'{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":9,'
    b'"totalTokenCount":9,"serviceTier":"standard"},"modelVersion":"gemini-3.7-flash",'
    b'"responseId":"EXCPatOAKMrQjMcPteHVmQo"}'
)
# github.com/vercel/ai, issue 5217: bare JSON behind the events.
OVERLOADED = b"""{
  "error": {
    "code": 503,
    "message": "The model is overloaded. Please try again later.",
    "status": "UNAVAILABLE"
  }
}
"""


class FakeWriter:
    """Writes each delta as an event of its own."""

    def write(self, delta: Delta) -> list[StreamEvent]:
        if isinstance(delta, Begun):
            return []
        text = getattr(delta, "text", "") or getattr(delta, "arguments", "")
        is_end = isinstance(delta, Stopped)
        return [StreamEvent(data=repr(delta).encode(), text=text, is_end=is_end)]


class FakeWire:
    """A client's wire that says what it was given."""

    def read(self, body: JsonObject, wire: str) -> Conversation:
        assert wire == "Gemini"
        return Conversation(
            turns=(Turn(role="user", parts=(Text(text=body.get("say", str, "")),)),)
        )

    def completion(self, answer: Completion, call: UpstreamCall) -> bytes:
        return repr((answer.stop, call.named)).encode()

    def stream(self, call: UpstreamCall) -> FakeWriter:
        return FakeWriter()


ADAPTER = GeminiAdapter({"/chat/completions": FakeWire()})


def upstream_call(*, stream: bool = False, model: str = "gemini-3-pro-preview") -> UpstreamCall:
    return UpstreamCall(
        path="/chat/completions",
        body=JsonObject(b'{"model":"m","say":"Hi"}'),
        model=model,
        named="m",
        stream=stream,
        ask_usage=False,
    )


def as_events(*payloads: bytes, newline: bytes = b"\r\n") -> bytes:
    return b"".join(b"data: " + payload + 2 * newline for payload in payloads)


def deltas_of(*pieces: bytes) -> list[Delta]:
    reader = GeminiDeltas()
    found = [delta for piece in pieces for delta in reader.feed(piece)]
    return found + reader.close()


def answer_of(parts: list[Any], **candidate: Any) -> bytes:
    one = {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP"} | candidate
    return json.dumps({"candidates": [one], "responseId": "r-1"}).encode()


def completion_of(body: bytes) -> Completion:
    return reading.completion(wire.decode(body))
