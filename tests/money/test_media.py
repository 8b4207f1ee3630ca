"""Units of media before anyone has answered: pictures by size, sound by length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.money import media
from grip.money.media import Estimate

EDGES = st.integers(min_value=1, max_value=16_384)
QUALITIES = st.sampled_from(["low", "medium", "high", "auto", "", "hd"])


@pytest.mark.parametrize(
    ("size", "quality", "tokens"),
    [
        ("1024x1024", "high", 7_024),
        ("1536x1024", "high", 5_488),
        ("1024x1536", "high", 5_488),
        ("3584x2048", "high", 12_329),
        ("1024x1024", "low", 196),
    ],
)
def test_a_picture_counts_what_the_vendors_calculator_says(size: str, quality: str, tokens: int):
    """The figures that its developers' forum found."""
    assert abs(media.picture_tokens(size, quality).near - tokens) <= 1


@pytest.mark.parametrize(
    ("size", "quality", "tokens"),
    [
        ("1024x1024", "low", 272),
        ("1024x1536", "low", 408),
        ("1024x1024", "medium", 1_056),
        ("1024x1536", "medium", 1_584),
        ("1024x1024", "high", 4_160),
        ("1024x1536", "high", 6_240),
        ("auto", "auto", 6_240),
    ],
)
def test_the_bound_covers_the_older_models(size: str, quality: str, tokens: int):
    """Which count otherwise."""
    assert media.picture_tokens(size, quality).bound >= tokens


@given(EDGES, EDGES, QUALITIES, st.integers(min_value=0, max_value=3))
def test_a_bound_of_pictures_is_above_its_estimate(
    width: int, height: int, quality: str, partial: int
):
    """Turned round it is the same, and previews come on top."""
    found = media.picture_tokens(f"{width}x{height}", quality, partial=partial)

    assert 0 < found.near < found.bound
    assert found == media.picture_tokens(f"{height}x{width}", quality, partial=partial)
    assert found.near - partial * 100 == media.picture_tokens(f"{width}x{height}", quality).near


@pytest.mark.parametrize(
    "size", ["auto", "", "x", "1024x", "0x5", "-1x5", "16385x1", "٣x٣", "1x2x3"]
)
def test_a_size_that_names_no_edges_is_a_square(size: str):
    """Whatever an upstream may make of it."""
    assert media.picture_tokens(size, "low") == media.picture_tokens("1024x1024", "low")


@given(st.integers(min_value=0, max_value=10**6), st.integers(min_value=0, max_value=10**6))
def test_sound_counts_by_its_length(near: int, more: int):
    """A bound grows with the bound, and is never below the estimate."""
    given_ = Estimate(near, near + more)
    for rule in (media.spoken_tokens, media.heard_tokens, media.written_tokens):
        found = rule(given_)
        assert near <= found.near <= found.bound
