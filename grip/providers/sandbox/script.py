"""What the sandbox answers, as a script of chunks: deterministic, so that tests can expect it."""

import base64
import struct
from dataclasses import dataclass
from typing import Any

import msgspec

from grip.providers.sandbox import media
from grip.providers.sandbox.behaviour import Behaviour, parse
from grip.providers.sandbox.media import MediaRequest

_CREATED = 1_700_000_000
_DIMENSIONS = 8
_WORDS = ("Hello", "from", "the", "sandbox,", "which", "needs", "no", "key.")

MEDIA = frozenset(
    {"/images/generations", "/images/edits", "/audio/speech", "/audio/transcriptions"}
)
"""The routes of OpenAI's API that answer with pictures, sound or transcripts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """An answer to be played: a status, then chunks, as `behaviour` says."""

    status: int
    content_type: str
    chunks: tuple[bytes, ...]
    behaviour: Behaviour


class _Request(msgspec.Struct):
    model: str
    stream: bool = False
    messages: Any = None
    input: Any = None
    encoding_format: str = "float"
    stream_options: dict[str, Any] | None = None


def script(path: str, body: bytes) -> Script:
    """Return the answer to a request for `path` of OpenAI's API with this body."""
    try:
        request = msgspec.json.decode(body, type=_Request)
        behaviour = parse(request.model)
    except (msgspec.DecodeError, ValueError) as error:
        return _json(Behaviour(), 400, _error(str(error), "invalid_request_error"))
    return _failure(behaviour) or _success(path, body, request, behaviour)


def _failure(behaviour: Behaviour) -> Script | None:
    """Return the answer of a sandbox that was told to fail with one."""
    if behaviour.status or behaviour.fail == "error":
        failed = _error("the sandbox was told to fail", "sandbox")
        return _json(behaviour, behaviour.status or 200, failed)
    if behaviour.fail == "garbage":
        return _whole(behaviour, b"<html>", "text/html")
    return None


def _success(path: str, body: bytes, request: _Request, behaviour: Behaviour) -> Script:
    if path in MEDIA:
        return _media(path, msgspec.json.decode(body, type=MediaRequest), behaviour)
    if path == "/embeddings":
        return _json(behaviour, 200, _embeddings(request, behaviour))
    return _stream(request, behaviour) if request.stream else _chat(request, behaviour)


def _chat(request: _Request, behaviour: Behaviour) -> Script:
    answer = _head(request, "chat.completion") | {
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "".join(_words(behaviour))},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ]
    }
    return _json(behaviour, 200, _with_usage(answer, request, behaviour))


def _stream(request: _Request, behaviour: Behaviour) -> Script:
    head = _head(request, "chat.completion.chunk")
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": word}, None) for word in _words(behaviour)]
    deltas.append(({}, "stop"))
    events = [
        head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        for delta, reason in deltas
    ]
    if (request.stream_options or {}).get("include_usage"):
        last = _with_usage(head | {"choices": []}, request, behaviour)
        events += [last] if "usage" in last else []
    return _events(behaviour, events, b"data: [DONE]\n\n")


def _media(path: str, request: MediaRequest, behaviour: Behaviour) -> Script:
    """Return pictures, sound or a transcript, whole or as a stream."""
    if path == "/audio/speech":
        return _speech(request, behaviour)
    if path == "/audio/transcriptions":
        return _transcript(request, behaviour)
    if request.stream:
        return _told(behaviour, media.image_events(request))
    return _json(behaviour, 200, _as_told(behaviour, media.images(request)))


def _speech(request: MediaRequest, behaviour: Behaviour) -> Script:
    if request.stream_format == "sse":
        return _told(behaviour, media.speech_events(request))
    said = media.sound(str(request.input))
    return _whole(behaviour, said, "audio/wav")


def _transcript(request: MediaRequest, behaviour: Behaviour) -> Script:
    words = _words(behaviour)
    if request.stream:
        return _told(behaviour, media.transcript_events(request, words))
    if request.response_format == "text":
        return _whole(behaviour, "".join(words).encode() + b"\n", "text/plain; charset=utf-8")
    return _json(behaviour, 200, _as_told(behaviour, media.transcript(request, "".join(words))))


def _whole(behaviour: Behaviour, body: bytes, content_type: str, status: int = 200) -> Script:
    if behaviour.fail == "cut":
        body = body[: len(body) // 2]
    return Script(status=status, content_type=content_type, chunks=(body,), behaviour=behaviour)


def _told(behaviour: Behaviour, events: list[dict[str, Any]]) -> Script:
    return _events(behaviour, [_as_told(behaviour, event) for event in events], b"")


def _as_told(behaviour: Behaviour, answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer with the usage that the sandbox was told to report."""
    used = answer.get("usage")
    if used is None or not behaviour.usage:
        return answer
    if behaviour.usage == "none":
        return {name: answer[name] for name in answer if name not in ("usage", "duration")}
    zero = {name: 0 if isinstance(count, int) else count for name, count in used.items()}
    return answer | {"usage": zero}


def _events(behaviour: Behaviour, events: list[dict[str, Any]], end: bytes) -> Script:
    chunks = [b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events]
    if behaviour.fail == "cut":
        chunks = chunks[: len(chunks) // 2]
    elif end:
        chunks.append(end)
    return Script(
        status=200,
        content_type="text/event-stream",
        chunks=tuple(chunks),
        behaviour=behaviour,
    )


def _embeddings(request: _Request, behaviour: Behaviour) -> dict[str, Any]:
    texts = request.input if isinstance(request.input, list) else [request.input]
    vector: Any = [(index + 1) / 16 for index in range(_DIMENSIONS)]
    if request.encoding_format == "base64":
        vector = base64.b64encode(struct.pack(f"<{_DIMENSIONS}f", *vector)).decode()
    answer: dict[str, Any] = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index in range(len(texts))
        ],
        "model": request.model,
    }
    if behaviour.usage != "none":
        tokens = 0 if behaviour.usage == "zero" else _input_tokens(request)
        answer["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return answer


def _head(request: _Request, kind: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-sandbox",
        "object": kind,
        "created": _CREATED,
        "model": request.model,
    }


def _with_usage(answer: dict[str, Any], request: _Request, behaviour: Behaviour) -> dict[str, Any]:
    if behaviour.usage == "none":
        return answer
    counted = behaviour.usage != "zero"
    read = _input_tokens(request) if counted else 0
    written = behaviour.chunks if counted else 0
    return answer | {
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        }
    }


def _input_tokens(request: _Request) -> int:
    """Return a token for every four characters of the input's JSON, and one more."""
    text = msgspec.json.encode(request.input if request.messages is None else request.messages)
    return len(text) // 4 + 1


def _words(behaviour: Behaviour) -> list[str]:
    words = [_WORDS[index % len(_WORDS)] for index in range(behaviour.chunks)]
    return [word if index == 0 else f" {word}" for index, word in enumerate(words)]


def _error(message: str, kind: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": kind}}


def _json(behaviour: Behaviour, status: int, answer: dict[str, Any]) -> Script:
    return _whole(behaviour, msgspec.json.encode(answer), "application/json", status)
