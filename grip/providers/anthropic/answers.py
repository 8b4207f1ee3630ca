"""Anthropic's answers as completions and deltas, for clients of other wires.

A block that no other wire has words for is the channel's fault: nothing that was asked for by way
of a translation makes one. Citations, which cannot be asked for either, are left out.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from grip.providers.anthropic import wire
from grip.providers.anthropic.events import Events
from grip.providers.conversation import (
    Begun,
    Completion,
    Delta,
    Stopped,
    StopReason,
    Text,
    TextDelta,
    Thought,
    ThoughtDelta,
    ToolCall,
    ToolCallBegun,
    ToolCallDelta,
)
from grip.providers.port import ChannelFault, Report

_STOPS: Final[Mapping[str, StopReason]] = MappingProxyType(
    {
        "end_turn": "end",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "refusal": "refusal",
        "stop_sequence": "stop_sequence",
        "tool_use": "tool",
    }
)
_NO_ARGUMENTS: Final = "{}"


def completion(message: wire.Message) -> Completion:
    """Return the whole answer; raises ChannelFault where it has parts of no other wire."""
    parts = tuple(_part(block) for block in message.content or ())
    calls = any(isinstance(part, ToolCall) for part in parts)
    return Completion(
        id=message.upstream_id,
        parts=parts,
        stop=_stop(message.stop_reason, calls=calls),
        stop_sequence=_text_or_none(message.stop_sequence),
        report=wire.Counts().updated(message.usage).report,
    )


def _part(block: wire.Block) -> Text | Thought | ToolCall:
    match block.type:
        case "text":
            return Text(text=_text(block.text))
        case "thinking":
            return Thought(text=_text(block.thinking), sealed=_text(block.signature) or None)
        case "redacted_thinking":
            return Thought(sealed=_text(block.data), redacted=True)
        case "tool_use":
            arguments = block.arguments or _NO_ARGUMENTS
            return ToolCall(id=_text(block.id), name=_text(block.name), arguments=arguments)
        case _:
            raise _foreign("block", block.type)


class AnthropicDeltas:
    """Reads one stream of messages as deltas."""

    __slots__ = ("_begun", "_calls", "_counts", "_events", "_silent", "_stop", "_stop_sequence")

    def __init__(self) -> None:
        self._events = Events()
        self._begun = False
        self._calls: dict[Any, int] = {}
        self._silent: set[int] = set()
        self._counts = wire.Counts()
        self._stop: Any = None
        self._stop_sequence: str | None = None

    @property
    def input(self) -> Report:
        """What is known of the input by now."""
        return self._counts.input

    @property
    def report(self) -> Report | None:
        """What was counted, None before the output is, or where more of it has come since."""
        return None if self._counts.output is None else self._counts.report

    def feed(self, data: bytes) -> list[Delta]:
        """Return what is complete; raises ChannelFault on an error in the stream."""
        return self._all(self._events.feed(data))

    def close(self) -> list[Delta]:
        """Return what is left at the end; raises ChannelFault where the stream was cut."""
        return self._all(self._events.close())

    def _all(self, events: list[tuple[bytes, wire.Event]]) -> list[Delta]:
        """Return the deltas, with a beginning where the upstream has left it out."""
        found = [delta for _, event in events for delta in self._read(event)]
        if found and not self._begun:
            self._begun = True
            return found if isinstance(found[0], Begun) else [Begun(id=None), *found]
        return found

    def _read(self, event: wire.Event) -> list[Delta]:
        """Return the deltas in one event; events of unknown types say nothing."""
        if event.type == "content_block_delta":
            self._outdate()
            return self._add(event.index, event.delta)
        found: list[Delta] = []
        match event.type:
            case "message_start":
                found = self._start(event.message or wire.Message())
            case "content_block_start":
                self._outdate()
                found = self._open(event.index, event.content_block)
            case "content_block_stop":
                found = self._shut(event.index)
            case "message_delta":
                self._note(event)
            case "message_stop":
                found = [self._end()]
        return found

    def _start(self, message: wire.Message) -> list[Delta]:
        self._counts = self._counts.begun(message.usage)
        return [Begun(id=message.upstream_id, report=self._counts.input)]

    def _open(self, index: Any, block: wire.Block | None) -> list[Delta]:
        if block is None:
            raise _foreign("block", None)
        match block.type:
            case "text":
                return [TextDelta(text=text)] if (text := _text(block.text)) else []
            case "thinking":
                return _thoughts(block.thinking, block.signature)
            case "redacted_thinking":
                return [ThoughtDelta(sealed=_text(block.data), redacted=True)]
            case "tool_use" if index.__class__ is int:
                return self._call(index, block)
            case _:
                raise _foreign("block", block.type)

    def _call(self, index: int, block: wire.Block) -> list[Delta]:
        call = self._calls[index] = len(self._calls)
        begun = ToolCallBegun(index=call, id=_text(block.id), name=_text(block.name))
        if block.arguments:
            return [begun, ToolCallDelta(index=call, arguments=block.arguments)]
        self._silent.add(index)
        return [begun]

    def _add(self, index: Any, delta: wire.Delta | None) -> list[Delta]:
        match None if delta is None else delta.type, delta:
            case "text_delta", wire.Delta(text=str(text)):
                return [TextDelta(text=text)] if text else []
            case "thinking_delta", wire.Delta(thinking=str(text)):
                return [ThoughtDelta(text=text)] if text else []
            case "signature_delta", wire.Delta(signature=str(seal)):
                return [ThoughtDelta(sealed=seal)]
            case "input_json_delta", wire.Delta(partial_json=str(text)):
                return self._argue(index, text)
            case "citations_delta", _:
                return []
            case kind, _:
                raise _foreign("delta", kind)

    def _argue(self, index: Any, text: str) -> list[Delta]:
        if not text:
            return []
        if index.__class__ is not int or index not in self._calls:
            raise ChannelFault("garbage", "arguments outside of a call of a tool")
        self._silent.discard(index)
        return [ToolCallDelta(index=self._calls[index], arguments=text)]

    def _shut(self, index: Any) -> list[Delta]:
        """Return the arguments of a call that had none: an object all the same."""
        if index.__class__ is not int or index not in self._silent:
            return []
        self._silent.discard(index)
        return [ToolCallDelta(index=self._calls[index], arguments=_NO_ARGUMENTS)]

    def _outdate(self) -> None:
        """Forget a count of the output that more of it follows: it was not the last word."""
        if self._counts.output is not None:
            self._counts = self._counts.begun(None)

    def _note(self, event: wire.Event) -> None:
        """Remember why the answer stops, and what was counted, for the end."""
        self._counts = self._counts.updated(event.usage)
        delta = event.delta or wire.Delta()
        self._stop = delta.stop_reason or self._stop
        self._stop_sequence = _text_or_none(delta.stop_sequence) or self._stop_sequence

    def _end(self) -> Stopped:
        return Stopped(
            stop=_stop(self._stop, calls=bool(self._calls)),
            stop_sequence=self._stop_sequence,
            report=self._counts.report,
        )


def _thoughts(text: Any, seal: Any) -> list[Delta]:
    found: list[Delta] = []
    if said := _text(text):
        found.append(ThoughtDelta(text=said))
    if sealed := _text(seal):
        found.append(ThoughtDelta(sealed=sealed))
    return found


def _stop(reason: Any, *, calls: bool) -> StopReason:
    """Return why the answer ended; a reason that nobody knows yet is what the answer looks like."""
    known = _STOPS.get(reason) if isinstance(reason, str) else None
    return known or ("tool" if calls else "end")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _foreign(part: str, kind: Any) -> ChannelFault:
    return ChannelFault("garbage", f"a content {part} that no other wire has: {str(kind)[:100]}")
