"""What a file is, by its bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.storage import begun, content_type_of, file_suffix
from tests.storage.files import TYPES, in_chunks, sample


@pytest.mark.parametrize("name", TYPES)
def test_real_files_are_what_they_are(name: str):
    """Each kind that models make, as ffmpeg and Pillow write it."""
    assert content_type_of(sample(name)[:4096]) == TYPES[name]


@pytest.mark.parametrize("name", TYPES)
def test_files_are_called_by_their_type(name: str):
    """No kind that is recognised goes without a name."""
    assert file_suffix(TYPES[name]) != "bin"


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html><html>",
        b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b'{"error": {"message": "expired"}}',
        b"\xff\xfe<\0h\0t\0m\0l\0>\0",
        b"\xff\xfe \0<\0h\0",
        b"\xfe\xff\0<\0h\0t\0m\0l\0>",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"\x1f\x8b\x08\x00",
        b"RIFF\x00\x00\x00\x00ACON",
        b"\x7fELF",
        b"\xff\xff\xff\xff",
        b"\0" * 64,
        b"\xff",
        b"",
    ],
)
def test_nothing_else_is_taken_for_a_result(page: bytes):
    """Pages, errors, scripts and archives are none."""
    assert content_type_of(page) is None


@given(st.text(min_size=4))
def test_no_text_is_taken_for_a_result(text: str):
    """Unless it begins as one kind of file does, which letters can for some."""
    letters = ("GIF8", "ID3", "ADIF", "OggS", "fLaC", "RIFF", "FORM")
    if not text.startswith(letters) and text[4:8] not in ("ftyp", "moov", "mdat", "wide"):
        assert content_type_of(text.encode()) is None


@given(st.binary(max_size=64))
def test_any_bytes_are_judged(data: bytes):
    """Without an error, however short they are."""
    kind = content_type_of(data)
    assert kind is None or file_suffix(kind) != "bin"


@pytest.mark.parametrize("chunk", [1, 1000, 4096, 100_000])
async def test_the_head_is_read_ahead_and_lost_nowhere(chunk: int):
    """However small the chunks are; what yields the rest begins with the head."""
    data = bytes(range(256)) * 40
    head, chunks = await begun(in_chunks(data, chunk))

    assert data.startswith(head)
    assert 4096 <= len(head) < 4096 + chunk
    assert b"".join([piece async for piece in chunks]) == data
