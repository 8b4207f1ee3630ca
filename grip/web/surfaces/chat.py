"""`POST /v1/chat/completions`: what grip reads of a body; the rest goes through unread.

Only what money rests on is checked here. Everything else is the upstream's to accept or refuse.
"""

from typing import Any, Final

import msgspec

from grip import errors
from grip.gateway.call import Call
from grip.money import estimates
from grip.providers.json_object import JsonObject

_MAX_TOKENS: Final = 100_000_000
_MAX_CHOICES: Final = 128
_COUNTED: Final = ("tools", "functions", "response_format")


class _Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None
    name: Any = None
    refusal: Any = None
    tool_calls: msgspec.Raw = msgspec.Raw()
    function_call: msgspec.Raw = msgspec.Raw()


def parse(body: JsonObject, *, request_id: str, key_hash: str, ip: str) -> Call:
    """Return the call in a body; raises InvalidRequest, naming the member that is wrong."""
    messages = body.get("messages", list[_Message])
    if not messages:
        raise errors.InvalidRequest("messages: at least one is needed", param="messages")
    tokens, bound = _input(messages, body)
    stream = body.get("stream", bool, False)
    return Call(
        request_id=request_id,
        key_hash=key_hash,
        ip=ip,
        path="/chat/completions",
        type="chat",
        body=body,
        model=model_name(body),
        stream=stream,
        wants_usage=stream and _wants_usage(body),
        input_tokens=tokens,
        input_bound=bound,
        output_limit=_output_limit(body),
        choices=count(body, "n", _MAX_CHOICES) or 1,
    )


def model_name(body: JsonObject) -> str:
    """Return the model that the client names."""
    name = body.get("model", str)
    if not name:
        raise errors.InvalidRequest("model: name the model to use", param="model")
    return name


def count(body: JsonObject, name: str, most: int) -> int | None:
    """Return a member that is a whole number between 1 and `most`, None where it is absent."""
    value = body.get(name, int)
    if value is not None and not 1 <= value <= most:
        raise errors.InvalidRequest(f"{name}: it must be from 1 to {most}", param=name)
    return value


def _output_limit(body: JsonObject) -> int | None:
    limits = [
        limit
        for name in ("max_completion_tokens", "max_tokens")
        if (limit := count(body, name, _MAX_TOKENS)) is not None
    ]
    return max(limits, default=None)


def _wants_usage(body: JsonObject) -> bool:
    options = body.get("stream_options", dict[str, Any], {})
    wanted = options.get("include_usage", False)
    if not isinstance(wanted, bool):
        raise errors.InvalidRequest(
            "stream_options.include_usage: it is true or false", param="stream_options"
        )
    return wanted


def _input(messages: list[_Message], body: JsonObject) -> tuple[int, int]:
    """Return the tokens of the input, near the truth and bounded for the hold."""
    parts: list[str] = []
    media = media_bound = 0
    for message in messages:
        if isinstance(message.content, str):
            parts.append(message.content)
        else:
            for part in message.content or ():
                near, bound = _part(part, parts)
                media, media_bound = media + near, media_bound + bound
        if message.name or message.refusal or message.tool_calls or message.function_call:
            parts.extend(_extras(message))
    extras = [body.text_of(name).decode() for name in _COUNTED if name in body]
    text = "\n".join(parts + extras)
    framing = estimates.PER_REQUEST_TOKENS + estimates.PER_MESSAGE_TOKENS * len(messages)
    tools = estimates.TOOLS_TOKENS_BOUND if extras else 0
    near, bound = estimates.text_tokens_and_bound(text)
    return framing + media + near, framing + media_bound + tools + bound


def _extras(message: _Message) -> list[str]:
    said = [part for part in (message.name, message.refusal) if isinstance(part, str)]
    called = (bytes(message.tool_calls), bytes(message.function_call))
    return said + [part.decode() for part in called if part not in (b"", b"null")]


def _part(part: dict[str, Any], texts: list[str]) -> tuple[int, int]:
    """Return the tokens of one part of a message's content; its text goes into `texts`."""
    match part:
        case {"type": "image_url"}:
            return estimates.IMAGE_TOKENS, estimates.IMAGE_TOKENS_BOUND
        case {"type": "input_audio", "input_audio": {"data": str(data), **rest}}:
            bound = estimates.audio_tokens_bound(len(data), compressed=rest.get("format") != "wav")
            return bound, bound
        case {"type": "file", "file": {"file_data": str(data)}}:
            bound = estimates.file_tokens_bound(len(data))
            return bound, bound
        case {"text": str(text)}:
            texts.append(text)
        case _:
            texts.append(msgspec.json.encode(part).decode())
    return 0, 0
