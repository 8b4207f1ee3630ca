"""A chat in no vendor's words: what a translation reads on one wire and writes on another.

Readers are strict: what has no place here is refused by name (`Untranslatable`), never left out.
The few hints that change nothing about an answer, and are left out, are in `HINTS`. Binary parts
stay base64 text, as they came; JSON that only passes through stays `msgspec.Raw`.
"""

from typing import Any, Final, Literal

import msgspec

from grip.errors import InvalidRequest
from grip.providers.port import Report

HINTS: Final = frozenset({"cache_control", "metadata", "prompt_cache_key", "safety_identifier"})
"""What is for the vendor's own housekeeping: caches, dashboards, abuse reports."""

Role = Literal["user", "assistant"]
StopReason = Literal["end", "length", "tool", "stop_sequence", "refusal"]
"""Why an answer ended: by itself, at its limit, to call tools, at a sequence that the client named,
or because the vendor would not go on."""


class Untranslatable(InvalidRequest):
    """The request has a part that the wire of this channel has no words for."""


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """Words, of whoever's turn it is."""

    text: str


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """A picture: `data` in base64 with its `media_type`, or the `url` where it lies."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A file to be read: base64 `data` with its `media_type`, or a `url`; a name if it has one."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    name: str | None = None


class Audio(msgspec.Struct, frozen=True, kw_only=True):
    """Sound: base64 `data`; `format` is `wav` or `mp3`, as OpenAI names them."""

    data: str
    format: str


class Thought(msgspec.Struct, frozen=True, kw_only=True):
    """What the model thought: the text that may be seen, and the vendor's own seal on it.

    `sealed` is what only the vendor can read (a signature, an encrypted thought). It means
    something to the vendor that made it alone. `redacted` says that `sealed` is the whole thought,
    of which nothing may be seen, and not a signature under a text, be it an empty one.
    """

    text: str = ""
    sealed: str | None = None
    redacted: bool = False


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """The model asks for a tool: `arguments` is the JSON text of an object.

    `sealed` is the vendor's seal on the thought that led here, as its own API writes it (Gemini's
    `thoughtSignature`; OpenAI's clients see it in `extra_content.google.thought_signature`).
    """

    id: str
    name: str
    arguments: str
    sealed: str | None = None


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool gave back to the call `id`; `name` is the tool's, where the wire says it."""

    id: str
    content: tuple[Text | Image | Document, ...]
    name: str | None = None
    is_error: bool = False


Part = Text | Image | Document | Audio | Thought | ToolCall | ToolResult


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What one side says in a row; results of tools are the user's."""

    role: Role
    parts: tuple[Part, ...]


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function that the model may ask for; `schema` is the JSON Schema of its arguments."""

    name: str
    description: str | None = None
    schema: msgspec.Raw | None = None
    strict: bool | None = None


class Thinking(msgspec.Struct, frozen=True, kw_only=True):
    """How much the model is to think: a word, or tokens; `off` where it must not."""

    effort: str | None = None
    budget_tokens: int | None = None
    off: bool = False


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """JSON is wanted for an answer; `schema` says of which shape, under a `name`."""

    name: str | None = None
    schema: msgspec.Raw | None = None
    strict: bool | None = None


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A request: everything that decides what is generated.

    `tool_choice` is `auto`, `none`, `any`, or the name of a tool in `forced_tool`. None stands for
    what the client left to the vendor.
    """

    turns: tuple[Turn, ...]
    system: tuple[Text, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: Literal["auto", "none", "any"] | None = None
    forced_tool: str | None = None
    parallel_tools: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    choices: int = 1
    format: Format | None = None
    thinking: Thinking | None = None
    user: str | None = None


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    id: str | None
    parts: tuple[Text | Thought | ToolCall, ...]
    stop: StopReason
    stop_sequence: str | None = None
    report: Report = Report()


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A stream has begun; what the vendor has counted of the input by then is in `report`."""

    id: str | None
    report: Report = Report()


class TextDelta(msgspec.Struct, frozen=True, kw_only=True):
    """More words."""

    text: str


class ThoughtDelta(msgspec.Struct, frozen=True, kw_only=True):
    """More of a thought, or its seal, which ends it; `redacted` as in `Thought`."""

    text: str = ""
    sealed: str | None = None
    redacted: bool = False


class ToolCallBegun(msgspec.Struct, frozen=True, kw_only=True):
    """The model begins to ask for a tool: the `index`-th of this answer, from 0."""

    index: int
    id: str
    name: str
    sealed: str | None = None


class ToolCallDelta(msgspec.Struct, frozen=True, kw_only=True):
    """More of the JSON text of the arguments of the `index`-th tool call."""

    index: int
    arguments: str


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """The answer is complete; `report` is the vendor's last word on its usage."""

    stop: StopReason
    stop_sequence: str | None = None
    report: Report = Report()


Delta = Begun | TextDelta | ThoughtDelta | ToolCallBegun | ToolCallDelta | Stopped
"""What a stream says, in order: one `Begun`, then deltas, then one `Stopped`."""


def untranslatable(param: str, wire: str, why: str = "") -> Untranslatable:
    """Return the refusal of the member `param`, which `wire` has no words for."""
    reason = f": {why}" if why else ""
    return Untranslatable(
        f"{param} cannot be carried to the {wire} API that serves this model{reason}", param=param
    )


def extras(members: dict[str, Any], known: frozenset[str]) -> list[str]:
    """Return the members that a reader does not know, and that are no mere hints."""
    return [name for name, value in members.items() if value is not None and name not in known]
