"""The kinds of channel, and what each can serve: the one list of them.

Owns the words for kinds and types that an operator types. Refuses to know how a kind is spoken to:
its adapter does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

TYPES = ("chat", "embedding", "image", "audio", "video", "moderation", "rerank")
"""What a model can do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What channels of one kind may be told to serve, and what they serve untold.

    `base_url` is where such a channel leads untold; a kind without one has no upstream to lead to.
    """

    types: tuple[str, ...]
    default_types: tuple[str, ...]
    base_url: str = ""

    @property
    def has_upstream(self) -> bool:
        """Whether its channels call somebody, at an address and with a secret."""
        return bool(self.base_url)


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "openai": Kind(
            types=TYPES,
            default_types=("chat", "embedding"),
            base_url="https://api.openai.com/v1",
        ),
        "sandbox": Kind(types=("chat", "embedding"), default_types=("chat", "embedding")),
    }
)
