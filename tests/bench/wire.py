"""What goes over the wire in a measurement: the requests, and the answers of the upstream.

Both exist as bytes before anything is measured, so that sending them costs next to nothing. Refuses
to know how they are sent.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MODEL = "bench"
CHUNKS = 50
PACE_MS = 10

_EVENTS = CHUNKS + 3
"""Beside the chunks of text: the one that finishes, the one of the usage, and [DONE]."""

_WORD = " word"
_SYSTEM = "You are a careful assistant of a support desk. " * 3
_PROMPT = (
    "A customer writes: since the update of last night the export of invoices stops after the "
    "first hundred rows, and the page shows a spinner for ever. What should they try first?"
)
_USAGE = {"prompt_tokens": 120, "completion_tokens": CHUNKS, "total_tokens": 120 + CHUNKS}
_HEAD: dict[str, Any] = {"id": "chatcmpl-1", "created": 1, "model": MODEL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A kind of call: what it adds to the request, and how many events its answer has."""

    extra: dict[str, Any]
    events: int


_STREAMED = {"stream": True, "stream_options": {"include_usage": True}}

SHAPES = {
    "whole": Shape(extra={}, events=0),
    "burst": Shape(extra=_STREAMED, events=_EVENTS),
    "paced": Shape(extra=_STREAMED | {"pace_ms": PACE_MS}, events=_EVENTS),
}


def request(key: str, shape: Shape) -> bytes:
    """Return a chat completion's request; as long for one API key as for any other of ours."""
    messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _PROMPT}]
    body: dict[str, Any] = {"model": MODEL, "messages": messages, "max_tokens": 256}
    encoded = json.dumps(body | shape.extra).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\n"
        f"authorization: Bearer {key}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(encoded)}\r\n\r\n"
    )
    return head.encode() + encoded


def requests(keys: Sequence[str], shape: Shape) -> tuple[bytes, int]:
    """Return one request for each key behind each other, and how many bytes each of them has."""
    made = [request(key, shape) for key in keys]
    if len({len(one) for one in made}) != 1:
        raise SystemExit("the API keys differ in length, which the load generator cannot do")
    return b"".join(made), len(made[0])


def whole_answer() -> bytes:
    """Return an answer that does not stream, its head included."""
    message = {"role": "assistant", "content": _WORD * CHUNKS}
    answer = _HEAD | {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": _USAGE,
    }
    body = json.dumps(answer).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def streamed_answer() -> bytes:
    """Return a stream, its head included, with an HTTP chunk for each event."""
    deltas: list[dict[str, Any]] = [
        {"index": 0, "delta": {"content": _WORD}, "finish_reason": None} for _ in range(CHUNKS)
    ]
    deltas.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    events = [_event([delta], None) for delta in deltas]
    lines = [*events, _event([], _USAGE), b"data: [DONE]\n\n"]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(line), line) for line in lines)
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    return head + chunks + b"0\r\n\r\n"


def _event(choices: list[dict[str, Any]], usage: dict[str, int] | None) -> bytes:
    event = _HEAD | {"object": "chat.completion.chunk", "choices": choices, "usage": usage}
    return b"data: " + json.dumps(event).encode() + b"\n\n"
