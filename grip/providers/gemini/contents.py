"""Turns, tools' results and files as Gemini's `contents`.

Seals go back on the calls that they came on: Gemini 3 refuses a tool call of its own without its
seal. A call that has none, because another model made it or a client lost it, gets the word that
Google documents for that. Thoughts go back as text. A seal on a thought is another vendor's, since
grip passes none of Gemini's on, and stays behind: Gemini could not read it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from grip.providers.conversation import (
    Audio,
    Document,
    Image,
    Text,
    Thought,
    ToolCall,
    ToolResult,
    Turn,
)
from grip.providers.gemini.names import Names

Part = dict[str, Any]

UNSEALED: Final = "skip_thought_signature_validator"
"""Google's own word for a call whose seal is not there ("Thought signatures", FAQ)."""

_BEFORE_3: Final = re.compile(r"(?:gemini-(?:exp|[12](?![0-9]))|gemma|learnlm)")
_GOOGLE_HOST: Final = re.compile(r"(?:^|[.-])generativelanguage(?:\.|$)")
_MEDIA_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "avif": "image/avif",
        "csv": "text/csv",
        "gif": "image/gif",
        "heic": "image/heic",
        "heif": "image/heif",
        "html": "text/html",
        "jpeg": "image/jpeg",
        "jpg": "image/jpeg",
        "md": "text/markdown",
        "pdf": "application/pdf",
        "png": "image/png",
        "txt": "text/plain",
        "webp": "image/webp",
    }
)


def is_before_3(model: str) -> bool:
    """Return whether `model` is of the generations that know budgets, and no levels or seals."""
    return _BEFORE_3.match(model.rpartition("/")[2]) is not None


def contents(turns: Sequence[Turn], model: str, names: Names) -> list[Part]:
    """Return the turns as contents, one per side and row; what a side did not say has none."""
    told: list[Part] = []
    called: dict[str, str] = {}
    for turn in turns:
        if turn.role == "assistant":
            parts = list(_models(turn, called, names))
            if not is_before_3(model):
                _vouch(parts)
        else:
            parts = [_users(part, called, names) for part in turn.parts]
        role = "model" if turn.role == "assistant" else "user"
        if parts and told and told[-1]["role"] == role:
            told[-1]["parts"] += parts
        elif parts:
            told.append({"role": role, "parts": parts})
    return told


def _models(turn: Turn, called: dict[str, str], names: Names) -> Iterator[Part]:
    """Yield what the model said; note in `called` which tool each of its calls names."""
    for part in turn.parts:
        if isinstance(part, Thought):
            if part.text:
                yield {"text": part.text, "thought": True}
        elif isinstance(part, ToolCall):
            called[part.id] = part.name
            yield _call(part, names)
        else:
            yield _said(part, names)


def _users(part: object, called: Mapping[str, str], names: Names) -> Part:
    if isinstance(part, ToolResult):
        return _result(part, called, names)
    return _said(part, names)


def _said(part: object, names: Names) -> Part:
    """Return what either side can say: words or a file."""
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, Audio):
        return _inline(f"audio/{part.format}", part.data)
    if isinstance(part, Image | Document):
        return _file(part, names)
    raise names.invalid("messages", "a call or result of a tool stands in the wrong side's message")


def _call(part: ToolCall, names: Names) -> Part:
    text = part.arguments.strip() or "{}"
    try:
        msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        why = f"the arguments of the tool call {part.id!r} are no JSON object: {error}"
        raise names.invalid("messages", why) from None
    call: Part = {"id": part.id, "name": part.name, "args": msgspec.Raw(text.encode())}
    made: Part = {"functionCall": call}
    if part.sealed is not None:
        made["thoughtSignature"] = part.sealed
    return made


def _vouch(parts: list[Part]) -> None:
    """Let the first call of a step pass where its seal is not there; others need none."""
    for part in parts:
        if "functionCall" in part:
            part.setdefault("thoughtSignature", UNSEALED)
            return


def _result(part: ToolResult, called: Mapping[str, str], names: Names) -> Part:
    name = part.name or called.get(part.id)
    if name is None:
        raise names.invalid("messages", f"no tool call {part.id!r} stands before its result")
    texts = [piece.text for piece in part.content if isinstance(piece, Text)]
    told: Part = {
        "id": part.id,
        "name": name,
        "response": {"error" if part.is_error else "output": _one_or_all(texts)},
    }
    files = [_attached(piece, names) for piece in part.content if not isinstance(piece, Text)]
    if files:
        told["parts"] = files
    return {"functionResponse": told}


def _one_or_all(texts: list[str]) -> str | list[str]:
    return texts if len(texts) > 1 else "".join(texts)


def _attached(piece: Image | Document, names: Names) -> Part:
    if piece.data is None:
        raise names.refused(
            "messages", "the result of a tool takes files as base64, not by their URL"
        )
    return _file(piece, names)


def _file(part: Image | Document, names: Names) -> Part:
    if part.data is None:
        return _linked(part, names)
    if part.media_type is None:
        raise names.invalid("messages", "a file in base64 needs its media type")
    return _inline(part.media_type, part.data)


def _inline(media_type: str, data: str) -> Part:
    return {"inlineData": {"mimeType": media_type, "data": data}}


def _linked(part: Image | Document, names: Names) -> Part:
    """Return the file at a public URL, which Google fetches.

    What lies in the operator's own storage at Google is nobody's to name.
    """
    url = part.url or ""
    try:
        where = urlsplit(url)
        host = where.hostname or ""
    except ValueError:
        where, host = urlsplit(""), ""
    if where.scheme not in ("https", "http") or not host or _GOOGLE_HOST.search(host):
        why = "a file is given in base64 or by a public https URL"
        raise names.refused("messages", why)
    linked = {"fileUri": url}
    media_type = part.media_type or _MEDIA_TYPES.get(where.path.rpartition(".")[2].lower())
    if media_type is not None:
        linked["mimeType"] = media_type
    return {"fileData": linked}
