"""Reading the tools of requests for chat."""

from typing import Any

import pytest

from grip import errors
from grip.providers.conversation import Tool
from tests.providers.clients_chat import WEATHER, read, schema


def test_tools_are_carried_with_their_schemas_as_they_are():
    """Byte for byte; a tool may have none."""
    found = read(tools=[WEATHER, {"type": "function", "function": {"name": "now"}}])

    assert schema(found.tools[0]) == WEATHER["function"]["parameters"]  # type: ignore[index]
    assert found.tools[0].strict is True
    assert found.tools[1] == Tool(name="now")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", ("auto", None)),
        ("none", ("none", None)),
        ("required", ("any", None)),
        ({"type": "function", "function": {"name": "now"}}, (None, "now")),
    ],
)
def test_every_choice_of_tools_is_carried(choice: Any, expected: tuple[Any, Any]):
    """As a mode, or as the tool that must be called."""
    found = read(tools=[WEATHER], tool_choice=choice, parallel_tool_calls=False)

    assert (found.tool_choice, found.forced_tool) == expected
    assert found.parallel_tools is False


def test_tools_that_are_not_allowed_are_left_out():
    """So that the model cannot call them, which is what the choice asks for."""
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "now"}}]}
    tools = [WEATHER, {"type": "function", "function": {"name": "now"}}]

    found = read(tools=tools, tool_choice={"type": "allowed_tools", "allowed_tools": allowed})

    assert (found.tools, found.tool_choice) == ((Tool(name="now"),), "any")
    with pytest.raises(errors.InvalidRequest, match="no tool 'now'") as caught:
        read(tools=[WEATHER], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert caught.value.param == "tool_choice"


def test_ten_thousand_tools_are_read():
    """Each once."""
    tools = [{"type": "function", "function": {"name": f"f{at}"}} for at in range(10_000)]

    assert len(read(tools=tools).tools) == 10_000
