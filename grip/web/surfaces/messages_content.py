"""The input of messages, counted: near the truth, and bounded for the hold (`content.py` says how).

Text is counted for what it is, images and documents by rules of their own, and every other byte of
the body by the bound. A block of a type that nobody here knows may stand for anything.
"""

from typing import Any, Final

import msgspec

from grip import errors
from grip.money import estimates
from grip.providers.json_object import JsonObject
from grip.web.surfaces.content import Count, json_text
from grip.web.surfaces.messages_members import DefinedTool, defined_tools

_DEPTH: Final = 3
"""A message has a tool's result, which has a document, which has text."""

_SEALED_CHARS_PER_TOKEN: Final = 4
_SEALED_CHARS_PER_TOKEN_BOUND: Final = 2
"""What of a thought is encrypted in base64 is longer than its text: a third at the least."""

_TOOL_TOKENS_BOUND: Final = 1_300
_TOOLSET_TOKENS_BOUND: Final = 12_000
"""What a tool of Anthropic's own definition adds, which the body does not show.

Its documentation counts 245 tokens for the shell, 700 for the editor, and 735 and a system prompt
of 499 for the computer; a toolset has some thirty members.
"""

_COUNTED: Final = ("tools", "output_config", "output_format")


class Source(msgspec.Struct):
    """Where the bytes of an image or a document are."""

    type: Any = None
    media_type: Any = None
    data: Any = None
    content: msgspec.Raw = msgspec.Raw()


class Block(msgspec.Struct):
    """What is counted of a content block."""

    type: Any = None
    text: Any = None
    thinking: Any = None
    signature: Any = None
    data: Any = None
    name: Any = None
    title: Any = None
    context: Any = None
    source: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()
    content: msgspec.Raw = msgspec.Raw()


class Message(msgspec.Struct):
    """What is counted of a message; the rest of it counts by its bytes."""

    role: str
    content: str | list[Block]


_contents = msgspec.json.Decoder(str | list[Block])
_sources = msgspec.json.Decoder(Source)
_UNREADABLE: Final = (msgspec.DecodeError, RecursionError)


def input_tokens(body: JsonObject) -> tuple[int, int]:
    """Return the tokens of the input, near the truth and bounded; raises InvalidRequest."""
    messages = body.get("messages", list[Message])
    if not messages:
        raise errors.InvalidRequest("messages: at least one is needed", param="messages")
    system: str | list[Block] = body.get("system", str | list[Block], "")  # type: ignore[arg-type]
    tally = MessagesTally(len(messages))
    tally.add_content(system)
    for message in messages:
        tally.add_content(message.content)
    for name in _COUNTED:
        if name in body:
            tally.add_json(body.text_of(name))
    near, bound = tally.tokens(body.raw)
    return near, bound + _tools_bound(body, tally.references)


def _tools_bound(body: JsonObject, references: int) -> int:
    """Return what tools add beside their text; each reference to one may repeat it."""
    if "tools" not in body:
        return 0
    added = sum(map(_defined_bound, defined_tools(body)), estimates.TOOLS_TOKENS_BOUND)
    if references:
        text = estimates.text_tokens_bound(json_text(body.text_of("tools")))
        added += references * (text + added)
    return added


def _defined_bound(tool: DefinedTool) -> int:
    return _TOOLSET_TOKENS_BOUND if tool.is_set else _TOOL_TOKENS_BOUND


class MessagesTally(Count):
    """The texts and the media of messages; `references` counts those to tools."""

    __slots__ = ("references",)

    def __init__(self, messages: int) -> None:
        super().__init__(messages)
        self.references = 0

    def add_content(self, content: str | list[Block], depth: int = 0) -> None:
        """Count what stands in a message, in the system prompt, or in a block."""
        if isinstance(content, str):
            self.add_text(content)
            return
        for block in content:
            if depth < _DEPTH:
                self._add(block, depth)
            else:
                self.add_unknown()

    def _add(self, block: Block, depth: int) -> None:
        match block:
            case Block(type="text", text=str(text)):
                self.add_text(text)
            case Block(type="tool_use" | "server_tool_use", name=str(name)):
                self.add_text(name)
                self.add_json(bytes(block.input))
            case Block(type="tool_result" | "search_result" | "compaction"):
                self._add_texts(block.title)
                self.add_json(bytes(block.source))
                self._add_below(block.content, depth)
            case Block(type="thinking", thinking=str(text)):
                self.add_text(text)
                self._add_sealed(block.signature)
            case Block(type="redacted_thinking", data=str(data)):
                self._add_sealed(data)
            case Block(type="image"):
                self._add_image(_source(block))
            case Block(type="document"):
                self._add_texts(block.title, block.context)
                self._add_document(_source(block), depth)
            case Block(type="tool_reference" | "tool_addition" | "tool_removal"):
                self.references += 1
            case _:
                self.add_unknown()

    def _add_texts(self, *texts: Any) -> None:
        for text in texts:
            if isinstance(text, str):
                self.add_text(text)

    def _add_below(self, raw: msgspec.Raw, depth: int) -> None:
        """Count the content of a block."""
        text = bytes(raw)
        if text in (b"", b"null"):
            return
        try:
            content = _contents.decode(text)
        except _UNREADABLE:
            self.add_unknown()
        else:
            self.add_content(content, depth + 1)

    def _add_sealed(self, seal: Any) -> None:
        """Count a thought that only its vendor can read."""
        if isinstance(seal, str):
            self.add_media(
                -(-len(seal) // _SEALED_CHARS_PER_TOKEN),
                -(-len(seal) // _SEALED_CHARS_PER_TOKEN_BOUND),
                seal,
            )

    def _add_image(self, source: Source) -> None:
        match source:
            case Source(type="base64", media_type=str(kind), data=str(data)) if _is_image(kind):
                self.add_media(estimates.IMAGE_TOKENS, estimates.IMAGE_TOKENS_BOUND, data)
            case Source(type="base64", data=str(data)):
                self._add_file(data)
            case Source(type="url" | "file"):
                self.add_media(estimates.IMAGE_TOKENS, estimates.IMAGE_TOKENS_BOUND)
            case _:
                self.add_unknown()

    def _add_document(self, source: Source, depth: int) -> None:
        match source:
            case Source(type="text", data=str(text)):
                self.add_text(text)
            case Source(type="base64", data=str(data)):
                self._add_file(data)
            case Source(type="content"):
                self._add_below(source.content, depth)
            case _:
                self.add_unknown()

    def _add_file(self, data: str) -> None:
        bound = estimates.file_tokens_bound(len(data))
        self.add_media(bound, bound, data)


def _source(block: Block) -> Source:
    """Return where a block's bytes are; nowhere, where that cannot be read."""
    try:
        return _sources.decode(block.source)
    except _UNREADABLE:
        return Source()


def _is_image(media_type: str) -> bool:
    return media_type.startswith("image/")
