"""The sandbox's videos: real MP4 files of a few kilobytes, a picture a second.

Owns as much of H.264 (ITU-T H.264, baseline profile) and of MP4 (ISO/IEC 14496-12 and -15) as a
player needs: a first picture whose samples stand in the stream as they are, then pictures that say
that nothing has changed.
"""

import struct
from typing import Final

_EDGE: Final = 64
_BLOCKS: Final = (_EDGE // 16) ** 2
_TIMESCALE: Final = 1_000
_FRAME_NUMBERS: Final = 16
_MATRIX: Final = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)

_PROFILE: Final = bytes((66, 0xC0, 10))
_UNCHANGED: Final = 5
_WHOLE: Final = 7
_SAMPLES_AS_THEY_ARE: Final = 25


def video(seconds: int) -> bytes:
    """Return an MP4 of 64 by 64 pixels that lasts `seconds`: grey from dark to light."""
    frames = [_first(), *(_next(at) for at in range(1, seconds))]
    samples = [struct.pack(">I", len(frame)) + frame for frame in frames]
    head = _box(b"ftyp", b"isom" + struct.pack(">I", 0x200) + b"isomiso2avc1mp41")
    # The index comes first, so that a player can begin at once; its length does not depend on the
    # place that it names.
    place = len(head) + len(_index(samples, 0)) + 8
    return head + _index(samples, place) + _box(b"mdat", b"".join(samples))


class _Bits:
    """A run of bits, written as H.264 writes them."""

    def __init__(self) -> None:
        self._bits: list[str] = []

    def fixed(self, value: int, bits: int) -> "_Bits":
        self._bits.append(f"{value:0{bits}b}")
        return self

    def counts(self, *values: int) -> "_Bits":
        """Exponential Golomb codes."""
        for value in values:
            code = f"{value + 1:b}"
            self._bits.append("0" * (len(code) - 1) + code)
        return self

    def aligned(self, data: bytes) -> "_Bits":
        """Bytes, from the next whole byte on."""
        self._bits.append("0" * (-sum(map(len, self._bits)) % 8))
        self._bits.append("".join(f"{byte:08b}" for byte in data))
        return self

    def unit(self, head: int) -> bytes:
        """Return the bits as one unit of the stream, ended as each is."""
        bits = "".join(self._bits) + "1"
        bits += "0" * (-len(bits) % 8)
        return bytes((head,)) + int(bits, 2).to_bytes(len(bits) // 8, "big")


def _sequence() -> bytes:
    """Say how large the pictures are, and that each is shown as it comes."""
    bits = _Bits().aligned(_PROFILE).counts(0, 0, 2, 1).fixed(0, 1)
    bits.counts(_EDGE // 16 - 1, _EDGE // 16 - 1)
    return bits.fixed(1, 1).fixed(1, 1).fixed(0, 2).unit(0x67)


def _picture() -> bytes:
    """Say how pictures are written: plainly, and that each says whether edges are smoothed."""
    bits = _Bits().counts(0, 0).fixed(0, 2).counts(0, 0, 0).fixed(0, 3).counts(0, 0, 0)
    return bits.fixed(1, 1).fixed(0, 2).unit(0x68)


def _first() -> bytes:
    bits = _Bits().counts(0, _WHOLE, 0).fixed(0, 4).counts(0).fixed(0, 2).counts(0, 1)
    for block in range(_BLOCKS):
        # No byte is below 4, so that none has to be escaped.
        light = bytes(16 + 12 * block + x // 2 for x in range(16)) * 16
        bits.counts(_SAMPLES_AS_THEY_ARE).aligned(light + b"\x80" * 128)
    return bits.unit(0x65)


def _next(at: int) -> bytes:
    bits = _Bits().counts(0, _UNCHANGED, 0).fixed(at % _FRAME_NUMBERS, 4).fixed(0, 3)
    return bits.counts(0, 1).counts(_BLOCKS).unit(0x41)


def _index(samples: list[bytes], place: int) -> bytes:
    duration = len(samples) * _TIMESCALE
    movie = struct.pack(">4I", 0, 0, _TIMESCALE, duration) + struct.pack(">IH10x", 0x10000, 0x100)
    track = struct.pack(">5I8x4H", 0, 0, 1, 0, duration, 0, 0, 0, 0) + _MATRIX
    track += struct.pack(">II", _EDGE << 16, _EDGE << 16)
    return _box(
        b"moov",
        _full(b"mvhd", movie + _MATRIX + bytes(24) + struct.pack(">I", 2)),
        _box(b"trak", _full(b"tkhd", track, flags=3), _media(samples, duration, place)),
    )


def _media(samples: list[bytes], duration: int, place: int) -> bytes:
    head = struct.pack(">4IHH", 0, 0, _TIMESCALE, duration, 0x55C4, 0)
    kind = struct.pack(">I4s12x", 0, b"vide") + b"sandbox\0"
    here = _box(b"dinf", _full(b"dref", struct.pack(">I", 1), _full(b"url ", flags=1)))
    return _box(
        b"mdia",
        _full(b"mdhd", head),
        _full(b"hdlr", kind),
        _box(b"minf", _full(b"vmhd", bytes(8), flags=1), here, _samples(samples, place)),
    )


def _samples(samples: list[bytes], place: int) -> bytes:
    count = len(samples)
    sizes = struct.pack(f">II{count}I", 0, count, *map(len, samples))
    return _box(
        b"stbl",
        _full(b"stsd", struct.pack(">I", 1), _coding()),
        _full(b"stts", struct.pack(">3I", 1, count, _TIMESCALE)),
        _full(b"stss", struct.pack(">2I", 1, 1)),
        _full(b"stsc", struct.pack(">4I", 1, 1, count, 1)),
        _full(b"stsz", sizes),
        _full(b"stco", struct.pack(">2I", 1, place)),
    )


def _coding() -> bytes:
    sequence, picture = _sequence(), _picture()
    record = bytes((1, *_PROFILE, 0xFF, 0xE1)) + struct.pack(">H", len(sequence)) + sequence
    record += b"\1" + struct.pack(">H", len(picture)) + picture
    entry = struct.pack(">6xH16x2H2I4xH32x2H", 1, _EDGE, _EDGE, 72 << 16, 72 << 16, 1, 24, 0xFFFF)
    return _box(b"avc1", entry, _box(b"avcC", record))


def _box(name: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I", len(data) + 8) + name + data


def _full(name: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return _box(name, struct.pack(">I", flags), *parts)
