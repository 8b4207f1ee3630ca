"""Tools and settings of a conversation, whoever's it was, as those of a message."""

from typing import Any

import msgspec
import pytest

from grip.errors import InvalidRequest
from grip.providers.conversation import (
    Audio,
    Document,
    Format,
    Part,
    Thinking,
    Tool,
    Untranslatable,
)
from tests.providers.anthropic_asked import LOOK, asked_with, content


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        (LOOK, {"name": "look", "input_schema": {"type": "object", "properties": {}}}),
        (
            Tool(
                name="look",
                description="Looks.",
                schema=msgspec.Raw(b'{"type":"object","x":1e3}'),
                strict=True,
            ),
            {
                "name": "look",
                "description": "Looks.",
                "input_schema": {"type": "object", "x": 1000.0},
                "strict": True,
            },
        ),
        (
            Tool(name="look", schema=msgspec.Raw(b'{"$defs":{}}'), strict=False),
            {"name": "look", "input_schema": {"$defs": {}, "type": "object"}},
        ),
    ],
)
def test_a_tool_keeps_its_schema(tool: Tool, expected: dict[str, Any]):
    """One that does not say so is an object's all the same."""
    assert asked_with(tools=(tool,))["tools"] == [expected]


def test_a_schema_that_is_none_is_refused():
    """With the tool's name."""
    with pytest.raises(InvalidRequest, match="look") as refused:
        asked_with(tools=(Tool(name="look", schema=msgspec.Raw(b"[]")),))
    assert refused.value.param == "tools"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none", "parallel_tools": False}, {"type": "none"}),
        ({"tool_choice": "any"}, {"type": "any"}),
        ({"forced_tool": "look"}, {"type": "tool", "name": "look"}),
        ({"parallel_tools": True}, None),
        ({"parallel_tools": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"tool_choice": "any", "parallel_tools": False},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        (
            {"forced_tool": "look", "parallel_tools": False},
            {"type": "tool", "name": "look", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_the_choice_of_a_tool_is_kept(members: dict[str, Any], expected: dict[str, Any] | None):
    """And that they be called one by one."""
    assert asked_with(tools=(LOOK,), **members).get("tool_choice") == expected


@pytest.mark.parametrize(
    "members", [{"tool_choice": "auto"}, {"tool_choice": "none"}, {"parallel_tools": False}]
)
def test_a_choice_among_no_tools_says_nothing(members: dict[str, Any]):
    """Anthropic would refuse it."""
    assert "tool_choice" not in asked_with(**members)


def test_a_tool_that_must_be_called_and_is_not_there_is_the_vendors_to_refuse():
    """It is not dropped."""
    assert asked_with(tool_choice="any")["tool_choice"] == {"type": "any"}
    assert asked_with(forced_tool="x")["tool_choice"] == {"type": "tool", "name": "x"}


def test_settings_keep_their_values():
    """Under Anthropic's names."""
    found = asked_with(temperature=0.5, top_p=0.9, top_k=40, stop=("a", "b"), user="u1")

    del found["max_tokens"]
    assert found == {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "stop_sequences": ["a", "b"],
        "metadata": {"user_id": "u1"},
    }


def test_settings_that_are_the_usual_ones_are_left_unsaid():
    """Newer models refuse even those."""
    found = asked_with(
        temperature=1.0, top_p=1.0, frequency_penalty=0.0, presence_penalty=0.0, choices=1
    )

    assert set(found) == {"max_tokens"}


@pytest.mark.parametrize(
    ("param", "members"),
    [
        ("n", {"choices": 2}),
        ("seed", {"seed": 0}),
        ("frequency_penalty", {"frequency_penalty": 0.1}),
        ("presence_penalty", {"presence_penalty": -0.1}),
        ("temperature", {"temperature": 1.1}),
        ("reasoning_effort", {"thinking": Thinking(effort="minimal")}),
        ("response_format", {"format": Format()}),
    ],
)
def test_what_anthropic_has_no_words_for_is_refused_by_name(param: str, members: dict[str, Any]):
    """Nothing is dropped in silence."""
    with pytest.raises(Untranslatable, match=param) as refused:
        asked_with(**members)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("param", "part"),
    [
        ("input_audio", Audio(data="aGk=", format="wav")),
        ("file", Document(media_type="application/zip", data="aGk=")),
        ("file", Document(data="aGk=")),
    ],
)
def test_parts_that_anthropic_does_not_take_are_refused_by_name(param: str, part: Part):
    """Nothing is dropped in silence."""
    with pytest.raises(Untranslatable, match=param) as refused:
        content(part)
    assert refused.value.param == param


@pytest.mark.parametrize("data", ["é", "a", "/w=="])
def test_a_text_that_is_none_is_refused(data: str):
    """It must be base64 of UTF-8."""
    with pytest.raises(InvalidRequest) as refused:
        content(Document(media_type="text/plain", data=data))
    assert refused.value.param == "file"


@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        (Thinking(off=True), {"thinking": {"type": "disabled"}}),
        (Thinking(effort="none"), {"thinking": {"type": "disabled"}}),
        (Thinking(), {"thinking": {"type": "adaptive"}}),
        (
            Thinking(effort="high"),
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        ),
        (
            Thinking(budget_tokens=2048),
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
        ),
        (
            Thinking(effort="low", budget_tokens=2048),
            {
                "thinking": {"type": "enabled", "budget_tokens": 2048},
                "output_config": {"effort": "low"},
            },
        ),
    ],
)
def test_thinking_is_asked_for_by_effort_or_budget(thinking: Thinking, expected: dict[str, Any]):
    """An effort lets the model decide how much."""
    found = asked_with(thinking=thinking)

    del found["max_tokens"]
    assert found == expected


def test_a_format_is_its_schema():
    """Beside an effort, where there is one."""
    schema = msgspec.Raw(b'{"type":"object"}')
    found = asked_with(
        format=Format(name="x", schema=schema, strict=True), thinking=Thinking(effort="max")
    )

    assert found["output_config"] == {
        "effort": "max",
        "format": {"type": "json_schema", "schema": {"type": "object"}},
    }
