"""What is kept of content: less than there was, cut on a letter, and nothing that must not be."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.gateway.content import MARGIN_BYTES, REDACTED, Keeper, without_base64
from grip.store.details import PACKED

FILE = base64.b64encode(bytes(range(250)) * 12).decode()


def test_what_fits_is_kept_as_it_was():
    """To the byte, whatever language it is in."""
    raw = '{"messages":[{"content":"Grüße, 世界"}]}'.encode()
    side = Keeper(1_000).side(raw)

    assert (side.data, side.size, side.form) == (raw, len(raw), 0)
    assert side.text == raw.decode()


def test_what_is_longer_is_cut_and_says_so():
    """Its size is told as it was."""
    side = Keeper(100).side(b"a b " * 100)

    assert (side.data, side.size, side.is_cut) == (b"a b " * 25, 400, True)


@pytest.mark.parametrize("most", range(1, 30))
def test_a_cut_does_not_go_through_a_letter(most: int):
    """Whatever the number of its bytes."""
    side = Keeper(most).side(("ü世😀a" * 600).encode())

    assert side.text is not None
    assert ("ü世😀a" * 600).startswith(side.text)
    assert most - 4 < len(side.text.encode()) <= most


def test_long_base64_gives_way_to_a_note_of_its_size():
    """Before the cut, so that what stands behind a picture is seen."""
    parts = [{"url": f"data:image/png;base64,{FILE}"}, {"text": "what is this?"}, {"data": FILE}]
    side = Keeper(500).side(json.dumps(parts).encode())

    assert side.text == json.dumps(parts).replace(FILE, "[4000 bytes of base64]")
    assert not side.is_cut


@given(st.lists(st.tuples(st.text("ab \n\"{}'é", max_size=1_500), st.integers(0, 3_000))))
def test_base64_is_found_wherever_it_stands(pieces: list[tuple[str, int]]):
    """Nothing else goes, and no run of it is left that is long enough."""
    raw = "".join(f"{text}!{'Q' * count}!" for text, count in pieces).encode()
    kept, is_cut = without_base64(raw, 10_000_000)
    expected = raw
    for count in sorted({count for _, count in pieces if count >= 1_024}, reverse=True):
        expected = expected.replace(b"!" + b"Q" * count + b"!", b"![%d bytes of base64]!" % count)

    assert not is_cut
    assert kept == expected


def test_a_file_as_large_as_a_body_may_be_is_looked_at_once():
    """Ten megabytes leave a line."""
    kept, is_cut = without_base64(b'{"data":"' + b"A" * 10_000_000 + b'"}', 1_000)

    assert (kept, is_cut) == (b'{"data":"[10000000 bytes of base64]"}', False)


def test_what_is_no_text_is_told_by_its_size():
    """As the sound of an answer."""
    assert Keeper(100).side(b"\xff\xfb\x90\x64" * 5_000).text == "[20000 bytes that are no text]"


def test_long_content_is_packed_and_reads_the_same():
    """On the disk it takes less."""
    raw = b"one two three " * 2_000
    side = Keeper(65_536).side(raw)

    assert side.form == PACKED
    assert side.data is not None
    assert len(side.data) < len(raw) / 10
    assert side.text == raw.decode()


@pytest.mark.parametrize(
    "raw",
    [
        b'{"card":"4111 1111 1111 1111"}',
        b'{"card":"4111\\u00201111\\u00201111\\u00201111"}',
        b'{"cut": "4111\\u00201111 1111 1111',
        b"4111 1111 1111 1111, as words",
    ],
)
def test_what_a_pattern_matches_is_not_kept(raw: bytes):
    """However JSON writes its letters."""
    text = Keeper(1_000, [r"\d{4}( \d{4}){3}"]).side(raw).text

    assert text is not None
    assert REDACTED in text
    assert "1111" not in text


def test_a_match_that_the_cut_goes_through_is_not_kept():
    """Not even its first half."""
    raw = b"x" * 95 + b" 4111111111111111 " + b"y" * 200
    side = Keeper(100, [r"\d{16}"]).side(raw)

    assert side.text == "x" * 95 + " " + REDACTED[:4]
    assert MARGIN_BYTES > 16


@pytest.mark.parametrize("before", [0, 760, 767, 768, 1_020, 1_023, 1_024, 10_000])
def test_a_match_is_found_across_the_windows(before: int):
    """Once, whichever windows it is in."""
    keeper = Keeper(65_536, [r"secret-\d+"])

    assert keeper.redacted("a" * before + "secret-123456" + "b") == ("a" * before + REDACTED + "b")


def test_a_pattern_that_goes_back_over_the_text_takes_a_window_at_most():
    """An address of mail looked for in a long word: the square of that would take minutes."""
    text = "a" * 100_000

    assert Keeper(1, [r"[\w.]+@[\w.]+"]).redacted(text) == text
