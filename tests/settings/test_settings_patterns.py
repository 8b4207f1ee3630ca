"""Regular expressions in the configuration: right ones, and none that takes for ever."""

from pathlib import Path

import pytest

from grip.errors import ConfigurationInvalid
from grip.settings import load
from grip.settings.kinds import ValueRefused
from grip.settings.patterns import Patterns


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d{4}( \d{4}){3}",
        r"[\w.]+@[\w.]+",
        r"(?i)sk-[a-z0-9]{20,}",
        r"[]a+]+",
        r"\(a+\)+",
        r"(?P<q>ab)+(?P=q)+",
        r"(?:a+){2,5}b",
        r"(a|b)+c",
    ],
)
def test_usual_patterns_are_taken_as_they_are(pattern: str):
    """Brackets and escapes are no groups."""
    assert Patterns().from_toml([pattern]) == (pattern,)


@pytest.mark.parametrize("pattern", [r"(a+)+b", r"(?:x(y*)z)*!", r"(?P<n>a+)+", r"(?i:a{2,})+"])
def test_a_repetition_within_a_repetition_is_refused(pattern: str):
    """On the wrong text its time doubles with every letter."""
    with pytest.raises(ValueRefused, match="for ever"):
        Patterns().from_toml([pattern])


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (["("], "is not a regular expression: missing"),
        (["a*"], "matches nothing at all"),
        ([""], "1 to 1000 characters"),
        (["a" * 1_001], "1 to 1000 characters"),
        (["a"] * 101, "100 regular expressions at most"),
        ("a", "must be a list"),
        ([1], "must be a string"),
    ],
)
def test_what_is_no_list_of_patterns_is_refused_and_says_why(value: object, why: str):
    """At the start, not at the first call."""
    with pytest.raises(ValueRefused, match=why):
        Patterns().from_toml(value)


def test_a_bad_pattern_stops_the_start_and_names_its_key(tmp_path: Path):
    """In one line."""
    path = tmp_path / "grip.toml"
    path.write_text('[content]\nredact = ["("]\n')

    with pytest.raises(ConfigurationInvalid, match=r'^content\.redact: "\(" is not') as refused:
        load(path, {})
    assert "\n" not in str(refused.value)


def test_a_variable_has_one_pattern_on_each_line():
    """They may have commas in them."""
    found = load(environ={"GRIP_CONTENT_REDACT": "a{1,3}\n[0-9]+"})

    assert found.content.redact == ("a{1,3}", "[0-9]+")
