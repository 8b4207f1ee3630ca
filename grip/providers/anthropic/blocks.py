"""The turns of a conversation as Anthropic's messages and their content blocks.

Turns of one role that follow each other become one message, as the API wants the results of all
tools called at once in one. Left out is what the API would refuse, and what says nothing to it:
texts of nothing but space, thoughts that it has not signed, and other vendors' seals.
"""

import base64
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from grip.errors import InvalidRequest
from grip.providers.anthropic.wire import NAME
from grip.providers.conversation import (
    Audio,
    Document,
    Image,
    Part,
    Text,
    Thought,
    ToolCall,
    ToolResult,
    Turn,
    Untranslatable,
    untranslatable,
)
from grip.providers.openai.wire import UNREADABLE

_PDF: Final = "application/pdf"
_TEXT_TYPES: Final = frozenset({"text/plain", "text/markdown", "text/csv"})
_ODD: Final = re.compile(r"[^a-zA-Z0-9_-]")
_SEAL: Final = re.compile(r"[a-zA-Z0-9+/_-]+=*")
"""Base64, as Anthropic's signatures are; what other vendors seal may have more to it."""

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])

Json = dict[str, Any]


def messages(turns: Sequence[Turn]) -> list[Json]:
    """Return the messages; raises Untranslatable or InvalidRequest."""
    found: list[Json] = []
    for turn in turns:
        blocks = [block(part) for part in turn.parts if not _is_silent(part)]
        if found and found[-1]["role"] == turn.role:
            found[-1]["content"] += blocks
        elif blocks:
            found.append({"role": turn.role, "content": blocks})
    return found


def texts(parts: Sequence[Text]) -> list[Json]:
    """Return the instructions as blocks."""
    return [block(part) for part in parts if not _is_silent(part)]


def block(part: Part) -> Json:
    """Return the block that says the same as `part`; raises Untranslatable or InvalidRequest."""
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image():
            return {"type": "image", "source": _image(part)}
        case Document():
            return _document(part)
        case Thought():
            return _thought(part)
        case ToolCall():
            return _call(part)
        case ToolResult():
            return _result(part)
        case Audio():
            raise _refused("input_audio", "it takes no sound")


def _is_silent(part: Part) -> bool:
    if isinstance(part, Thought):
        return part.sealed is None or _SEAL.fullmatch(part.sealed) is None
    return isinstance(part, Text) and not part.text.strip()


def _image(image: Image) -> Json:
    if image.data is None:
        return {"type": "url", "url": image.url}
    return {"type": "base64", "media_type": image.media_type, "data": image.data}


def _document(document: Document) -> Json:
    found: Json = {"type": "document", "source": _source(document)}
    if document.name:
        found["title"] = document.name
    return found


def _source(document: Document) -> Json:
    if document.data is None:
        return {"type": "url", "url": document.url}
    if document.media_type == _PDF:
        return {"type": "base64", "media_type": _PDF, "data": document.data}
    if document.media_type in _TEXT_TYPES:
        return {"type": "text", "media_type": "text/plain", "data": _words(document.data)}
    raise _refused(
        "file", f"it takes PDF and plain text, not {document.media_type or 'data of no type'}"
    )


def _words(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except ValueError:
        raise InvalidRequest("file: the text is not base64 of UTF-8", param="file") from None


def _thought(thought: Thought) -> Json:
    if thought.redacted:
        return {"type": "redacted_thinking", "data": thought.sealed}
    return {"type": "thinking", "thinking": thought.text, "signature": thought.sealed}


def _call(call: ToolCall) -> Json:
    return {
        "type": "tool_use",
        "id": _id(call.id),
        "name": call.name,
        "input": _input(call),
    }


def _input(call: ToolCall) -> msgspec.Raw:
    """Return the arguments as they were written, once it is sure that they are an object."""
    text = call.arguments.strip() or "{}"
    try:
        _object.decode(text)
    except UNREADABLE:
        raise InvalidRequest(
            f"tool_calls: the arguments of the call {call.id} are no JSON object",
            param="tool_calls",
        ) from None
    return msgspec.Raw(text.encode())


def _result(result: ToolResult) -> Json:
    found: Json = {"type": "tool_result", "tool_use_id": _id(result.id)}
    if content := [block(part) for part in result.content if not _is_silent(part)]:
        found["content"] = content
    if result.is_error:
        found["is_error"] = True
    return found


def _id(call_id: str) -> str:
    """Return the id of a call in the letters that the API takes: other vendors take more."""
    return _ODD.sub(lambda odd: f"_{ord(odd[0]):x}_", call_id)


def _refused(param: str, why: str) -> Untranslatable:
    return untranslatable(param, NAME, why)
