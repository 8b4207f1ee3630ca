"""The input of a response, counted: near the truth, and bounded for the hold (see `content.py`).

What a message says, calls of tools and what came of them are text; images and files count by rules
of their own. An item of a type that nobody here knows is text as it stands, and every byte counts
in the bound.
"""

from typing import Any, Final

import msgspec

from grip.money import estimates
from grip.web.surfaces.content import Count

_SEALED_CHARS_PER_TOKEN: Final = 4
_SEALED_CHARS_PER_TOKEN_BOUND: Final = 2
"""What of a thought is encrypted in base64 is longer than its text: a third at the least."""

_SAID: Final = ("content", "summary", "name", "arguments", "input", "output")
"""Where the items have what the model reads, in which order does not matter."""

_ITEMS: Final = frozenset(
    {
        "message",
        "reasoning",
        "compaction",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "computer_call_output",
        "local_shell_call_output",
    }
)
"""The items that have nothing to be read elsewhere."""


_TEXTS: Final = frozenset({"text", "input_text", "output_text", "summary_text", "reasoning_text"})


def is_reference(item: dict[str, Any]) -> bool:
    """Return whether an item stands for one that the upstream has stored."""
    kind = item.get("type")
    if kind is None:
        return "content" not in item
    if kind == "image_generation_call":
        return not isinstance(item.get("result"), str)
    return bool(kind == "item_reference")


class ResponsesTally(Count):
    """The texts and the media of one input."""

    __slots__ = ()

    def add(self, item: dict[str, Any]) -> None:
        """Count an item."""
        kind = item.get("type")
        if kind is None or (isinstance(kind, str) and kind in _ITEMS):
            for name in _SAID:
                self._add_said(item.get(name))
            self._add_sealed(item.get("encrypted_content"))
        else:
            self.add_json(msgspec.json.encode(item))

    def _add_said(self, said: Any) -> None:
        match said:
            case None:
                pass
            case str():
                self.add_text(said)
            case list():
                for part in said:
                    self._add_part(part)
            case _:
                self._add_part(said)

    def _add_part(self, part: Any) -> None:
        """Count one part of what an item says."""
        match part:
            case {"type": "input_image" | "computer_screenshot", **rest}:
                self._add_image(rest.get("image_url"))
            case {"type": "input_file", "file_data": str(data)}:
                bound = estimates.file_tokens_bound(len(data))
                self.add_media(bound, bound, data)
            case {"type": "input_audio", "input_audio": {"data": str(data), **rest}}:
                compressed = rest.get("format") != "wav"
                bound = estimates.audio_tokens_bound(len(data), compressed=compressed)
                self.add_media(bound, bound, data)
            case {"type": "refusal", "refusal": str(text)}:
                self.add_text(text)
            case {"type": str(kind), "text": str(text)} if kind in _TEXTS:
                self.add_text(text)
            case _:
                self.add_unknown()

    def _add_image(self, url: Any) -> None:
        payload = url if isinstance(url, str) and url.startswith("data:image/") else ""
        self.add_media(estimates.IMAGE_TOKENS, estimates.IMAGE_TOKENS_BOUND, payload)

    def _add_sealed(self, seal: Any) -> None:
        """Count a thought that only its vendor can read."""
        if isinstance(seal, str) and seal.isascii():
            near = -(-len(seal) // _SEALED_CHARS_PER_TOKEN)
            self.add_media(near, -(-len(seal) // _SEALED_CHARS_PER_TOKEN_BOUND), seal)
