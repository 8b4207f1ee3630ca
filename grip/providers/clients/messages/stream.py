"""Streamed answers of messages: numbered blocks, one open at a time, and the usage at the end.

Where the calls of several tools come interleaved, those that wait for their turn are written when
the one before them is complete.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from grip.providers.clients import answers
from grip.providers.clients.members import is_object
from grip.providers.clients.messages.answer import ID_PREFIX, STOP, head, thought, usage
from grip.providers.clients.messages.history import TOOL_SEAL
from grip.providers.conversation import (
    Begun,
    Delta,
    Stopped,
    TextDelta,
    Thought,
    ThoughtDelta,
    ToolCallBegun,
    ToolCallDelta,
)
from grip.providers.port import ChannelFault, Report, StreamEvent, UpstreamCall

_encode = msgspec.json.Encoder().encode
_NO_BLOCK = -1


class _Waiting(msgspec.Struct, kw_only=True):
    """A tool call that another one must be complete before."""

    begun: ToolCallBegun
    arguments: list[str]


class MessagesStream:
    """Writes one stream."""

    __slots__ = (
        "_arguments",
        "_block",
        "_call",
        "_called",
        "_kind",
        "_report",
        "_tool",
        "_waiting",
    )

    def __init__(self, call: UpstreamCall) -> None:
        self._call = call
        self._block = 0
        self._kind = ""
        self._tool = -1
        self._arguments: list[str] = []
        self._waiting: dict[int, _Waiting] = {}
        self._called = False
        self._report = Report()

    def write(self, delta: Delta) -> list[StreamEvent]:
        """Return the events that say this; the last of `Stopped` has `is_end`."""
        return list(self._events(delta))

    def _events(self, delta: Delta) -> Iterator[StreamEvent]:
        if isinstance(delta, TextDelta):
            return self._says(delta)
        if isinstance(delta, ToolCallDelta):
            return self._calls_on(delta)
        if isinstance(delta, ThoughtDelta):
            return self._thinks(delta)
        if isinstance(delta, ToolCallBegun):
            return self._calls(delta)
        return self._begins(delta) if isinstance(delta, Begun) else self._stops(delta)

    def _begins(self, delta: Begun) -> Iterator[StreamEvent]:
        self._report = delta.report
        message_id = delta.id or answers.made_id(ID_PREFIX, self._call)
        message = head(message_id, self._call, delta.report)
        yield StreamEvent(
            data=_event("message_start", {"message": message}),
            report=answers.told(delta.report),
            upstream_id=delta.id,
        )

    def _says(self, delta: TextDelta) -> Iterator[StreamEvent]:
        if not delta.text:
            return
        yield from self._turn_to("text", {"type": "text", "text": ""})
        yield self._more({"type": "text_delta", "text": delta.text}, delta.text)

    def _thinks(self, delta: ThoughtDelta) -> Iterator[StreamEvent]:
        if delta.text:
            yield from self._turn_to("thinking", thought(Thought()))
            yield self._more({"type": "thinking_delta", "thinking": delta.text}, delta.text)
        if delta.sealed is not None:
            yield from self._seals(delta.sealed, redacted=delta.redacted)

    def _seals(self, seal: str, *, redacted: bool) -> Iterator[StreamEvent]:
        """Seal the open thought, or write one of which nothing may be seen; either is its end."""
        if redacted:
            yield from self._turn_to("redacted", thought(Thought(sealed=seal, redacted=True)))
        else:
            yield from self._turn_to("thinking", thought(Thought()))
            yield self._more({"type": "signature_delta", "signature": seal}, "")
        yield from self._close()

    def _calls(self, delta: ToolCallBegun) -> Iterator[StreamEvent]:
        if self._waiting or (self._kind == "tool" and not is_object("".join(self._arguments))):
            self._waiting[delta.index] = _Waiting(begun=delta, arguments=[])
            return
        yield from self._opens(delta)

    def _opens(self, begun: ToolCallBegun) -> Iterator[StreamEvent]:
        yield from self._close()
        if begun.sealed is not None:
            yield from self._seals(TOOL_SEAL + begun.sealed, redacted=False)
        used = {"type": "tool_use", "id": begun.id, "name": begun.name, "input": {}}
        yield self._open("tool", used, begun.name)
        self._called = True
        self._tool = begun.index
        self._arguments = []

    def _calls_on(self, delta: ToolCallDelta) -> Iterator[StreamEvent]:
        waiting = self._waiting.get(delta.index)
        if waiting is not None:
            waiting.arguments.append(delta.arguments)
            yield StreamEvent(data=b"", text=delta.arguments)
        elif self._kind == "tool" and self._tool == delta.index:
            self._arguments.append(delta.arguments)
            yield self._argues(delta.arguments, delta.arguments)
        elif delta.arguments:
            raise ChannelFault("garbage", "arguments for a tool call that is complete")

    def _stops(self, delta: Stopped) -> Iterator[StreamEvent]:
        yield from self._flush()
        yield from self._close()
        report = answers.joined(self._report, delta.report)
        stop = answers.reason(delta.stop, called=self._called)
        last = {"stop_reason": STOP[stop], "stop_sequence": delta.stop_sequence}
        yield StreamEvent(
            data=_event("message_delta", {"delta": last, "usage": usage(report)}),
            report=answers.told(report),
        )
        yield StreamEvent(data=_event("message_stop", {}), is_end=True)

    def _turn_to(self, kind: str, block: dict[str, Any]) -> Iterator[StreamEvent]:
        """Open a block of this kind, unless one is open."""
        if self._kind == kind:
            return
        yield from self._flush()
        yield from self._close()
        yield self._open(kind, block, "")

    def _flush(self) -> Iterator[StreamEvent]:
        """Write the calls that have waited; what was generated of them is counted already."""
        waited, self._waiting = self._waiting, {}
        for waiting in waited.values():
            yield from self._opens(waiting.begun)
            yield self._argues("".join(waiting.arguments), "")

    def _open(self, kind: str, block: dict[str, Any], text: str) -> StreamEvent:
        self._kind = kind
        data = _event("content_block_start", {"index": self._block, "content_block": block})
        return StreamEvent(data=data, text=text, block=self._block)

    def _close(self) -> Iterator[StreamEvent]:
        if not self._kind:
            return
        yield StreamEvent(
            data=_event("content_block_stop", {"index": self._block}), block=_NO_BLOCK
        )
        self._kind = ""
        self._block += 1

    def _argues(self, arguments: str, text: str) -> StreamEvent:
        return self._more({"type": "input_json_delta", "partial_json": arguments}, text)

    def _more(self, delta: dict[str, str], text: str) -> StreamEvent:
        data = _event("content_block_delta", {"index": self._block, "delta": delta})
        return StreamEvent(data=data, text=text)


def _event(name: str, members: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode({"type": name, **members}))
