"""Refusing requests for chat: what cannot be carried, by its name; the misshapen, by its place."""

import json
from typing import Any

import pytest

from grip import errors
from grip.providers.clients import ChatWire
from grip.providers.conversation import Conversation, Untranslatable
from grip.providers.json_object import JsonObject

HELLO = {"role": "user", "content": "Hello!"}
WEATHER = {"type": "function", "function": {"name": "get_current_weather"}}
PNG = "iVBORw0KGgo="


def _read(*messages: Any, **members: Any) -> Conversation:
    body = {"model": "m", "messages": list(messages) or [HELLO], **members}
    return ChatWire().read(JsonObject(json.dumps(body).encode()), "Gemini")


def _user(*parts: Any) -> Conversation:
    return _read({"role": "user", "content": list(parts)})


CUSTOM = {"type": "custom", "custom": {"name": "x"}}
ASSISTANT = {"role": "assistant", "content": "Hi."}
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
ALLOWED = {"mode": "auto", "tools": []}


@pytest.mark.parametrize(
    ("messages", "members", "param"),
    [
        ([], {"audio": {"voice": "alloy", "format": "wav"}}, "audio"),
        ([], {"function_call": {"name": "f"}}, "function_call"),
        (
            [],
            {"response_format": {"type": "json_schema", "json_schema": {"description": "x"}}},
            "response_format.json_schema.description",
        ),
        ([], {"functions": [{"name": "f"}]}, "functions"),
        ([], {"include_reasoning": False}, "include_reasoning"),
        ([], {"logit_bias": {"5": 1}}, "logit_bias"),
        ([], {"logprobs": True}, "logprobs"),
        ([], {"modalities": ["text", "audio"]}, "modalities"),
        ([], {"moderation": {"model": "omni"}}, "moderation"),
        ([], {"reasoning": {"exclude": True}}, "reasoning.exclude"),
        ([], {"response_format": {"type": "grammar"}}, "response_format.type"),
        ([], {"service_tier": "flex"}, "service_tier"),
        ([], {"store": True}, "store"),
        ([], {"stream_options": {"more": 1}}, "stream_options.more"),
        ([], {"thinking": {"type": "between_tools"}}, "thinking.type"),
        ([], {"tool_choice": CUSTOM}, "tool_choice.type"),
        ([], {"tools": [WEATHER, CUSTOM]}, "tools[1].type"),
        ([], {"top_logprobs": 3}, "top_logprobs"),
        ([], {"unheard_of": False}, "unheard_of"),
        ([], {"verbosity": "low"}, "verbosity"),
        ([], {"web_search_options": {}}, "web_search_options"),
        ([HELLO, ASSISTANT], {}, "messages"),
        ([HELLO, {"role": "system", "content": "x"}], {}, "messages[1].role"),
        ([{"role": "function", "name": "f", "content": "x"}], {}, "messages[0].role"),
        ([{**HELLO, "mood": "sad"}], {}, "messages[0].mood"),
        ([{"role": "system", "content": [PICTURE]}], {}, "messages[0].content[0].type"),
        ([{"role": "assistant", "content": [PICTURE]}], {}, "messages[0].content[0].type"),
        (
            [{"role": "tool", "tool_call_id": "c", "content": [{"type": "file"}]}],
            {},
            "messages[0].content[0].type",
        ),
        (
            [{**ASSISTANT, "reasoning_details": [{"type": "reasoning.x"}]}],
            {},
            "messages[0].reasoning_details[0].type",
        ),
        (
            [],
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {**ALLOWED, "tools": [CUSTOM]},
                }
            },
            "tool_choice.allowed_tools.tools[0].type",
        ),
        ([HELLO, {**ASSISTANT, "audio": {"id": "a"}}], {}, "messages[1].audio"),
        ([{"role": "assistant", "tool_calls": [CUSTOM]}], {}, "messages[0].tool_calls[0].type"),
    ],
)
def test_what_cannot_be_carried_is_refused_by_its_name(
    messages: list[Any], members: dict[str, Any], param: str
):
    """The error names the API that cannot take it, too."""
    with pytest.raises(Untranslatable, match="to the Gemini API") as caught:
        _read(*messages, **members)

    assert caught.value.param == param


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "video_url", "video_url": {"url": "x"}}, "type"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "file.file_id"),
        ({"type": "image_url", "image_url": {"url": "x", "detail": "low"}}, "image_url.detail"),
        ({"type": "input_audio", "input_audio": {"data": "", "format": "ogg"}}, "*.format"),
        ({"type": "text", "text": "x", "mood": 1}, "mood"),
        ({"type": "refusal", "refusal": "x"}, "type"),
    ],
)
def test_parts_that_cannot_be_carried_are_refused_by_their_name(part: Any, param: str):
    """With the place where they stand."""
    with pytest.raises(Untranslatable) as caught:
        _user({"type": "text", "text": "x"}, part)

    assert caught.value.param == "messages[0].content[1]." + param.replace("*", "input_audio")


