"""The parts of Anthropic's wire that grip reads; everything else goes through unread.

Fields are lenient: what has an unexpected type counts as absent, since a call must not fail on a
part that grip only looks at.
"""

from typing import Any, Final

import msgspec

from grip.providers.openai.wire import UNREADABLE, count, kept_id, mended
from grip.providers.port import Report

NAME: Final = "Anthropic Messages"
"""What clients are told that this wire is called."""


class Block(msgspec.Struct):
    """A content block, of an answer or of the event that begins one."""

    type: Any = None
    text: Any = None
    thinking: Any = None
    signature: Any = None
    data: Any = None
    id: Any = None
    name: Any = None
    input: msgspec.Raw = msgspec.Raw()

    @property
    def arguments(self) -> str:
        """The JSON text of a tool's input; empty where there is none yet."""
        text = bytes(self.input).decode(errors="replace")
        return "" if text in ("{}", "null") else text

    def said(self) -> str:
        """Return all that was generated here, as text to be counted."""
        said = "".join([text for text in (self.text, self.thinking) if text.__class__ is str])
        if self.name.__class__ is str:
            said += self.name + self.arguments
        return said


class Delta(msgspec.Struct):
    """What an event adds to a block, or to the message itself."""

    type: Any = None
    text: Any = None
    thinking: Any = None
    partial_json: Any = None
    signature: Any = None
    content: Any = None
    stop_reason: Any = None
    stop_sequence: Any = None

    def said(self) -> str:
        """Return all that was generated here, as text to be counted."""
        for text in (self.text, self.partial_json, self.thinking, self.content):
            if text.__class__ is str:
                return str(text)
        return ""


class Message(msgspec.Struct):
    """A whole answer of any of the routes, an error, or the beginning of a streamed message."""

    id: Any = None
    content: list[Block] | None = None
    stop_reason: Any = None
    stop_sequence: Any = None
    usage: Any = None
    input_tokens: Any = None
    error: Any = None

    @property
    def upstream_id(self) -> str | None:
        """The upstream's own name of the call, where it is one that can be kept."""
        return kept_id(self.id)

    def said(self) -> str:
        """Return the text of all blocks."""
        return "".join([block.said() for block in self.content or ()])


class Event(msgspec.Struct):
    """One event of a stream."""

    type: Any = None
    index: Any = None
    message: Message | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: Any = None
    error: Any = None


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What has been counted so far: fresh input, input read from and written to a cache, output."""

    fresh: int | None = None
    read: int = 0
    written: int = 0
    output: int | None = None

    def updated(self, usage: Any) -> "Counts":
        """Return the counts after a `usage`: what it says stands for all that came before it."""
        if not isinstance(usage, dict):
            return self
        found = {
            "fresh": count(usage.get("input_tokens")),
            "read": count(usage.get("cache_read_input_tokens")),
            "written": count(usage.get("cache_creation_input_tokens")),
            "output": count(usage.get("output_tokens")),
        }
        known = {name: value for name, value in found.items() if value is not None}
        return msgspec.structs.replace(self, **known)

    def begun(self, usage: Any) -> "Counts":
        """Return the counts at the beginning: an output that is counted there is no last word."""
        return msgspec.structs.replace(self.updated(usage), output=None)

    @property
    def input(self) -> Report:
        """What is known of the input, while the output is still to come."""
        if self.fresh is None:
            return Report()
        return Report(
            input_tokens=self.fresh + self.read + self.written,
            cached_input_tokens=self.read,
            cache_write_tokens=self.written,
        )

    @property
    def report(self) -> Report:
        """All that is known."""
        return msgspec.structs.replace(self.input, output_tokens=self.output)


_messages = msgspec.json.Decoder(Message)
_events = msgspec.json.Decoder(Event)


def decode_message(text: bytes) -> Message:
    """Return the answer in `text`; raises one of `UNREADABLE` where it is none."""
    try:
        return _messages.decode(text)
    except msgspec.DecodeError as error:
        return _messages.decode(mended(text, error))


def decode_event(text: bytes) -> Event:
    """Return the event in `text`; raises one of `UNREADABLE` where it is none."""
    try:
        return _events.decode(text)
    except msgspec.DecodeError as error:
        return _events.decode(mended(text, error))


__all__ = [
    "NAME",
    "UNREADABLE",
    "Block",
    "Counts",
    "Delta",
    "Event",
    "Message",
    "decode_event",
    "decode_message",
]
