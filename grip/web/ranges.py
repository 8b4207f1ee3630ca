"""Which bytes of a result a request is to be given: RFC 9110's ranges and conditions, pure.

One range is served. Several at once are answered with the whole, as the RFC allows: who asks for
thousands of them makes no work.
"""

import re
from dataclasses import dataclass
from typing import Final

_RANGE: Final = re.compile(rb"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
_TAG: Final = re.compile(rb'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_DIGITS_MAX: Final = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A status, and the bytes that go with it: from `start` to before `stop`."""

    status: int
    start: int
    stop: int


def slice_of(
    size: int,
    *,
    etag: bytes | None,
    wanted: bytes | None = None,
    if_range: bytes | None = None,
    if_none_match: bytes | None = None,
) -> Slice:
    """Return what a GET of `size` bytes is answered with: 200, 206, 304 or 416.

    `wanted` is the header Range; `etag` is None where the content has no name to compare. A range
    that is malformed is as good as none, and so is one for another content than this.
    """
    if etag is not None and if_none_match is not None and _is_among(etag, if_none_match):
        return Slice(status=304, start=0, stop=0)
    whole = Slice(status=200, start=0, stop=size)
    if wanted is None or (if_range is not None and (etag is None or if_range.strip() != etag)):
        return whole
    found = _RANGE.fullmatch(wanted.strip())
    if found is None or found[1] == found[2] == b"":
        return whole
    return _ranged(size, found[1], found[2]) or whole


def _ranged(size: int, first: bytes, last: bytes) -> Slice | None:
    """Return a part, a refusal, or None where the numbers contradict each other."""
    if not first:
        start, stop = max(size - _number(last), 0), size
    else:
        start = _number(first)
        stop = min(_number(last) + 1, size) if last else size
        if last and _number(last) < start:
            return None
    if start >= size:
        return Slice(status=416, start=0, stop=0)
    return Slice(status=206, start=start, stop=stop)


def _number(digits: bytes) -> int:
    """Return the number; one that is longer than any size is as large as numbers get here."""
    digits = digits.lstrip(b"0") or b"0"
    return int(digits) if len(digits) <= _DIGITS_MAX else 10**_DIGITS_MAX


def _is_among(etag: bytes, header: bytes) -> bool:
    return header.strip() == b"*" or etag in _TAG.findall(header)
