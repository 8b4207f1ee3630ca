"""Streams of OpenAI's chat, read into deltas.

The usage comes after the reason to finish, so the end is told at `[DONE]`, or where the upstream
closes after its reason.
"""

from typing import Any, Final

import msgspec

from grip.providers.conversation import (
    Begun,
    Delta,
    Stopped,
    Text,
    TextDelta,
    ThoughtDelta,
    ToolCallBegun,
    ToolCallDelta,
)
from grip.providers.openai import chat_parts, tool_ids, wire
from grip.providers.openai.chat_parts import Call
from grip.providers.port import ChannelFault, Report
from grip.providers.sse import EventBytes, names_error, payload_of, split_events

_DETAIL: Final = 2000
_SILENT: Final = Report()


class _Begun(msgspec.Struct):
    """A call of a tool that is being asked for: its place here, its id, and if it was told."""

    index: int
    id: str
    told: bool = False


class ChatDeltas(EventBytes):
    """Reads one stream of chat, of one choice."""

    __slots__ = ("_begun", "_calls", "_ended", "_id", "_last", "_reason", "_refused", "_report")

    def __init__(self) -> None:
        super().__init__()
        self._begun = False
        self._ended = False
        self._id: str | None = None
        self._reason: Any = None
        self._refused = False
        self._report = _SILENT
        self._calls: list[_Begun] = []
        self._last: dict[Any, _Begun] = {}

    @property
    def report(self) -> Report | None:
        """What was counted, None where more text has come since."""
        return None if self._report == _SILENT else self._report

    def feed(self, data: bytes) -> list[Delta]:
        """Return what `data` completes; what comes after the end is left out."""
        deltas: list[Delta] = []
        for event in split_events(self._complete(data)):
            if self._ended:
                break
            deltas += self._read(event)
        return deltas

    def close(self) -> list[Delta]:
        """Return what is left; an upstream that told why it stopped has ended well."""
        deltas: list[Delta] = []
        if not self._ended and (left := self._left()):
            deltas += self._read(left)
        if not self._ended:
            if self._reason is None:
                raise ChannelFault("cut", "the stream ended half-way")
            deltas += self._end()
        return deltas

    def _read(self, event: bytes) -> list[Delta]:
        payload = payload_of(event)
        if not payload:
            return []
        if payload == b"[DONE]":
            return self._end()
        if b"event:" in event and names_error(event):
            raise ChannelFault("error_in_stream", payload[:_DETAIL].decode(errors="replace"))
        try:
            body = wire.decode(payload)
        except wire.UNREADABLE as error:
            raise ChannelFault("garbage", f"in the stream: {error}") from None
        if body.error is not None:
            raise ChannelFault("error_in_stream", str(body.error)[:_DETAIL])
        return self._chunk(body)

    def _chunk(self, body: wire.Body) -> list[Delta]:
        if self._id is None:
            self._id = body.upstream_id
        deltas: list[Delta] = []
        for choice in body.choices or ():
            deltas += self._choice(choice)
        if deltas and not self._begun:
            self._begun = True
            deltas.insert(0, Begun(id=self._id))
        if isinstance(body.usage, dict):
            self._report = wire.report(body.usage)
        return deltas

    def _choice(self, choice: wire.Choice) -> list[Delta]:
        deltas: list[Delta] = []
        part = choice.delta or choice.message
        if part is not None:
            for said in chat_parts.said(part):
                kind = TextDelta if isinstance(said, Text) else ThoughtDelta
                deltas.append(kind(text=said.text))
            for call in chat_parts.calls(part):
                deltas += self._call(call)
            self._refused = self._refused or bool(part.refusal)
        if deltas:
            # A count that more text follows was not the last word.
            self._report = _SILENT
        if choice.finish_reason is not None:
            self._reason = choice.finish_reason
        return deltas

    def _call(self, call: Call) -> list[Delta]:
        begun = self._place(call)
        deltas: list[Delta] = []
        if not begun.told and call.name:
            begun.told = True
            deltas.append(
                ToolCallBegun(index=begun.index, id=begun.id, name=call.name, sealed=call.sealed)
            )
        if call.arguments:
            if not begun.told:
                raise ChannelFault("garbage", "arguments of a tool that is not named")
            deltas.append(ToolCallDelta(index=begun.index, arguments=call.arguments))
        return deltas

    def _place(self, call: Call) -> _Begun:
        """Return the call that this is a piece of: by its index, and by its id where that is new.

        Some servers give all calls the same index, or none; a piece without either goes on with
        the last call.
        """
        key = call.index if isinstance(call.index, int) else None
        found = self._last.get(key)
        if found is None or (call.call_id and call.name and call.call_id != found.id):
            index = len(self._calls)
            made = call.call_id or tool_ids.made(self._id, index, call.name)
            found = _Begun(index=index, id=made)
            self._calls.append(found)
            self._last[key] = found
        return found

    def _end(self) -> list[Delta]:
        self._ended = True
        stop = chat_parts.stop(self._reason, called=bool(self._calls))
        if stop == "end" and self._refused:
            stop = "refusal"
        begun: list[Delta] = [] if self._begun else [Begun(id=self._id)]
        return [*begun, Stopped(stop=stop, report=self._report)]
