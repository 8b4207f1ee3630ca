"""What Gemini says, as deltas: the one reading of whole answers and of the events of streams.

The end is not told before the answer is over: counts may follow the reason to stop, and so may an
error that takes it back. Seals on words are left out: Gemini does without them, and clients have no
place for them.
"""

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

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
from grip.providers.gemini import refusals, wire
from grip.providers.port import ChannelFault, Report

_ENDS: Final[Mapping[str, StopReason]] = MappingProxyType({"STOP": "end", "MAX_TOKENS": "length"})
_UNSPECIFIED: Final = "FINISH_REASON_UNSPECIFIED"
_BROKEN: Final = frozenset(
    {
        "CONTINUATION",
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
        "TOO_MANY_TOOL_CALLS",
        "UNEXPECTED_TOOL_CALL",
    }
)
"""The model itself went wrong; another try may go right. Every other reason is a refusal."""

_NO_ID: Final = re.compile(r"[^A-Za-z0-9_-]")
_DIGEST_CHARACTERS: Final = 16


class Reading:
    """Reads the bodies of one answer, in order."""

    __slots__ = ("_begun", "_calls", "_id", "_stop", "report")

    def __init__(self) -> None:
        self.report: Report | None = None
        self._begun = False
        self._calls = 0
        self._id: str | None = None
        self._stop: StopReason | None = None

    @property
    def has_stopped(self) -> bool:
        """Whether the vendor has said why the answer ends."""
        return self._stop is not None

    def read(self, body: wire.Body) -> list[Delta]:
        """Return what a body adds; raises RequestRefused for a prompt that is not answered."""
        told: list[Delta] = []
        candidate = body.candidates[0] if body.candidates else None
        if not self._begun:
            if candidate is None and body.block_reason is not None:
                raise refusals.blocked(body.block_reason)
            self._begun = True
            self._id = body.upstream_id
            counted = wire.report(body.usage_metadata, is_last=False)
            told.append(Begun(id=self._id, report=counted))
        elif candidate is None and body.block_reason is not None:
            self._stop = "refusal"
        if candidate is not None:
            if candidate.content is not None:
                for part in candidate.content.parts or ():
                    told += self._part(part)
            self._note_stop(candidate)
        if isinstance(body.usage_metadata, dict):
            self.report = wire.report(body.usage_metadata, is_last=self.has_stopped)
        return told

    def end(self) -> Stopped:
        """Return the end, with the last counts."""
        stop = self._stop or "end"
        if stop == "end" and self._calls:
            stop = "tool"
        return Stopped(stop=stop, report=self.report or Report())

    def _part(self, part: wire.Part) -> list[Delta]:
        part.check()
        if part.function_call is not None:
            return self._call(part.function_call, part.seal)
        if not isinstance(part.text, str) or not part.text:
            return []
        return [ThoughtDelta(text=part.text) if part.thought is True else TextDelta(text=part.text)]

    def _call(self, call: wire.FunctionCall, seal: str | None) -> list[Delta]:
        """Return a call, with the seal on the thought that led to it."""
        if not isinstance(call.name, str) or not call.name:
            raise ChannelFault("garbage", "a tool call without a name")
        index = self._calls
        self._calls += 1
        arguments = call.arguments()
        call_id = call.id if isinstance(call.id, str) and call.id else None
        begun = ToolCallBegun(
            index=index,
            id=call_id or self._made_id(index, call.name, arguments),
            name=call.name,
            sealed=seal,
        )
        return [begun, ToolCallDelta(index=index, arguments=arguments)]

    def _made_id(self, index: int, name: str, arguments: str) -> str:
        """Return an id for a call that came without: the same for the same answer."""
        if self._id is not None:
            return f"call_{_NO_ID.sub('-', self._id)}_{index}"
        said = hashlib.sha256(f"{index} {name} {arguments}".encode()).hexdigest()
        return f"call_{said[:_DIGEST_CHARACTERS]}"

    def _note_stop(self, candidate: wire.Candidate) -> None:
        reason = candidate.finish_reason
        if not isinstance(reason, str) or reason in ("", _UNSPECIFIED):
            return
        if reason in _BROKEN:
            message = str(candidate.finish_message or "")[: refusals.DETAIL_CHARACTERS]
            raise ChannelFault(f"finish_{reason.lower()}", message)
        self._stop = _ENDS.get(reason, "refusal")


def completion(body: wire.Body) -> Completion:
    """Return a whole answer; raises ChannelFault where it is none, or RequestRefused."""
    if body.error is not None:
        raise refusals.fault("error_in_answer", body.error)
    if not body.candidates and body.block_reason is None:
        raise ChannelFault("garbage", "no candidates in the answer")
    reading = Reading()
    parts: list[Text | Thought | ToolCall] = []
    for delta in reading.read(body):
        _add(parts, delta)
    last = reading.end()
    report = wire.report(body.usage_metadata)
    return Completion(id=body.upstream_id, parts=tuple(parts), stop=last.stop, report=report)


def said(parts: tuple[Text | Thought | ToolCall, ...]) -> str:
    """Return all that was generated, as text to be counted."""
    return "".join(
        f"{part.name}{part.arguments}" if isinstance(part, ToolCall) else part.text
        for part in parts
    )


def _add(parts: list[Text | Thought | ToolCall], delta: Delta) -> None:
    """Add what a delta says to the parts before it; a call comes whole."""
    last = parts[-1] if parts else None
    if isinstance(delta, TextDelta):
        if isinstance(last, Text):
            parts[-1] = Text(text=last.text + delta.text)
        else:
            parts.append(Text(text=delta.text))
    elif isinstance(delta, ThoughtDelta):
        if isinstance(last, Thought):
            parts[-1] = Thought(text=last.text + delta.text)
        else:
            parts.append(Thought(text=delta.text))
    elif isinstance(delta, ToolCallBegun):
        parts.append(ToolCall(id=delta.id, name=delta.name, arguments="", sealed=delta.sealed))
    elif isinstance(delta, ToolCallDelta) and isinstance(last, ToolCall):
        parts[-1] = ToolCall(
            id=last.id, name=last.name, arguments=delta.arguments, sealed=last.sealed
        )
