"""What is an Idempotency-Key, and what is not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.errors import InvalidRequest
from grip.web.request import idempotency_key

VISIBLE = "".join(map(chr, range(0x21, 0x7F)))


def _scope(*values: bytes) -> Any:
    """Return a request with these headers, among others."""
    named = [(b"idempotency-key", value) for value in values]
    return {"headers": [(b"host", b"x"), *named, (b"x-idempotency-key", b"other")]}


def test_a_request_without_the_header_has_no_key():
    """Other headers are not looked at."""
    assert idempotency_key(_scope()) is None


@given(st.text(VISIBLE, min_size=1, max_size=255))
def test_any_visible_ascii_of_up_to_255_characters_is_a_key(key: str):
    """As it is, in its own case; white space around it is the header's."""
    assert idempotency_key(_scope(key.encode())) == key
    assert idempotency_key(_scope(b" " + key.encode() + b"\t")) == key


@given(st.binary(max_size=300))
def test_bytes_are_a_key_or_refused(value: bytes):
    """Never anything else."""
    try:
        key = idempotency_key(_scope(value))
    except InvalidRequest:
        return

    assert key == value.strip().decode("ascii")
    assert 0 < len(key) <= 255


@pytest.mark.parametrize(
    "values",
    [
        (b"",),
        (b"   ",),
        (b"a" * 256,),
        (b"two words",),
        (b"a\x00b",),
        (b"a\x7f",),
        ("clé".encode(),),
        (b"\xe9",),
        (b"a\nb",),
        (b"a", b"a"),
        (b"a", b"b"),
        (b"", b"a"),
    ],
)
def test_what_is_no_key_is_refused(values: tuple[bytes, ...]):
    """With the header's name, and what it may be."""
    with pytest.raises(InvalidRequest, match="1 to 255 visible ASCII") as raised:
        idempotency_key(_scope(*values))
    assert raised.value.param == "Idempotency-Key"
