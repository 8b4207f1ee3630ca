"""What a message or a chunk of OpenAI's chat says, in neutral words.

Owns the many shapes that servers have for the same thing: thoughts under two names or among the
parts of the content, calls of tools without an id or an index, arguments that are no text.
"""

from typing import Any, Final

import msgspec

from grip.providers.conversation import StopReason, Text, Thought
from grip.providers.openai import wire
from grip.providers.port import ChannelFault

_STOPS: Final[dict[str, StopReason]] = {
    "stop": "end",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool",
    "function_call": "tool",
    "tool_use": "tool",
    "content_filter": "refusal",
    "refusal": "refusal",
    "sensitive": "refusal",
}
"""OpenAI's words, Mistral's `model_length`, Z.ai's `sensitive`, and Anthropic's, which some pass
on."""
_BROKEN: Final = frozenset({"error", "insufficient_system_resource", "network_error"})
"""OpenRouter's, DeepSeek's and Z.ai's words for an answer that was broken off."""


class Function(msgspec.Struct):
    """The function that a call names, or a piece of its arguments."""

    name: Any = None
    arguments: Any = None

    @property
    def text(self) -> str:
        """The text of the arguments: some servers send the object itself."""
        if isinstance(self.arguments, str):
            return self.arguments
        return "" if self.arguments is None else msgspec.json.encode(self.arguments).decode()


class Call(msgspec.Struct):
    """A call of a tool, or a piece of one."""

    index: Any = None
    id: Any = None
    function: Function | None = None
    extra_content: Any = None

    @property
    def name(self) -> str:
        """The name of the function, empty where it is not said here."""
        named = self.function.name if self.function else None
        return named if isinstance(named, str) else ""

    @property
    def arguments(self) -> str:
        """The text of the arguments that is said here."""
        return self.function.text if self.function else ""

    @property
    def call_id(self) -> str:
        """The id, empty where it is not said here."""
        return self.id if isinstance(self.id, str) else ""

    @property
    def sealed(self) -> str | None:
        """Google's seal on the call."""
        google = self.extra_content.get("google") if isinstance(self.extra_content, dict) else None
        seal = google.get("thought_signature") if isinstance(google, dict) else None
        return seal if isinstance(seal, str) else None


_calls = msgspec.json.Decoder(list[Call] | None)
_function = msgspec.json.Decoder(Function | None)


def said(part: wire.Delta) -> list[Text | Thought]:
    """Return the thoughts and words of a message or a chunk, in the order they are meant."""
    found: list[Text | Thought] = []
    thought = part.reasoning_content or part.reasoning
    if isinstance(thought, str) and thought:
        found.append(Thought(text=thought))
    content = part.content
    if isinstance(content, str):
        found += [Text(text=content)] if content else []
    elif isinstance(content, list):
        found += [one for piece in content if (one := _piece(piece))]
    if isinstance(part.refusal, str) and part.refusal:
        found.append(Text(text=part.refusal))
    return found


def calls(part: wire.Delta) -> list[Call]:
    """Return the calls of a message or a chunk; raises ChannelFault where they cannot be read."""
    found: list[Call] | None = _read(_calls, bytes(part.tool_calls))
    if found:
        return found
    function: Function | None = _read(_function, bytes(part.function_call))
    return [Call(index=0, function=function)] if function else []


def stop(reason: Any, *, called: bool) -> StopReason:
    """Return why an answer ended; raises ChannelFault where it was broken off.

    Some servers stop at tool calls as at the end of a text.
    """
    if isinstance(reason, str) and reason in _BROKEN:
        raise ChannelFault("error_in_answer", f"the answer was broken off: {reason}")
    found = _STOPS.get(reason, "end") if isinstance(reason, str) else "end"
    return "tool" if called and found == "end" else found


def _piece(piece: Any) -> Text | Thought | None:
    """Return one part of a content in parts, as Mistral's models that think have it."""
    if not isinstance(piece, dict):
        return None
    text = piece.get("text")
    if isinstance(text, str) and text:
        return Text(text=text)
    thinking = piece.get("thinking")
    if isinstance(thinking, list):
        thinking = "".join(
            one["text"]
            for one in thinking
            if isinstance(one, dict) and isinstance(one.get("text"), str)
        )
    return Thought(text=thinking) if isinstance(thinking, str) and thinking else None


def _read(decoder: msgspec.json.Decoder[Any], text: bytes) -> Any:
    if not text:
        return None
    try:
        try:
            return decoder.decode(text)
        except msgspec.DecodeError as error:
            return decoder.decode(wire.mended(text, error))
    except wire.UNREADABLE as error:
        raise ChannelFault("garbage", f"a call of a tool: {error}") from None
