"""Objects that were made to mislead a reader: twins, blanks and members without end."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.errors import InvalidRequest
from grip.providers.json_object import MAX_MEMBERS, JsonObject

BLANKS = st.text(alphabet=" \t\n\r", max_size=2)
NAMES = st.sampled_from(["n", "model", "a\\\\", 'q\\"', "\\u006e", "é", "", "1", "{", ","])
VALUES = st.sampled_from(
    ["1", "12", "123", "1.5", "1e5", "-1", '"1"', '"1,"', '"}"', "[1]", "[]", "{}", "true", "null"]
)


@st.composite
def members(draw: st.DrawFn) -> list[tuple[str, str]]:
    return draw(st.lists(st.tuples(NAMES, VALUES), max_size=6))


@given(members(), st.data())
def test_an_object_is_refused_for_its_twins_and_for_nothing_else(
    made: list[tuple[str, str]], data: st.DataObject
):
    """Whatever the values are: one may begin as its twin does."""
    blank = [data.draw(BLANKS) for _ in range(4)]
    parts = [f'{blank[0]}"{name}"{blank[1]}:{blank[2]}{value}{blank[3]}' for name, value in made]
    text = "{" + (",".join(parts) or blank[0]) + "}"
    names = [json.loads(f'"{name}"') for name, _ in made]

    if len(set(names)) < len(names):
        with pytest.raises(InvalidRequest, match="stands twice"):
            JsonObject(text.encode())
    else:
        found = JsonObject(text.encode())
        assert [(name, found.text_of(name)) for name in names] == [
            (name, value.encode()) for name, (_, value) in zip(names, made, strict=True)
        ]


@pytest.mark.parametrize(
    ("text", "twin"),
    [
        ('{"n":12,"n":1,"model":"m","messages":[]}', "n"),
        ('{"n":1,"n":12}', "n"),
        ('{"n":1,"a":2,"n":1}', "a"),
        ('{"a":1,"n":1,"n":1 }', "n"),
        ('{"":1,"":1}', ""),
    ],
)
def test_a_twin_is_refused_wherever_it_stands(text: str, twin: str):
    """With the name of a member at which the text and its meaning part."""
    with pytest.raises(InvalidRequest) as raised:
        JsonObject(text.encode())

    assert raised.value.param == twin


def test_an_object_of_too_many_members_is_refused():
    """One more than any API has."""
    most = {f"k{index}": index for index in range(MAX_MEMBERS)}
    assert "k0" in JsonObject(json.dumps(most).encode())

    with pytest.raises(InvalidRequest, match=f"more than {MAX_MEMBERS} members"):
        JsonObject(json.dumps({**most, "k": 1}).encode())


MEGABYTES = 10_000_000
LONG = {
    "blanks before": b" " * MEGABYTES + b'{"a":1}',
    "blanks within": b'{"a"' + b" " * MEGABYTES + b":1}",
    "blanks behind": b'{"a":1}' + b"\n" * MEGABYTES,
    "a long name": b'{"' + b'\\"' * (MEGABYTES // 2) + b'":1}',
    "a name of slashes": b'{"' + b"\\\\" * (MEGABYTES // 2) + b'":1}',
}


@pytest.mark.parametrize("raw", LONG.values(), ids=LONG)
def test_megabytes_of_nothing_are_read(raw: bytes):
    """They are few members."""
    assert JsonObject(raw).replace({}) == raw


def test_megabytes_of_members_are_refused():
    """Before each of them is looked at."""
    body = ",".join(f'"{index:x}":1' for index in range(500_000))
    with pytest.raises(InvalidRequest, match="more than"):
        JsonObject(f"{{{body}}}".encode())
