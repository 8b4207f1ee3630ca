"""What an upstream does with a request: good behaviour of OpenAI's wire, and every bad one."""

import contextlib
import itertools
import json
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from tests.e2e.upstream import Exchange, HangUp, Reset, Script

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
ZERO = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
WORDS = ("Hel", "lo", " there")
DONE = b"data: [DONE]\n\n"
VECTOR = [0.25, -0.5, 1.0]

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
LAST_PART = b"0\r\n\r\n"


def answer(*, usage: Mapping[str, Any] | None = USAGE, text: str = "".join(WORDS)) -> bytes:
    """Return the body of a whole chat completion."""
    said: dict[str, Any] = {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "fake",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
    }
    if usage is not None:
        said["usage"] = usage
    return json.dumps(said).encode()


def chunk(
    text: str | None = None,
    *,
    finish: str | None = None,
    usage: Mapping[str, Any] | None = None,
    choices: bool = True,
) -> bytes:
    """Return the JSON of one chunk of a stream."""
    said: dict[str, Any] = {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "fake",
        "choices": [],
    }
    if choices:
        delta = {} if text is None else {"content": text}
        said["choices"] = [{"index": 0, "delta": delta, "finish_reason": finish}]
    if usage is not None:
        said["usage"] = usage
    return json.dumps(said).encode()


def counted(tokens: int, text: str | None = "x") -> bytes:
    """Return an event that tells the use as it goes; without a text, nothing but the use."""
    used = {"prompt_tokens": 10, "completion_tokens": tokens, "total_tokens": 10 + tokens}
    return event(chunk(text, usage=used, choices=text is not None))


def event(payload: bytes) -> bytes:
    """Return a server-sent event."""
    return b"data: " + payload + b"\n\n"


def error_body(message: str = "the operator's trouble", code: str = "oops") -> bytes:
    """Return an error object as OpenAI sends it."""
    error = {"message": message, "type": "server_error", "param": None, "code": code}
    return json.dumps({"error": error}).encode()


TEXT = [event(chunk(word)) for word in WORDS] + [event(chunk(finish="stop"))]
"""The events of a good stream before its usage."""

USAGE_EVENT = event(chunk(choices=False, usage=USAGE))


def polite(exchange: Exchange) -> None:
    """Do what OpenAI would."""
    asked = exchange.request.json
    if exchange.request.path.endswith("/embeddings"):
        whole(embeddings(asked))(exchange)
    elif asked.get("stream"):
        wants = (asked.get("stream_options") or {}).get("include_usage")
        streams([*TEXT, *([USAGE_EVENT] if wants else []), DONE])(exchange)
    else:
        whole(answer())(exchange)


def embeddings(asked: Mapping[str, Any], *, usage: Mapping[str, Any] | None = None) -> bytes:
    """Return the body of an answer of embeddings: floats, for base64 is the client's to ask."""
    import base64  # noqa: PLC0415 - needed here alone
    import struct  # noqa: PLC0415

    texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
    packed = base64.b64encode(struct.pack(f"<{len(VECTOR)}f", *VECTOR)).decode()
    vector = packed if asked.get("encoding_format") == "base64" else VECTOR
    return json.dumps(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": vector}
                for index in range(len(texts))
            ],
            "model": "fake",
            "usage": usage or {"prompt_tokens": 8, "total_tokens": 8},
        }
    ).encode()


def whole(
    body: bytes, *, status: int = 200, kind: str = "application/json", headers: str = ""
) -> Script:
    """Answer with a whole body."""

    def script(exchange: Exchange) -> None:
        head = (
            f"HTTP/1.1 {status} Whatever\r\ncontent-type: {kind}\r\n{headers}"
            f"content-length: {len(body)}\r\n\r\n"
        )
        exchange.send(head.encode() + body)

    return script


def fails(status: int, *, headers: str = "") -> Script:
    """Answer with a status and an error object that no customer may see."""
    return whole(error_body(), status=status, headers=headers)


def part(data: bytes) -> bytes:
    """Return a chunk of a chunked transfer."""
    return b"%x\r\n%b\r\n" % (len(data), data)


BEGUN = STREAM_HEAD + part(TEXT[0])
"""A good stream as far as its first word, on the wire."""

REST = b"".join(map(part, [*TEXT[1:], USAGE_EVENT, DONE])) + LAST_PART
"""What comes after that."""


def streams(events: Iterable[bytes]) -> Script:
    """Answer with events, each a chunk of the transfer."""
    sent = [STREAM_HEAD, *map(part, events), LAST_PART]

    def script(exchange: Exchange) -> None:
        for data in sent:
            exchange.send(data)

    return script


def after(begun: bytes, go_on: threading.Event, script: Script) -> Script:
    """Send these bytes, wait for the test's word, then do as the script says."""

    def waiting(exchange: Exchange) -> None:
        exchange.send(begun)
        exchange.wait(go_on)
        script(exchange)

    return waiting


def sends(data: bytes) -> Script:
    """Send these bytes, and keep the connection."""

    def script(exchange: Exchange) -> None:
        exchange.send(data)

    return script


def gated(gate: threading.Event, script: Script) -> Script:
    """Wait for the test's word before answering."""

    def waiting(exchange: Exchange) -> None:
        exchange.wait(gate)
        script(exchange)

    return waiting


def raw(data: bytes = b"") -> Script:
    """Send these bytes, then close the connection."""

    def script(exchange: Exchange) -> None:
        exchange.send(data)
        raise HangUp

    return script


def resets(data: bytes = b"") -> Script:
    """Send these bytes, then reset the connection."""

    def script(exchange: Exchange) -> None:
        exchange.send(data)
        raise Reset

    return script


def stalls(data: bytes = b"") -> Script:
    """Send these bytes, then nothing until the other side gives up."""

    def script(exchange: Exchange) -> None:
        exchange.send(data)
        exchange.wait_closed()
        raise HangUp

    return script


def endless(begun: bytes, data: bytes) -> Script:
    """Send what begins, then the same bytes for ever, until the other side gives up."""

    def script(exchange: Exchange) -> None:
        with contextlib.suppress(ConnectionError):
            exchange.send(begun)
            while True:
                exchange.send(data)
        exchange.wait_closed()
        raise HangUp

    return script


def in_turn(*scripts: Script) -> Script:
    """Do one thing after the other, the last one for ever."""
    turns = itertools.chain(scripts, itertools.repeat(scripts[-1]))
    lock = threading.Lock()

    def script(exchange: Exchange) -> None:
        with lock:
            turn = next(turns)
        turn(exchange)

    return script
