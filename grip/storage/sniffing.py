"""What a file is, by its first bytes: the kinds of picture, film and sound that models make.

A table of its own: the libraries that know thousands of kinds take every page for one of them, and
miss sound without a head (docs/adr/0002). Refuses to believe names and headers.
"""

from collections.abc import AsyncIterator
from typing import Final

HEAD_BYTES: Final = 4096
"""So much of the beginning is enough to tell."""

_BEGINNINGS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"ADIF", "audio/aac"),
)
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS: Final = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
}
_OLD_QUICKTIME: Final = (b"moov", b"mdat", b"wide")
_SUFFIXES: Final = {
    "audio/aac": "aac",
    "audio/aiff": "aiff",
    "audio/flac": "flac",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "image/avif": "avif",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "video/mp4": "mp4",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-matroska": "mkv",
    "video/x-msvideo": "avi",
}


async def begun(chunks: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    """Return the first `HEAD_BYTES` or more, fewer where there are no more, and all of the chunks.

    The second value yields the head first, then the rest.
    """
    head = b""
    async for chunk in chunks:
        head += chunk
        if len(head) >= HEAD_BYTES:
            break

    async def whole() -> AsyncIterator[bytes]:
        if head:
            yield head
        async for chunk in chunks:
            yield chunk

    return head, whole()


def content_type_of(head: bytes) -> str | None:
    """Return the type of what begins with `head`, None where it is nothing that models make."""
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head.startswith(b"FORM") and head[8:12] in (b"AIFF", b"AIFC"):
        return "audio/aiff"
    if head.startswith(b"OggS"):
        return "video/ogg" if b"\x80theora" in head else "audio/ogg"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return _matroska(head)
    return _boxes(head) or _frames(head)


def file_suffix(content_type: str) -> str:
    """Return what a file of this type is called by, behind the dot."""
    return _SUFFIXES.get(content_type, "bin")


def _boxes(head: bytes) -> str | None:
    """Tell files of boxes apart: by their brand, or old ones by their first box."""
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    return "video/quicktime" if head[4:8] in _OLD_QUICKTIME else None


def _matroska(head: bytes) -> str | None:
    at = head.find(b"\x42\x82")
    kind = head[at + 3 : at + 3 + (head[at + 2] & 0x7F)] if 0 < at < len(head) - 2 else b""
    return {b"webm": "video/webm", b"matroska": "video/x-matroska"}.get(kind.rstrip(b"\0"))


def _frames(head: bytes) -> str | None:
    """Tell bare frames of sound by the fields of the first one: no text has them all."""
    if len(head) < 4 or head[0] != 0xFF:  # noqa: PLR2004 - a frame's head has four bytes
        return None
    if head[1] & 0xF6 == 0xF0:  # noqa: PLR2004 - ADTS: twelve bits of ones, then layer 0
        return "audio/aac" if (head[2] >> 2) & 0xF <= 0xC else None  # noqa: PLR2004
    is_frame = head[1] & 0xE0 == 0xE0 and (head[1] >> 3) & 3 != 1  # noqa: PLR2004
    is_layer = (head[1] >> 1) & 3 in (1, 2)  # III and II
    is_rate = 0 < head[2] >> 4 < 0xF and (head[2] >> 2) & 3 != 3  # noqa: PLR2004
    return "audio/mpeg" if is_frame and is_layer and is_rate else None
