"""Whole answers of every surface beside chat, with the calls that they answer."""

import json
from dataclasses import dataclass
from typing import Any

from grip.money.amounts import NANO
from grip.money.pricing import Rates
from tests.e2e import anthropic_wire
from tests.e2e.flows import (
    CHAT_OF_GEMINI,
    CHAT_OF_MESSAGES,
    COMPLETIONS,
    HEARD_S,
    HEARING,
    IMAGES,
    MESSAGES,
    MESSAGES_OF_A_CHAT,
    PICTURE_NANO,
    PIXEL,
    READING,
    RESPONSES,
    SHEET,
    SPOKEN,
    TRANSCRIPTS,
    TYPED_USAGE,
    Asked,
)
from tests.e2e.scripts import USAGE, WORDS, answer, embeddings

SAID = "".join(WORDS)
READ_NANO = 8 * NANO
_READ = {"prompt_tokens": 8, "total_tokens": 8}
_PICTURES = [{"b64_json": PIXEL * 10_000}] * 2
"""More than the server takes at once."""


@dataclass(frozen=True, kw_only=True)
class Whole(Asked):
    """A call, and the whole answer to it."""

    answer: bytes
    content_type: str = "application/json"


def _to(asked: Asked, said: bytes | dict[str, Any], **changes: Any) -> Whole:
    """Return the whole answer to what is asked there as a stream."""
    same = {
        name: getattr(asked, name)
        for name in ("name", "path", "body", "files", "channel", "kind", "sell", "cost_nano")
    }
    raw = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Whole(**{**same, "answer": raw, **changes})


def _read(name: str, kind: str, body: dict[str, Any], said: bytes | dict[str, Any]) -> Whole:
    """Return a call of which only the input is metered."""
    asked = Asked(
        name=name,
        path=f"/v1/{name}",
        kind=kind,
        body=body,
        sell=Rates(input_nano=NANO),
        cost_nano=READ_NANO,
    )
    return _to(asked, said)


_COMPLETION = {"id": "cmpl-fake", "choices": [{"index": 0, "text": SAID}], "usage": USAGE}
_RESPONSE = {
    "id": "resp_fake",
    "object": "response",
    "status": "completed",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": SAID}]}],
    "usage": TYPED_USAGE,
}
_GEMINI = {
    "candidates": [{"content": {"parts": [{"text": SAID}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
}
EDITS = Asked(
    name="image edits",
    path="/v1/images/edits",
    body={"prompt": SHEET, "n": 2},
    files={"image": b"picture " * 10_000},
    kind="image",
    sell=Rates(image_nano=PICTURE_NANO),
    cost_nano=2 * PICTURE_NANO,
)

WHOLES = [
    _to(COMPLETIONS, _COMPLETION),
    _to(RESPONSES, _RESPONSE),
    _to(MESSAGES, anthropic_wire.message()),
    _to(MESSAGES_OF_A_CHAT, answer()),
    _to(CHAT_OF_MESSAGES, anthropic_wire.message()),
    _to(CHAT_OF_GEMINI, _GEMINI),
    _read("embeddings", "embedding", {"input": "Hello"}, embeddings({"input": "Hello"})),
    _read("moderations", "moderation", {"input": "Hello"}, {"results": [{}], "usage": _READ}),
    _read(
        "rerank",
        "rerank",
        {"query": "Hello", "documents": ["a", "b"]},
        {"results": [{"index": 1, "relevance_score": 0.9}], "usage": _READ},
    ),
    _to(IMAGES, {"created": 1, "data": _PICTURES, "usage": TYPED_USAGE}),
    _to(EDITS, {"created": 1, "data": _PICTURES}),
    _to(
        READING,
        b"ID3 not much of a sound",
        content_type="audio/mpeg",
        body={"input": SPOKEN, "voice": "alloy"},
    ),
    _to(TRANSCRIPTS, {"text": SAID, "usage": TYPED_USAGE}),
    _to(HEARING, {"text": SAID, "duration": HEARD_S}),
]
"""Those that report what they used, so that nothing is estimated."""
