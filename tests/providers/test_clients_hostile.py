"""Requests of any shape: read, or refused with a place in them, and nothing else."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.errors import InvalidRequest
from grip.providers.clients import ChatWire, MessagesWire
from grip.providers.conversation import Conversation
from grip.providers.json_object import JsonObject
from grip.providers.wires import ClientWire

CHAT = {
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "x"}]},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "AAAA"}},
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "refusal", "refusal": "x"}],
            "reasoning_details": [{"type": "reasoning.text", "text": "x", "signature": "y"}],
            "tool_calls": [
                {
                    "id": "c",
                    "type": "function",
                    "function": {"name": "f", "arguments": "{}"},
                    "extra_content": {"google": {"thought_signature": "s"}},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": "x"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    "tool_choice": {
        "type": "allowed_tools",
        "allowed_tools": {
            "mode": "auto",
            "tools": [{"type": "function", "function": {"name": "f"}}],
        },
    },
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}},
    "reasoning": {"effort": "low", "max_tokens": 5, "enabled": True, "exclude": False},
    "thinking": {"type": "enabled", "budget_tokens": 5},
    "stream_options": {"include_usage": True},
    "stop": ["a"],
    "n": 1,
    "temperature": 0.5,
}
MESSAGES = {
    "system": [{"type": "text", "text": "x"}],
    "messages": [
        {
            "role": "user",
            "content": [
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
                },
                {
                    "type": "document",
                    "title": "t",
                    "source": {"type": "text", "media_type": "text/plain", "data": "x"},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "x", "signature": "tool_use:y"},
                {"type": "redacted_thinking", "data": "x"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "is_error": False,
                    "content": [{"type": "text", "text": "x"}],
                }
            ],
        },
    ],
    "tools": [{"name": "f", "input_schema": {}}],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 5},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}},
    "context_management": {"edits": [{"type": "clear_thinking_20251015"}]},
    "metadata": {"user_id": "u"},
    "max_tokens": 5,
}
WIRES: list[tuple[ClientWire, dict[str, Any]]] = [(ChatWire(), CHAT), (MessagesWire(), MESSAGES)]

_anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values below `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for name, below in inner:
        found.append((*path, name))
        if isinstance(below, dict | list):
            found += _places(below, (*path, name))
    return found


def _with(body: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(body)
    at: Any = changed
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return changed


def _read(wire: ClientWire, body: Any) -> Conversation:
    return wire.read(JsonObject(json.dumps(body).encode()), "X")


def _error(wire: ClientWire, body: Any) -> InvalidRequest | None:
    try:
        _read(wire, body)
    except InvalidRequest as error:
        return error
    return None


@pytest.mark.parametrize(("wire", "body"), WIRES)
def test_a_request_with_everything_in_it_is_read(wire: ClientWire, body: dict[str, Any]):
    """It is what the others of these tests begin with."""
    assert len(_read(wire, body).turns) == 3


@pytest.mark.parametrize(("wire", "body"), WIRES)
@given(data=st.data())
def test_a_request_with_anything_in_it_is_read_or_invalid(
    wire: ClientWire, body: dict[str, Any], data: st.DataObject
):
    """Whatever stands in any place of it; and the error names a member."""
    path = data.draw(st.sampled_from(_places(body)))
    changed = _with(body, path, data.draw(_anything))

    error = _error(wire, changed)

    if error is None:
        assert _read(wire, changed).turns
    else:
        assert error.param is not None
        assert error.param in error.message
        assert error.param.split(".")[0].split("[")[0] in changed


@pytest.mark.parametrize(("wire", "body"), WIRES)
def test_an_unknown_member_is_refused_wherever_it_stands(wire: ClientWire, body: dict[str, Any]):
    """In every object but those that only pass; a null of it is none."""
    passing = {"parameters", "schema", "input_schema", "input", "metadata"}
    objects = [
        path
        for path in _places(body)
        if isinstance(_at(body, path), dict) and path[-1] not in passing
    ]

    for path in objects:
        assert _read(wire, _with(body, (*path, "mood"), None)).turns
        with pytest.raises(InvalidRequest) as caught:
            _read(wire, _with(body, (*path, "mood"), 1))
        assert caught.value.param is not None
        assert caught.value.param.endswith(".mood"), path


def _at(body: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        body = body[name]
    return body


@pytest.mark.parametrize(("wire", "body"), WIRES)
def test_an_error_is_short_whatever_it_is_about(wire: ClientWire, body: dict[str, Any]):
    """A name of a megabyte is not repeated."""
    long = "x" * 1_000_000
    for path in (("messages", 0, "role"), ("messages", 0, "content", 0, "type"), (long,)):
        with pytest.raises(InvalidRequest) as caught:
            _read(wire, _with(body, path, long))
        assert len(caught.value.message) < 1000


@pytest.mark.parametrize(("wire", "body"), WIRES)
def test_deep_nesting_is_invalid_or_passed_on(wire: ClientWire, body: dict[str, Any]):
    """As far as the JSON parser goes at all."""
    deep: Any = {}
    for _ in range(300):
        deep = {"a": deep}

    assert _read(wire, _with(body, ("tools", 0), _tool(body, deep))).tools
    with pytest.raises(InvalidRequest):
        _read(wire, _with(body, ("messages", 0, "content"), deep))


def _tool(body: dict[str, Any], schema: Any) -> Any:
    tool = copy.deepcopy(body["tools"][0])
    if "function" in tool:
        tool["function"]["parameters"] = schema
    else:
        tool["input_schema"] = schema
    return tool
