"""Streams of pictures, sound and transcripts: typed events, of which the last brings the usage.

Of pictures nobody knows which event is the last before the stream has ended, so each finished one
is kept back until another follows; its count is told at once, since the client may leave. That some
of a picture has come, or of speech, is told by a report without counts. Wire facts: OpenAI API
reference, "Image streaming", "Audio".
"""

from typing import Any, Final

import msgspec

from grip.providers.openai import responses, wire
from grip.providers.openai.media_answers import heard
from grip.providers.openai.typed_stream import TypedStream
from grip.providers.port import ChannelFault, Report, StreamEvent
from grip.providers.sse import payload_of

_DETAIL: Final = 2000


class Event(msgspec.Struct):
    """What grip reads of an event of any type."""

    type: Any = None
    delta: Any = None
    text: Any = None
    usage: Any = None
    error: Any = None


_event = msgspec.json.Decoder(Event)


class MediaStream(TypedStream):
    """Reads one stream of audio: it ends with its `done`."""

    __slots__ = ()

    def _read(self, event: bytes) -> list[StreamEvent]:
        payload = payload_of(event)
        if not payload or payload == b"[DONE]":
            return self._wordless(event, is_end=bool(payload))
        read: Event = wire.read_success(_event, payload)
        kind = read.type if isinstance(read.type, str) else ""
        if not kind:
            raise ChannelFault("garbage", "an event of the stream has no type")
        if kind == "error" or kind.endswith(".failed"):
            raise ChannelFault("error_in_stream", payload[:_DETAIL].decode(errors="replace"))
        return self._typed(event, kind, read)

    def _wordless(self, event: bytes, *, is_end: bool) -> list[StreamEvent]:  # noqa: ARG002
        """Return an event without words; chat's end means nothing before the end of this wire."""
        return [StreamEvent(data=event, is_comment=True)]

    def _typed(self, event: bytes, kind: str, read: Event) -> list[StreamEvent]:
        if kind.endswith(".done"):
            self._ended = True
            return [StreamEvent(data=event, report=heard(read.usage), is_end=True)]
        if kind == "speech.audio.delta":
            return [StreamEvent(data=event, report=Report())]
        is_text = kind == "transcript.text.delta" and isinstance(read.delta, str)
        return [StreamEvent(data=event, text=read.delta if is_text else "")]


class ImageStream(MediaStream):
    """Reads one stream of pictures: some that are not done yet, and each that is."""

    __slots__ = ("_finished", "_kept", "_report")

    def __init__(self) -> None:
        super().__init__()
        self._finished = 0
        self._kept = b""
        self._report = Report()

    def _wordless(self, event: bytes, *, is_end: bool) -> list[StreamEvent]:
        if not self._kept:
            return super()._wordless(event, is_end=is_end)
        self._kept += event
        return self._last() if is_end else []

    def _typed(self, event: bytes, kind: str, read: Event) -> list[StreamEvent]:
        before = self._release()
        if kind.endswith(".partial_image"):
            return [*before, StreamEvent(data=event, report=self._begun())]
        if not kind.endswith(".completed"):
            return [*before, StreamEvent(data=event)]
        self._finished += 1
        self._kept = event
        self._report = _sum(self._report, responses.report(read.usage), self._finished)
        return [*before, StreamEvent(data=b"", report=self._report)]

    def _begun(self) -> Report:
        """Return what has been used so far, with a picture that is not done."""
        return msgspec.structs.replace(self._report, images=self._finished, begun=1)

    def _release(self) -> list[StreamEvent]:
        """Return the finished picture that was kept back."""
        if not self._kept:
            return []
        kept, self._kept = self._kept, b""
        return [StreamEvent(data=kept)]

    def _last(self) -> list[StreamEvent]:
        if not self._kept:
            return super()._last()
        self._ended = True
        return [StreamEvent(data=self._kept, report=self._report, is_end=True)]


def _sum(so_far: Report, more: Report, images: int) -> Report:
    """Return the use of all pictures; one that does not tell its own leaves the sum unknown."""
    first = images == 1
    return Report(
        input_tokens=more.input_tokens if first else _plus(so_far.input_tokens, more.input_tokens),
        output_tokens=(
            more.output_tokens if first else _plus(so_far.output_tokens, more.output_tokens)
        ),
        cached_input_tokens=so_far.cached_input_tokens + more.cached_input_tokens,
        cache_write_tokens=so_far.cache_write_tokens + more.cache_write_tokens,
        images=images,
    )


def _plus(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else wire.count(one + other)
