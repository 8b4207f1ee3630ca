"""What the sandbox answers, as a script of chunks: deterministic, so that tests can expect it."""

import base64
import struct
from dataclasses import dataclass
from typing import Any

import msgspec

from grip.providers.sandbox.behaviour import Behaviour, parse

_CREATED = 1_700_000_000
_DIMENSIONS = 8
_WORDS = ("Hello", "from", "the", "sandbox,", "which", "needs", "no", "key.")


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
    if behaviour.status:
        return _json(behaviour, behaviour.status, _error("the sandbox was told to fail", "sandbox"))
    if behaviour.fail == "error":
        return _json(behaviour, 200, _error("the sandbox was told to fail", "sandbox"))
    if behaviour.fail == "garbage":
        return Script(
            status=200, content_type="text/html", chunks=(b"<html>",), behaviour=behaviour
        )
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
    chunks = [b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events]
    if behaviour.fail == "cut":
        chunks = chunks[: len(chunks) // 2]
    else:
        chunks.append(b"data: [DONE]\n\n")
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
    body = msgspec.json.encode(answer)
    if behaviour.fail == "cut":
        body = body[: len(body) // 2]
    return Script(
        status=status, content_type="application/json", chunks=(body,), behaviour=behaviour
    )
