import pytest

from grip.cli import parse
from grip.errors import InvalidRequest


def test_times_are_utc_unless_they_say_otherwise():
    """A date is its first moment."""
    assert parse.moment("2026-01-01", "--from") == 1_767_225_600_000_000
    assert parse.moment("2026-01-01T01:00:00+01:00", "--from") == 1_767_225_600_000_000
    assert parse.moment("2026-01-01T00:00:00Z", "--from") == 1_767_225_600_000_000
    assert parse.moment(None, "--from") is None


def test_prices_are_exact_nano_credits():
    """A price per million tokens and one per image."""
    assert parse.price("2.50", "--input", 1_000_000) == 2_500_000
    assert parse.price("0.04", "--per-image") == 40_000_000_000
    assert parse.price("0", "--input", 1_000_000) == 0
    assert parse.price("", "--input") is None


def test_seconds_become_milliseconds():
    """Fractions are fine, down to one of them."""
    assert parse.milliseconds("10", "--x") == 10_000
    assert parse.milliseconds("0.001", "--x") == 1
    assert parse.milliseconds("", "--x") is None


def test_lists_are_repeated_or_have_commas():
    """Blanks and empty parts go; an empty word is an empty list."""
    assert parse.several(["a, b", "c,"]) == ["a", "b", "c"]
    assert parse.several([""]) == []
    assert parse.several(None) is None


def test_mappings_split_at_the_first_sign():
    """What comes after it may hold another."""
    assert parse.mapping(["a=b,c=d=e"], "--map") == {"a": "b", "c": "d=e"}
    assert parse.mapping([""], "--map") == {}
    assert parse.mapping(None, "--map") is None


def test_whole_numbers_have_a_minimum():
    """It is 1 unless told otherwise; an empty word is none."""
    assert parse.whole("12", "--x") == 12
    assert parse.whole("0", "--x", 0) == 0
    assert parse.whole("", "--x") is None


@pytest.mark.parametrize(
    ("parser", "words"),
    [
        (parse.moment, "yesterday"),
        (parse.moment, "2026-13-01"),
        (parse.price, "free"),
        (parse.price, "-1"),
        (parse.price, "1e-13"),
        (parse.price, "nan"),
        (parse.whole, "0"),
        (parse.whole, "1.5"),
        (parse.whole, "9" * 19),
        (parse.milliseconds, "0"),
        (parse.milliseconds, "-1"),
        (parse.milliseconds, "0.0001"),
        (parse.milliseconds, "1e3"),
        (lambda words, option: parse.mapping([words], option), "a"),
        (lambda words, option: parse.mapping([words], option), "a="),
        (lambda words, option: parse.mapping([words], option), "=b"),
        (lambda words, option: parse.mapping([words], option), "a=b,a=c"),
    ],
)
def test_what_cannot_be_read_is_refused_by_the_name_of_its_option(parser, words: str):
    """The message begins with the option, and so does `param`."""
    with pytest.raises(InvalidRequest, match=r"^--that: ") as refused:
        parser(words, "--that")

    assert refused.value.param == "--that"