@pytest.mark.parametrize(
    ("message", "param"),
    [
        (7, "messages[0]"),
        ({"content": "x"}, "messages[0].role"),
        ({"role": "wizard", "content": "x"}, "messages[0].role"),
        ({"role": "user"}, "messages[0].content"),
        ({"role": "user", "content": 7}, "messages[0].content"),
        ({"role": "user", "content": []}, "messages[0].content"),
        ({"role": "user", "content": ["x"]}, "messages[0].content[0]"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text"),
        ({"role": "assistant", "content": None}, "messages[0].content"),
        ({"role": "tool", "content": "x"}, "messages[0].tool_call_id"),
        ({"role": "tool", "content": "x", "tool_call_id": ""}, "messages[0].tool_call_id"),
        (
            {
                "role": "assistant",
                "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "[1]"}}],
            },
            "messages[0].tool_calls[0].function.arguments",
        ),
        (
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": ""}}]},
            "messages[0].tool_calls[0].id",
        ),
    ],
)
def test_messages_of_no_sensible_shape_are_invalid(message: Any, param: str):
    """And the error says where."""
    with pytest.raises(errors.InvalidRequest) as caught:
        _read(message)

    assert not isinstance(caught.value, Untranslatable)
    assert caught.value.param == param
    assert caught.value.message.startswith(f"{param}: ")


def test_a_file_without_a_type_is_invalid():
    """Only the name of a PDF tells it."""
    with pytest.raises(errors.InvalidRequest) as caught:
        _user({"type": "file", "file": {"file_data": PNG, "filename": "a.doc"}})

    assert caught.value.param == "messages[0].content[0].file.file_data"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data:",
        "data:image/png",
        "data:image/png,abc",
        "data:image/png;base64,",
        "data:image/png;base64,a b=",
        "data:image/png;base64,abc",
        "data:image/png;base64,\u00e9===",
        f"data:;base64,{PNG}",
        f"data:text/html;base64,{PNG}",
    ],
)
def test_urls_that_carry_no_picture_are_invalid(url: str):
    """Before a vendor has to say so."""
    with pytest.raises(errors.InvalidRequest) as caught:
        _user({"type": "image_url", "image_url": {"url": url}})

    assert caught.value.param == "messages[0].content[0].image_url.url"


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": "x"}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"parallel_tool_calls": 1}, "parallel_tool_calls"),
        ({"stop": ["a", 1]}, "stop[1]"),
        ({"temperature": True}, "temperature"),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": 1}, "tool_choice"),
        (
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {**ALLOWED, "mode": "any"}}},
            "tool_choice.allowed_tools.mode",
        ),
        (
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": ALLOWED}},
            "tool_choice.allowed_tools.tools",
        ),
        ({"tools": {}}, "tools"),
        ({"tools": [WEATHER, 1]}, "tools[1]"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
            "tools[0].function.parameters",
        ),
    ],
)
def test_members_of_no_sensible_shape_are_invalid(members: dict[str, Any], param: str):
    """And the error names them."""
    with pytest.raises(errors.InvalidRequest) as caught:
        _read(**members)

    assert not isinstance(caught.value, Untranslatable)
    assert caught.value.param == param
