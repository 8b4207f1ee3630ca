"""The Responses API: whole answers, and streams of typed events.

A stream's last word is `response.completed` or `response.incomplete`, with the usage in it; there
is no `[DONE]`. `response.failed` and `error` are the channel's fault, as an answer that is not
finished is: nobody waits for what runs in the background. Wire facts: OpenAI API reference,
"Responses" and "Streaming events".
"""

from typing import Any, Final

import msgspec

from grip.providers.openai import wire
from grip.providers.openai.typed_stream import TypedStream
from grip.providers.port import Answer, ChannelFault, Report, StreamEvent
from grip.providers.sse import payload_of

_DETAIL: Final = 2000
_ENDS: Final = frozenset({"response.completed", "response.incomplete"})
_FAULTS: Final = frozenset({"response.failed", "response.cancelled", "error"})
_WAITS: Final = frozenset(
    {"response.created", "response.queued", "response.in_progress", "keepalive"}
)
"""What an upstream says before it has done anything: no sign yet that the call succeeds."""
_SOUND: Final = "response.audio.delta"
_SAID: Final = ("text", "refusal", "transcript", "arguments", "input", "code", "name")
"""What generated text is called in the items of an answer."""
_HOLDING: Final = ("summary", "content", "action", "commands")
_MAX_DEPTH: Final = 4


class Body(msgspec.Struct):
    """A response, whole or within an event."""

    id: Any = None
    status: Any = None
    error: Any = None
    output: Any = None
    usage: Any = None


class Event(msgspec.Struct):
    """What grip reads of an event of any type."""

    type: Any = None
    delta: Any = None
    output_index: Any = None
    item: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()
    error: Any = None


_body = msgspec.json.Decoder(Body)
_event = msgspec.json.Decoder(Event)
_any = msgspec.json.Decoder()


class ResponsesStream(TypedStream):
    """Reads one stream of the Responses API."""

    __slots__ = ("_told", "_upstream_id")

    def __init__(self) -> None:
        super().__init__()
        self._told: set[int] = set()
        self._upstream_id: str | None = None

    def _read(self, event: bytes) -> list[StreamEvent]:
        return [self._meant(event)]

    def _meant(self, event: bytes) -> StreamEvent:
        payload = payload_of(event)
        if not payload or payload == b"[DONE]":
            # Some servers add chat's end, which means nothing here: before the end it is none.
            return StreamEvent(data=event, is_comment=True)
        read: Event = wire.read(_event, payload)
        kind = read.type if isinstance(read.type, str) else ""
        if kind in _FAULTS or read.error is not None:
            raise ChannelFault("error_in_stream", payload[:_DETAIL].decode(errors="replace"))
        if not kind:
            raise ChannelFault("garbage", "an event of the stream has no type")
        if kind in _ENDS:
            return self._end(event, read)
        if kind in _WAITS:
            body = _body_of(read)
            self._upstream_id = wire.kept_id(body.id)
            return StreamEvent(
                data=event,
                payload=payload if read.response else b"",
                is_comment=True,
                is_head=bool(read.response),
                upstream_id=self._upstream_id,
            )
        return StreamEvent(data=event, text=self._text(kind, read), upstream_id=self._upstream_id)

    def _end(self, event: bytes, read: Event) -> StreamEvent:
        body = _body_of(read)
        if body.error is not None:
            raise ChannelFault("error_in_stream", str(body.error)[:_DETAIL])
        self._ended = True
        return StreamEvent(
            data=event,
            text="" if self._told else _output_text(body.output),
            report=report(body.usage),
            is_end=True,
            upstream_id=wire.kept_id(body.id),
        )

    def _text(self, kind: str, read: Event) -> str:
        """Return what was generated in this event: a delta, or an item that came without any."""
        index = read.output_index if isinstance(read.output_index, int) else 0
        if kind.endswith(".delta") and kind != _SOUND and isinstance(read.delta, str):
            self._told.add(index)
            return read.delta
        if kind != "response.output_item.done" or index in self._told:
            return ""
        self._told.add(index)
        return _said(wire.read(_any, bytes(read.item) or b"null"))


def answer(raw: bytes) -> Answer:
    """Read a whole response; raises ChannelFault where it is none, failed, or is not finished."""
    body: Body = wire.read(_body, raw)
    if body.error is not None or body.status in ("failed", "cancelled"):
        raise ChannelFault("error_in_answer", str(body.error)[:_DETAIL])
    if not isinstance(body.output, list):
        raise ChannelFault("garbage", "no output in the answer")
    if body.status in ("queued", "in_progress"):
        raise ChannelFault("garbage", f"an answer that is {body.status} is none yet")
    return Answer(
        body=raw,
        report=report(body.usage),
        text=_output_text(body.output),
        upstream_id=wire.kept_id(body.id),
    )


def report(usage: Any) -> Report:
    """Return what a `usage` object of the Responses API says."""
    if not isinstance(usage, dict):
        return Report()
    details = usage.get("input_tokens_details")
    if not isinstance(details, dict):
        details = {}
    return Report(
        input_tokens=wire.count(usage.get("input_tokens")),
        output_tokens=wire.count(usage.get("output_tokens")),
        cached_input_tokens=wire.count(details.get("cached_tokens")) or 0,
        cache_write_tokens=wire.count(details.get("cache_write_tokens")) or 0,
    )


def _body_of(read: Event) -> Body:
    found: Body = wire.read(_body, bytes(read.response) or b"{}")
    return found


def _output_text(output: Any) -> str:
    return "".join([_said(item) for item in output]) if isinstance(output, list) else ""


def _said(part: Any, depth: int = 0) -> str:
    """Return the text that was generated in an item, or a part of one."""
    if isinstance(part, str):
        return part
    if isinstance(part, list):
        return "".join([_said(one, depth + 1) for one in part]) if depth < _MAX_DEPTH else ""
    if not isinstance(part, dict) or depth >= _MAX_DEPTH:
        return ""
    said = [value for name in _SAID if isinstance(value := part.get(name), str)]
    held = [_said(part[name], depth + 1) for name in _HOLDING if name in part]
    return "".join([*said, *held])
