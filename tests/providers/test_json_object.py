"""Editing a JSON object in place: what was not named stays as it was, byte for byte."""

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.errors import InvalidRequest
from grip.providers.json_object import JsonObject

SPACES = st.text(alphabet=" \t\n\r", max_size=3)
NUMBERS = st.one_of(
    st.integers().map(str),
    st.sampled_from(["1.0", "1e3", "-0", "1E+2", "0.10", "12345678901234567890123"]),
)
LETTERS = st.one_of(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters='"\\'),
    st.sampled_from(["\\n", '\\"', "\\\\", "\\/", "\\u00e9", "\\ud83d\\ude00"]),
)
STRINGS = st.lists(LETTERS, max_size=6).map(lambda parts: f'"{"".join(parts)}"')
SCALARS = st.one_of(NUMBERS, STRINGS, st.sampled_from(["true", "false", "null"]))


@st.composite
def spaced(draw: st.DrawFn, parts: list[str], opening: str, closing: str) -> str:
    inner = ",".join(draw(SPACES) + part + draw(SPACES) for part in parts)
    return opening + (inner or draw(SPACES)) + closing


@st.composite
def values(draw: st.DrawFn, depth: int = 2) -> str:
    if depth == 0 or draw(st.booleans()):
        return draw(SCALARS)
    inner = draw(st.lists(values(depth - 1), max_size=3))
    if draw(st.booleans()):
        return draw(spaced(inner, "[", "]"))
    members = [f'"k{index}"{draw(SPACES)}:{value}' for index, value in enumerate(inner)]
    return draw(spaced(members, "{", "}"))


@st.composite
def objects(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]]]:
    """Return the text of an object, and its members' names and values as they stand in it."""
    names = draw(st.lists(STRINGS, max_size=6, unique_by=json.loads))
    members = [(name, draw(values())) for name in names]
    parts = [f"{name}{draw(SPACES)}:{draw(SPACES)}{value}" for name, value in members]
    return draw(SPACES) + draw(spaced(parts, "{", "}")) + draw(SPACES), members


@given(objects())
def test_every_member_is_found_as_it_stands(made: tuple[str, list[tuple[str, str]]]):
    """With its own spelling, whatever stands around it."""
    text, members = made
    found = JsonObject(text.encode())

    for name, value in members:
        assert json.loads(name) in found
        assert found.text_of(json.loads(name)) == value.encode()


@given(objects(), st.data())
def test_a_replaced_member_leaves_all_other_bytes(
    made: tuple[str, list[tuple[str, str]]], data: st.DataObject
):
    """The text before and behind each value is the same, and so is the meaning of the rest."""
    text, members = made
    names = [json.loads(name) for name, _ in members]
    chosen = data.draw(st.lists(st.sampled_from(names), unique=True) if names else st.just([]))
    changed = JsonObject(text.encode()).replace(dict.fromkeys(chosen, "NEW")).decode()

    assert json.loads(changed) == {**json.loads(text), **dict.fromkeys(chosen, "NEW")}
    expected, at = "", 0
    for name, value in members:
        start = text.index(value, _colon(text, name, at))
        expected += text[at:start] + ('"NEW"' if json.loads(name) in chosen else value)
        at = start + len(value)
    assert changed == expected + text[at:]


@given(objects(), st.dictionaries(st.text(string.ascii_letters, min_size=7), st.integers()))
def test_an_added_member_stands_at_the_end(
    made: tuple[str, list[tuple[str, str]]], added: dict[str, int]
):
    """The text up to the last brace is the same."""
    text, _ = made
    changed = JsonObject(text.encode()).replace(added).decode()

    assert json.loads(changed) == {**json.loads(text), **added}
    assert changed.startswith(text[: text.rindex("}")])


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_read_or_refused(raw: bytes):
    """With the one error that callers expect."""
    try:
        found = JsonObject(raw)
    except InvalidRequest:
        return
    assert found.replace({}) == raw
    assert isinstance(json.loads(raw), dict)


@given(objects(), st.data())
def test_a_member_that_stands_twice_is_refused(
    made: tuple[str, list[tuple[str, str]]], data: st.DataObject
):
    """Also under another spelling of its name."""
    text, members = made
    names = [json.loads(name) for name, _ in members if json.loads(name)]
    if not names:
        return
    name = data.draw(st.sampled_from(names))
    escaped = "".join(f"\\u{ord(c):04x}" for c in name.encode("utf-16-le").decode("utf-16-le"))
    spelled = data.draw(st.sampled_from([json.dumps(name), f'"{escaped}"']))
    if json.loads(spelled) != name:
        return
    twin = f"{text[: text.rindex('}')]}, {spelled}: {data.draw(values())}}}"
    with pytest.raises(InvalidRequest):
        JsonObject(twin.encode())


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ('{"a": 5}', int, 5),
        ('{"a": null}', int, None),
        ("{}", int, None),
        ('{"a": "x"}', str, "x"),
        ('{"a": false}', bool, False),
    ],
)
def test_a_member_is_read_as_its_kind(text: str, kind: type, value: Any):
    """Null and absent are one."""
    assert JsonObject(text.encode()).get("a", kind) == value


@pytest.mark.parametrize(("text", "kind"), [('{"a": 1.0}', int), ('{"a": 1}', bool)])
def test_a_member_of_another_kind_is_refused_by_name(text: str, kind: type):
    """The error says which."""
    with pytest.raises(InvalidRequest) as raised:
        JsonObject(text.encode()).get("a", kind)

    assert raised.value.param == "a"


def _colon(text: str, name: str, at: int) -> int:
    """Return where the value of `name`, as it is spelled, may start."""
    start = text.index(name, at)
    return text.index(":", start + len(name)) + 1
