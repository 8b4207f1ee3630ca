"""Streamed answers of chat: a chunk for each delta, the usage in one of its own, then `[DONE]`."""

from typing import Any

import msgspec

from grip.providers.clients import answers
from grip.providers.clients.chat.answer import FINISH, ID_PREFIX, detail, sealed, usage
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
from grip.providers.port import Report, StreamEvent, UpstreamCall

_encode = msgspec.json.Encoder().encode


class ChatStream:
    """Writes one stream."""

    __slots__ = ("_before", "_call", "_called", "_head", "_report", "_thought", "_thoughts")

    def __init__(self, call: UpstreamCall) -> None:
        self._call = call
        self._head = b""
        self._before = b""
        self._called = False
        self._report = Report()
        self._thought: list[str] = []
        self._thoughts = 0

    def write(self, delta: Delta) -> list[StreamEvent]:
        """Return the events that say this; the last of `Stopped` has `is_end`."""
        if isinstance(delta, TextDelta):
            self._thought.clear()
            return [self._said(b'{"content":%b}' % _encode(delta.text), delta.text)]
        if isinstance(delta, ToolCallDelta):
            return [self._called_on(delta)]
        if isinstance(delta, ThoughtDelta):
            return self._thinks(delta)
        if isinstance(delta, ToolCallBegun):
            return [self._calls(delta)]
        return [self._begins(delta)] if isinstance(delta, Begun) else self._stops(delta)

    def _begins(self, delta: Begun) -> StreamEvent:
        self._report = delta.report
        head = {
            "id": delta.id or answers.made_id(ID_PREFIX, self._call),
            "object": "chat.completion.chunk",
            "created": self._call.created_s,
            "model": self._call.named,
        }
        self._head = _encode(head)[:-1] + b',"choices":['
        self._before = b"data: " + self._head + b'{"index":0,"delta":'
        event = self._said(b'{"role":"assistant","content":"","refusal":null}', "")
        return msgspec.structs.replace(
            event, upstream_id=delta.id, report=answers.told(delta.report)
        )

    def _said(self, said: bytes, text: str) -> StreamEvent:
        data = self._before + said + b',"logprobs":null,"finish_reason":null}]}\n\n'
        return StreamEvent(data=data, text=text)

    def _thinks(self, delta: ThoughtDelta) -> list[StreamEvent]:
        events = []
        if delta.text:
            self._thought.append(delta.text)
            events.append(self._said(_encode({"reasoning_content": delta.text}), delta.text))
        if delta.sealed is not None:
            events.append(self._seals(delta.sealed, redacted=delta.redacted))
        return events

    def _seals(self, seal: str, *, redacted: bool) -> StreamEvent:
        """Return the whole thought with its seal, as a client has to send it back."""
        thought = Thought(text="".join(self._thought), sealed=seal, redacted=redacted)
        said: dict[str, Any] = {"reasoning_details": [detail(thought, self._thoughts)]}
        self._thought.clear()
        self._thoughts += 1
        return self._said(_encode(said), "")

    def _calls(self, delta: ToolCallBegun) -> StreamEvent:
        self._called = True
        self._thought.clear()
        begun = {
            "index": delta.index,
            "id": delta.id,
            "type": "function",
            "function": {"name": delta.name, "arguments": ""},
            **sealed(delta.sealed),
        }
        return self._said(_encode({"tool_calls": [begun]}), delta.name)

    def _called_on(self, delta: ToolCallDelta) -> StreamEvent:
        more = {"index": delta.index, "function": {"arguments": delta.arguments}}
        return self._said(_encode({"tool_calls": [more]}), delta.arguments)

    def _stops(self, delta: Stopped) -> list[StreamEvent]:
        finish = FINISH[answers.reason(delta.stop, called=self._called)]
        report = answers.joined(self._report, delta.report)
        counted = usage(report)
        stop = b'{},"logprobs":null,"finish_reason":%b}]}\n\n' % _encode(finish)
        events = [
            StreamEvent(
                data=self._before + stop, report=answers.told(report) if counted is None else None
            )
        ]
        if counted is not None:
            payload = self._head + b'],"usage":%b}' % _encode(counted)
            data = b"data: %b\n\n" % payload
            events.append(StreamEvent(data=data, payload=payload, report=report, is_usage=True))
        return [*events, StreamEvent(data=b"data: [DONE]\n\n", is_end=True)]
