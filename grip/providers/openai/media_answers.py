"""Whole answers of images and audio, with what they report of their use.

Owns how pictures, sound and transcripts are told from errors. Refuses to look into them. Wire
facts: OpenAI API reference, "Images" and "Audio".
"""

import math
from typing import Any, Final

import msgspec

from grip.providers.openai import responses, wire
from grip.providers.port import Answer, ChannelFault, Report

SPEECH: Final = "/audio/speech"
"""The route whose answers are sound, and say nothing of themselves but their type."""

_DETAIL: Final = 2000
_MAX_SECONDS: Final = 1_000_000
_TEXT: Final = "text/plain; charset=utf-8"
_NO_SOUND: Final = ("application/json", "text/")
_SOUND: Final = "application/octet-stream"


class Images(msgspec.Struct):
    """An answer of image generation or editing; `data` holds the pictures."""

    id: Any = None
    data: list[msgspec.Raw] | None = None
    usage: Any = None
    error: Any = None


class Transcript(msgspec.Struct):
    """An answer of transcription in one of its JSON forms."""

    text: Any = None
    duration: Any = None
    usage: Any = None
    error: Any = None


_images = msgspec.json.Decoder(Images)
_transcript = msgspec.json.Decoder(Transcript)


def images(body: bytes) -> Answer:
    """Read an answer with pictures under `data`; they are counted, not looked into."""
    read: Images = wire.read_success(_images, body)
    if read.data is None:
        raise ChannelFault("garbage", "no list of data in the answer")
    return Answer(
        body=body,
        report=msgspec.structs.replace(responses.report(read.usage), images=len(read.data)),
        text="",
        upstream_id=wire.kept_id(read.id),
    )


def speech(body: bytes, content_type: str) -> Answer:
    """Read an answer that is sound; what is JSON or text is none, nor is nothing."""
    kind = content_type.lower()
    if kind.startswith(_NO_SOUND):
        raise ChannelFault("error_in_answer", body[:_DETAIL].decode(errors="replace"))
    if not body:
        raise ChannelFault("garbage", "the answer holds no sound")
    return Answer(
        body=body,
        report=Report(),
        text="",
        upstream_id=None,
        content_type=content_type or _SOUND,
    )


def transcript(body: bytes) -> Answer:
    """Read a transcript: JSON with its text and usage, or a text (text, srt, vtt) without."""
    if not body.lstrip().startswith(b"{"):
        return _plain(body)
    read: Transcript = wire.read_success(_transcript, body)
    if not isinstance(read.text, str):
        raise ChannelFault("garbage", "no text in the answer")
    return Answer(
        body=body,
        report=heard(read.usage, read.duration),
        text=read.text,
        upstream_id=None,
    )


def heard(usage: Any, duration: Any = None) -> Report:
    """Return what a transcript says of its use: tokens, or how long the sound was."""
    report = responses.report(usage)
    told = usage.get("seconds") if isinstance(usage, dict) else None
    return msgspec.structs.replace(report, seconds=_seconds(duration if told is None else told))


def _plain(body: bytes) -> Answer:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ChannelFault("garbage", str(error)) from None
    if text.lstrip()[:1] == "<":
        raise ChannelFault("garbage", "a page where a transcript was asked for")
    return Answer(body=body, report=Report(), text=text, upstream_id=None, content_type=_TEXT)


def _seconds(found: Any) -> int | None:
    """Return a length of sound in whole seconds, rounded up; None for what is none.

    Some upstreams write it as a text.
    """
    if isinstance(found, str):
        try:
            found = float(found)
        except ValueError:
            return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return math.ceil(found) if 0 <= found <= _MAX_SECONDS else None
