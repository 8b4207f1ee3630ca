"""Which bytes a request for a result is given."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.web.ranges import Slice, slice_of

ETAG = b'"abc"'
SIZES = st.integers(1, 2**40)


def part(start: int, stop: int) -> Slice:
    return Slice(status=206, start=start, stop=stop)


def whole(size: int) -> Slice:
    return Slice(status=200, start=0, stop=size)


UNSATISFIABLE = Slice(status=416, start=0, stop=0)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, whole(100)),
        (b"bytes=0-0", part(0, 1)),
        (b"bytes=0-99", part(0, 100)),
        (b"bytes=0-", part(0, 100)),
        (b"bytes=10-19", part(10, 20)),
        (b"bytes=90-1000", part(90, 100)),
        (b"bytes=99-", part(99, 100)),
        (b"bytes=-1", part(99, 100)),
        (b"bytes=-100", part(0, 100)),
        (b"bytes=-1000", part(0, 100)),
        (b"BYTES=1-2", part(1, 3)),
        (b" bytes=1-2 ", part(1, 3)),
        (b"bytes=0001-00000000000000000000002", part(1, 3)),
        (b"bytes=100-", UNSATISFIABLE),
        (b"bytes=100-200", UNSATISFIABLE),
        (b"bytes=-0", UNSATISFIABLE),
        (b"bytes=" + b"9" * 5000 + b"-", UNSATISFIABLE),
        (b"bytes=1-" + b"9" * 5000, part(1, 100)),
        (b"bytes=-" + b"9" * 5000, part(0, 100)),
        (b"bytes=5-4", whole(100)),
        (b"bytes=0-1,5-6", whole(100)),
        (b"bytes=" + b"0-1," * 2000 + b"0-1", whole(100)),
        (b"bytes=-", whole(100)),
        (b"bytes=", whole(100)),
        (b"bytes", whole(100)),
        (b"bytes=a-b", whole(100)),
        (b"bytes=--1", whole(100)),
        (b"bytes=-1-2", whole(100)),
        (b"bytes=+1-2", whole(100)),
        (b"bytes=1 - 2", whole(100)),
        (b"bytes=\xd9\xa1-", whole(100)),
        (b"items=0-1", whole(100)),
        (b"", whole(100)),
    ],
)
def test_a_range_is_given_or_refused_or_no_range_at_all(wanted: bytes | None, expected: Slice):
    """As RFC 9110 has it: 416 where it lies outside, the whole where it is malformed."""
    assert slice_of(100, etag=ETAG, wanted=wanted) == expected


@given(SIZES, st.integers(0, 2**41), st.integers(0, 2**41))
def test_a_closed_range_is_what_python_cuts(size: int, first: int, last: int):
    """Both ends are in it; what lies behind the end is not."""
    got = slice_of(size, etag=ETAG, wanted=b"bytes=%d-%d" % (first, last))
    if last < first:
        assert got == whole(size)
    elif first >= size:
        assert got == UNSATISFIABLE
    else:
        assert got == part(first, min(last + 1, size))


@given(SIZES, st.integers(0, 2**41))
def test_an_open_range_goes_to_the_end(size: int, first: int):
    """From the first byte, or none where there is none."""
    got = slice_of(size, etag=ETAG, wanted=b"bytes=%d-" % first)
    assert got == (part(first, size) if first < size else UNSATISFIABLE)


@given(SIZES, st.integers(0, 2**41))
def test_a_suffix_is_the_end(size: int, length: int):
    """All of it where it is longer than the whole."""
    got = slice_of(size, etag=ETAG, wanted=b"bytes=-%d" % length)
    assert got == (part(max(size - length, 0), size) if length else UNSATISFIABLE)


@given(SIZES, st.binary(max_size=40) | st.from_regex(rb"bytes=[0-9, -]{0,30}", fullmatch=True))
def test_whatever_is_asked_the_answer_lies_within(size: int, wanted: bytes):
    """Never a byte outside, never an empty part, and a part only for who named a range."""
    got = slice_of(size, etag=ETAG, wanted=wanted)

    assert got.status in (200, 206, 416)
    if got.status != 416:
        assert 0 <= got.start < got.stop <= size
    if got.status == 206:
        assert re.match(rb"\s*bytes=", wanted, re.IGNORECASE)


@pytest.mark.parametrize(
    ("if_range", "etag", "status"),
    [
        (None, ETAG, 206),
        (ETAG, ETAG, 206),
        (b' "abc" ', ETAG, 206),
        (b'"abd"', ETAG, 200),
        (b'W/"abc"', ETAG, 200),
        (b"abc", ETAG, 200),
        (b"*", ETAG, 200),
        (b"Sat, 21 Nov 2026 00:00:00 GMT", ETAG, 200),
        (b"", ETAG, 200),
        (b'"abc"', None, 200),
        (None, None, 206),
    ],
)
def test_a_range_of_another_content_is_not_given(
    if_range: bytes | None, etag: bytes | None, status: int
):
    """`If-Range` names the very content, else the whole is sent anew."""
    assert slice_of(100, etag=etag, wanted=b"bytes=1-2", if_range=if_range).status == status


@pytest.mark.parametrize(
    ("if_none_match", "etag", "status"),
    [
        (None, ETAG, 206),
        (ETAG, ETAG, 304),
        (b'W/"abc"', ETAG, 304),
        (b'"x", "abc"', ETAG, 304),
        (b"*", ETAG, 304),
        (b'"abd"', ETAG, 206),
        (b'"xabc"', ETAG, 206),
        (b"abc", ETAG, 206),
        (b"", ETAG, 206),
        (b"*", None, 206),
    ],
)
def test_who_has_it_is_told_so(if_none_match: bytes | None, etag: bytes | None, status: int):
    """Before any range is looked at; what has no name, nobody has."""
    got = slice_of(100, etag=etag, wanted=b"bytes=1-2", if_none_match=if_none_match)
    assert got.status == status
