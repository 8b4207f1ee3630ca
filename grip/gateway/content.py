"""What is kept of a request's and an answer's content: less than there was, and no secrets in it.

Long base64 gives way to a note of its size, what the operator's patterns match to a marker, and
what is left is cut. Pure, and run aside from requests; refuses to look at more than it keeps.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from grip.store.details import CUT, PACKED, Side

MARGIN_BYTES: Final = 1024
"""So much beyond the cut is looked at: a match that the cut goes through is found whole."""

REDACTED: Final = "[redacted]"

_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="
_LONG_BYTES: Final = 1024
_STEP_BYTES: Final = 512
_PROBE_BYTES: Final = 64
_SLICE_BYTES: Final = 256 * 1024
"""So much is looked at in one step, between which other threads have their turn."""

_PACK_ABOVE_BYTES: Final = 8 * 1024
"""Compressing less costs more time than writing it does (docs/adr/0009)."""

_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_WINDOW: Final = 1024
_OVERLAP: Final = 256


class Keeper:
    """Makes what is kept of one side: at most `most_bytes`, without what `patterns` match."""

    def __init__(self, most_bytes: int, patterns: Sequence[str] = ()) -> None:
        self._most_bytes = most_bytes
        self._patterns = [re.compile(pattern) for pattern in patterns]

    def side(self, raw: bytes, size: int | None = None) -> Side:
        """Return what is kept of `raw`, of which there was `size` in all."""
        whole = len(raw) if size is None else size
        data, is_cut = without_base64(raw, self._most_bytes + MARGIN_BYTES)
        is_cut = is_cut or whole > len(raw)
        words = _words(data, is_cut=is_cut)
        if words is None:
            return Side(b"[%d bytes that are no text]" % whole, whole)
        if self._patterns:
            words = self.redacted(_plain(words)).encode(errors="replace")
        if len(words) > self._most_bytes:
            words, is_cut = _whole_letters(words[: self._most_bytes]), True
        return _packed(words, whole, CUT if is_cut else 0)

    def redacted(self, text: str) -> str:
        """Return the text without what the patterns match.

        They see a window at a time, so that the time for it grows with the text only, and not with
        its square: of a match of more than 256 characters, a part may stay.
        """
        for pattern in self._patterns:
            text = _without(text, list(_matches(pattern, text)))
        return text


def without_base64(raw: bytes, most_bytes: int) -> tuple[bytes, bool]:
    """Return the first `most_bytes` of `raw` with notes in place of long base64, and if cut.

    Every run that is long enough has a probe in it; what is none is found by a look at each.
    """
    if len(raw) < _LONG_BYTES:
        return raw[:most_bytes], len(raw) > most_bytes
    parts: list[bytes] = []
    size = begin = at = 0
    while at < len(raw) and size + at - begin <= most_bytes:
        if raw[at : at + _PROBE_BYTES].translate(None, _BASE64):
            at += _STEP_BYTES
            continue
        start, end = _start(raw, begin, at), _end(raw, at)
        at = end
        if end - start >= _LONG_BYTES:
            parts += (raw[begin:start], b"[%d bytes of base64]" % (end - start))
            size += len(parts[-2]) + len(parts[-1])
            begin = end
    room = max(most_bytes - size, 0)
    parts.append(raw[begin : begin + room])
    whole = b"".join(parts)
    return whole[:most_bytes], len(raw) - begin > room or len(whole) > most_bytes


def _start(raw: bytes, lowest: int, at: int) -> int:
    """Return where the run of base64 begins that there is at `at`."""
    lowest = max(lowest, at - _STEP_BYTES)
    return lowest + len(raw[lowest:at].rstrip(_BASE64))


def _end(raw: bytes, at: int) -> int:
    """Return where the run of base64 ends that there is at `at`."""
    while at < len(raw):
        piece = raw[at : at + _SLICE_BYTES]
        rest = len(piece.lstrip(_BASE64))
        at += len(piece) - rest
        if rest:
            break
    return at


def _words(data: bytes, *, is_cut: bool) -> bytes | None:
    """Return the bytes as far as they are text, None where they are something else."""
    if data.isascii():
        return data
    whole = _whole_letters(data) if is_cut else data
    try:
        whole.decode()
    except UnicodeDecodeError:
        return None
    return whole


def _whole_letters(data: bytes) -> bytes:
    """Return the bytes without a letter that the cut went through."""
    for back in range(1, min(4, len(data)) + 1):
        lead = data[-back]
        if lead < 0x80:  # noqa: PLR2004 - ASCII
            break
        if lead >= 0xC0:  # noqa: PLR2004 - the first byte of a letter of several
            needed = 2 + (lead >= 0xE0) + (lead >= 0xF0)  # noqa: PLR2004 - as UTF-8 has it
            return data if back == needed else data[:-back]
    return data


def _plain(data: bytes) -> str:
    """Return the text of it; of JSON without the escapes that hide letters from patterns."""
    try:
        return msgspec.json.encode(msgspec.json.decode(data)).decode()
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), data.decode(errors="replace"))
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    for begin in range(0, max(len(text), 1), _WINDOW - _OVERLAP):
        for found in pattern.finditer(text, begin, begin + _WINDOW):
            if found.end() > found.start():
                yield found.span()


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    if not spans:
        return text
    parts: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if start > at or not parts:
            parts += (text[at:start], REDACTED)
        at = max(at, end)
    parts.append(text[at:])
    return "".join(parts)


def _packed(data: bytes, size: int, form: int) -> Side:
    """Return the side, compressed where that pays."""
    if len(data) > _PACK_ABOVE_BYTES:
        packed = zlib.compress(data, 1)
        if len(packed) < len(data):
            return Side(packed, size, form | PACKED)
    return Side(data, size, form)
