"""Real files, made by ffmpeg 9 and Pillow, and ways to cut them into chunks."""

from collections.abc import AsyncIterator
from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"

TYPES = {
    "bare.mp3": "audio/mpeg",
    "faststart.mp4": "video/mp4",
    "fragmented.mp4": "video/mp4",
    "piped.wav": "audio/wav",
    "piped.webm": "video/webm",
    "plain.jpg": "image/jpeg",
    "plain.png": "image/png",
    "red.avif": "image/avif",
    "red.gif": "image/gif",
    "red.jpg": "image/jpeg",
    "red.mkv": "video/x-matroska",
    "red.mov": "video/quicktime",
    "red.mp4": "video/mp4",
    "red.png": "image/png",
    "red.webm": "video/webm",
    "red.webp": "image/webp",
    "tone.aac": "audio/aac",
    "tone.flac": "audio/flac",
    "tone.m4a": "audio/mp4",
    "tone.mp3": "audio/mpeg",
    "tone.ogg": "audio/ogg",
    "tone.opus": "audio/ogg",
    "tone.wav": "audio/wav",
}


def sample(name: str) -> bytes:
    """Return one of them."""
    return (SAMPLES / name).read_bytes()


async def in_chunks(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """Yield bytes in pieces of this size."""
    for at in range(0, len(data), size):
        yield data[at : at + size]
