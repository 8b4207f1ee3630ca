"""How long the sound in a file is: what a hold of a transcript rests on.

Owns the measure, and the guess for what cannot be measured. An upstream's own count stands above
both. Refuses to decode sound.
"""

import asyncio
import math
from typing import IO, Final

from tinytag import TinyTag, TinyTagException

from grip.money.media import Estimate

_SPARSE_BYTES_PER_S: Final = 1_000
_USUAL_BYTES_PER_S: Final = 4_000
"""Speech in a browser's recording: 32 kbit/s; the sparsest codecs need a quarter of it."""

_DENSE_BYTES_PER_S: Final = 40_000
_PLAIN_BYTES_PER_S: Final = 384_000
"""The most that a second takes: 320 kbit/s, and without compression 96 kHz in 16 bits, twice."""

_PLAIN: Final = (b"RIFF", b"fLaC", b"FORM")
_MAGIC_BYTES: Final = 4


async def seconds_of(file: IO[bytes], size: int) -> Estimate:
    """Return how many seconds a file of sound lasts: rounded up, one at least.

    A head that claims less than its bytes can be is not believed.
    """
    return await asyncio.to_thread(_seconds_of, file, size)


def _seconds_of(file: IO[bytes], size: int) -> Estimate:
    is_plain = file.read(_MAGIC_BYTES) in _PLAIN
    least = max(_divide_up(size, _PLAIN_BYTES_PER_S if is_plain else _DENSE_BYTES_PER_S), 1)
    measured = _measured(file)
    if measured is None:
        near = max(_divide_up(size, _USUAL_BYTES_PER_S), least)
        return Estimate(near, max(_divide_up(size, _SPARSE_BYTES_PER_S), near))
    # No head makes a file longer than the sparsest sound in so many bytes.
    near = max(min(measured, _divide_up(size, _SPARSE_BYTES_PER_S)), least)
    return Estimate(near, near)


def _measured(file: IO[bytes]) -> int | None:
    file.seek(0)
    try:
        found = TinyTag.get(file_obj=file, tags=False)  # type: ignore[arg-type]
    except TinyTagException:
        return None
    length_s = found.duration
    if length_s is None or not math.isfinite(length_s) or length_s <= 0:
        return None
    return math.ceil(length_s)


def _divide_up(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
