"""The sandbox's pictures, sound and transcripts: real files, small and always the same.

Owns what they look like on OpenAI's wire. Refuses to behave badly: the script does that.
"""

import base64
import struct
import zlib
from typing import Any, Final

import msgspec

_EDGE: Final = 64
_RATE: Final = 8_000
_CHARACTERS_PER_S: Final = 15
_MAX_SECONDS: Final = 10
_PICTURE_TOKENS: Final = 1_056
_CREATED: Final = 1_700_000_000


class MediaRequest(msgspec.Struct):
    """What the sandbox reads of a request for media; `file_bytes` is the size of its files."""

    model: str
    prompt: Any = ""
    input: Any = ""
    n: int = 1
    partial_images: int = 0
    stream: bool = False
    stream_format: str = "audio"
    response_format: str = ""
    file_bytes: int = 0


def picture() -> bytes:
    """Return a PNG of 64 by 64 pixels: a slope from dark to light."""
    rows = b"".join(b"\0" + bytes((x + y) % 256 for x in range(_EDGE)) for y in range(_EDGE))
    head = struct.pack(">IIBBBBB", _EDGE, _EDGE, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(name, data) for name, data in chunks)


def sound(text: str) -> bytes:
    """Return a WAV that lasts as long as `text` takes to be said: a saw tooth, 8 kHz, mono."""
    seconds = min(max(-(-len(text) // _CHARACTERS_PER_S), 1), _MAX_SECONDS)
    data = bytes(range(0, 200, 10)) * (_RATE * seconds // 20)
    form = struct.pack("<HHIIHH", 1, 1, _RATE, _RATE, 1, 8)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def images(request: MediaRequest) -> dict[str, Any]:
    """Return the answer to a request for pictures."""
    shown = base64.b64encode(picture()).decode()
    return {
        "created": _CREATED,
        "data": [{"b64_json": shown} for _ in range(max(request.n, 0))],
        "usage": _picture_usage(request, max(request.n, 0)),
    }


def image_events(request: MediaRequest) -> list[dict[str, Any]]:
    """Return the events of a stream of pictures."""
    shown = {"b64_json": base64.b64encode(picture()).decode(), "created_at": _CREATED}
    events: list[dict[str, Any]] = []
    for _ in range(max(request.n, 0)):
        events += [
            {"type": "image_generation.partial_image", "partial_image_index": index} | shown
            for index in range(request.partial_images)
        ]
        done = {"type": "image_generation.completed", "usage": _picture_usage(request, 1)}
        events.append(done | shown)
    return events


def speech_events(request: MediaRequest) -> list[dict[str, Any]]:
    """Return the events of a stream of speech."""
    said = sound(str(request.input))
    cut = len(said) // 2
    events: list[dict[str, Any]] = [
        {"type": "speech.audio.delta", "audio": base64.b64encode(part).decode()}
        for part in (said[:cut], said[cut:])
    ]
    read, written = _tokens(request.input), len(said) // 400
    events.append(
        {
            "type": "speech.audio.done",
            "usage": {
                "input_tokens": read,
                "output_tokens": written,
                "total_tokens": read + written,
            },
        }
    )
    return events


def transcript(request: MediaRequest, text: str) -> dict[str, Any]:
    """Return the answer to a request for a transcript; a second for every 8,000 bytes."""
    answer: dict[str, Any] = {"text": text, "usage": _heard(request)}
    if request.response_format == "verbose_json":
        answer |= {"task": "transcribe", "language": "english", "segments": []}
        answer["duration"] = answer["usage"]["seconds"]
    return answer


def transcript_events(request: MediaRequest, words: list[str]) -> list[dict[str, Any]]:
    """Return the events of a stream of a transcript."""
    events: list[dict[str, Any]] = [
        {"type": "transcript.text.delta", "delta": word} for word in words
    ]
    done = {"type": "transcript.text.done", "text": "".join(words), "usage": _heard(request)}
    return [*events, done]


def _picture_usage(request: MediaRequest, pictures: int) -> dict[str, Any]:
    read, written = _tokens(request.prompt), _PICTURE_TOKENS * pictures
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}


def _heard(request: MediaRequest) -> dict[str, Any]:
    return {"type": "duration", "seconds": -(-request.file_bytes // _RATE)}


def _tokens(text: Any) -> int:
    return len(str(text)) // 4 + 1


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
