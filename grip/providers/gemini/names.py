"""What the members that Gemini has no words for are called on the wire of the client.

A `Conversation` has no vendor's words; who is refused something is to read their own.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from grip.errors import InvalidRequest
from grip.providers.conversation import Untranslatable, untranslatable

VENDOR: Final = "Gemini"

_MESSAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "effort": "output_config.effort",
        "parallel_tools": "tool_choice.disable_parallel_tool_use",
    }
)
_CHAT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "choices": "n",
        "effort": "reasoning_effort",
        "parallel_tools": "parallel_tool_calls",
    }
)


class Names:
    """The names of one client's wire, by the names of a `Conversation`'s parts."""

    __slots__ = ("_names",)

    def __init__(self, path: str) -> None:
        """Know the wire of the route `path`, behind `/v1`."""
        self._names = _MESSAGES if path.startswith("/messages") else _CHAT

    def refused(self, part: str, why: str) -> Untranslatable:
        """Return the refusal of `part`, which Gemini has no words for."""
        return untranslatable(self._names.get(part, part), VENDOR, why)

    def invalid(self, part: str, why: str) -> InvalidRequest:
        """Return the refusal of `part`, in which something is wrong on any wire."""
        param = self._names.get(part, part)
        return InvalidRequest(f"{param}: {why}", param=param)
