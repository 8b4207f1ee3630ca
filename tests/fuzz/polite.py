"""What a polite upstream of each vendor answers on each of its routes, whole and streamed."""

import json
from typing import Any

from grip.providers.port import UpstreamRequest

JSON = "application/json"
SSE = "text/event-stream"

CHAT_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
USAGE = {"input_tokens": 10, "output_tokens": 5}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "error": None,
    "output": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
        }
    ],
    "usage": USAGE,
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "x",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": USAGE,
}
CANDIDATE = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP"}
    ],
    "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
}


def data(*payloads: Any) -> bytes:
    """Return server-sent events without names."""
    return b"".join(b"data: " + json.dumps(payload).encode() + b"\n\n" for payload in payloads)


def named(*payloads: dict[str, Any]) -> bytes:
    """Return server-sent events that are named by their type."""
    return b"".join(
        f"event: {payload['type']}\ndata: {json.dumps(payload)}\n\n".encode()
        for payload in payloads
    )


def _choices(**choice: Any) -> dict[str, Any]:
    chunk = {"id": "c", "object": "x", "created": 1, "model": "x"}
    return {**chunk, "choices": [{"index": 0, **choice}]}


CHAT_STREAM = (
    data(
        _choices(delta={"role": "assistant", "content": "Hel"}, finish_reason=None),
        _choices(delta={"content": "lo"}, finish_reason=None),
        _choices(delta={}, finish_reason="stop"),
        {"id": "c", "choices": [], "usage": CHAT_USAGE},
    )
    + b"data: [DONE]\n\n"
)
TEXT_STREAM = (
    data(
        _choices(text="Hello", finish_reason=None),
        _choices(text="", finish_reason="stop"),
        {"id": "c", "choices": [], "usage": CHAT_USAGE},
    )
    + b"data: [DONE]\n\n"
)
RESPONSES_STREAM = named(
    {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "output": []}},
    {"type": "response.output_text.delta", "output_index": 0, "delta": "Hello"},
    {"type": "response.completed", "response": RESPONSE},
)
MESSAGES_STREAM = named(
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
)
GEMINI_STREAM = data(CANDIDATE)
RESULTS = [{"index": 0, "relevance_score": 0.5, "flagged": False}]

PICTURES = {
    "created": 1,
    "data": [{"b64_json": "iVBORw0KGgoA"}],
    "usage": {**USAGE, "total_tokens": 15},
}

WHOLE: dict[str, Any] = {
    "/chat/completions": _choices(
        message={"role": "assistant", "content": "Hello"}, finish_reason="stop"
    )
    | {"usage": CHAT_USAGE},
    "/completions": _choices(text="Hello", finish_reason="stop") | {"usage": CHAT_USAGE},
    "/responses": RESPONSE,
    "/embeddings": {
        "object": "list",
        "data": [{"index": 0, "embedding": [0.5]}],
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    },
    "/moderations": {"id": "modr-1", "results": RESULTS},
    "/rerank": {"results": RESULTS, "usage": {"total_tokens": 5}},
    "/images/generations": PICTURES,
    "/images/edits": PICTURES,
    "/audio/transcriptions": {"text": "Hello", "usage": {"type": "duration", "seconds": 1}},
    "/messages": MESSAGE,
    "/messages/count_tokens": {"input_tokens": 10},
    ":generateContent": CANDIDATE,
    ":countTokens": {"totalTokens": 10},
}
SPOKEN = named(
    {"type": "speech.audio.delta", "audio": "SUQz"},
    {"type": "speech.audio.done", "usage": USAGE},
)
STREAMED: dict[str, bytes] = {
    "/images/generations": named(
        {"type": "image_generation.completed", "b64_json": "iVBORw0KGgoA", "usage": USAGE}
    ),
    "/images/edits": named(
        {"type": "image_edit.completed", "b64_json": "iVBORw0KGgoA", "usage": USAGE}
    ),
    "/audio/transcriptions": named(
        {"type": "transcript.text.delta", "delta": "Hello"},
        {"type": "transcript.text.done", "text": "Hello", "usage": USAGE},
    ),
    "/chat/completions": CHAT_STREAM,
    "/completions": TEXT_STREAM,
    "/responses": RESPONSES_STREAM,
    "/messages": MESSAGES_STREAM,
    ":streamGenerateContent": GEMINI_STREAM,
}


def answer_to(request: UpstreamRequest) -> tuple[str, bytes]:
    """Return the type and the body of the answer to a request."""
    path = request.url.partition("?")[0]
    accepts = dict(request.headers).get("accept", "")
    is_stream = accepts == SSE or path.endswith(":streamGenerateContent")
    if path.endswith("/audio/speech"):
        return (SSE, SPOKEN) if is_stream else ("audio/mpeg", b"ID3")
    known: dict[str, Any] = STREAMED if is_stream else WHOLE
    route = max((end for end in known if path.endswith(end)), key=len)
    return (SSE, STREAMED[route]) if is_stream else (JSON, json.dumps(WHOLE[route]).encode())
