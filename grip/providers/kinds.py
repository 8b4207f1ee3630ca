"""The kinds of channel, and what each can serve: the one list of them.

Owns the words for kinds and types that an operator types, and the routes of each type. Refuses to
know how a kind is spoken to: its adapter does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

TYPES = ("chat", "embedding", "image", "audio", "video", "moderation", "rerank")
"""What a model can do."""

ROUTES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "chat": ("/chat/completions", "/completions", "/messages", "/responses"),
        "embedding": ("/embeddings",),
        "image": ("/images/generations", "/images/edits"),
        "audio": ("/audio/speech", "/audio/transcriptions"),
        "moderation": ("/moderations",),
        "rerank": ("/rerank",),
    }
)
"""Where models of a type answer at once, below /v1; video is made by tasks alone."""

_TEXT = ("chat", "embedding")
_MEDIA = (*_TEXT, "image", "audio")
_MADE = ("image", "audio", "video")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What channels of one kind can serve: all of it, unless they are told otherwise.

    `base_url` is where such a channel leads untold; empty where each has an address of its own.
    Channels of a kind that is not `has_upstream` call nobody.
    """

    types: tuple[str, ...]
    base_url: str = ""
    has_upstream: bool = True


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "openai": Kind(
            types=TYPES,
            base_url="https://api.openai.com/v1",
        ),
        "anthropic": Kind(types=("chat",), base_url="https://api.anthropic.com/v1"),
        "gemini": Kind(
            types=_TEXT,
            base_url="https://generativelanguage.googleapis.com/v1beta",
        ),
        "azure": Kind(types=_MEDIA),
        "fal": Kind(types=_MADE, base_url="https://queue.fal.run"),
        "replicate": Kind(types=_MADE, base_url="https://api.replicate.com/v1"),
        "sandbox": Kind(types=(*_MEDIA, "video"), has_upstream=False),
    }
)
