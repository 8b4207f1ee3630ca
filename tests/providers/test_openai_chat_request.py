"""A conversation of any client, written as a request of OpenAI's chat."""

import json
from typing import Any

import msgspec
import pytest

from grip.providers.conversation import (
    Audio,
    Conversation,
    Document,
    Format,
    Image,
    Part,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    Untranslatable,
)
from grip.providers.openai import chat_request
from grip.providers.openai.dialects import COMMON

ASKED = Turn(role="user", parts=(Text(text="Hi"),))
CALL = ToolCall(id="call_1", name="weather", arguments='{"city": "Rome"}')
RESULT = ToolResult(id="call_1", content=(Text(text="17°"),))


def _body(*turns: Turn, stream: bool = False, **members: Any) -> Any:
    conversation = Conversation(turns=turns or (ASKED,), **members)
    body = chat_request.body(conversation, model="up", stream=stream, dialect=COMMON)
    return json.loads(body)


def _user(*parts: Part) -> Turn:
    return Turn(role="user", parts=parts)


def _assistant(*parts: Part) -> Turn:
    return Turn(role="assistant", parts=parts)


def test_a_plain_question_is_as_small_as_can_be():
    """Nothing is set that the client left open."""
    assert _body() == {"model": "up", "messages": [{"role": "user", "content": "Hi"}]}


def test_a_stream_is_always_asked_for_its_usage():
    """It is what the charge is made from."""
    body = _body(stream=True)

    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


def test_settings_keep_their_values():
    """Under chat's names."""
    body = _body(
        max_tokens=5,
        temperature=0.5,
        top_p=0.9,
        stop=("a", "b"),
        seed=7,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        user="u",
    )

    assert {name: body[name] for name in body if name not in ("model", "messages")} == {
        "max_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["a", "b"],
        "seed": 7,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "user": "u",
    }


def test_instructions_come_first_as_one_text():
    """Many servers take no list there."""
    body = _body(system=(Text(text="Be kind."), Text(text="Be brief.")))

    assert body["messages"][0] == {"role": "system", "content": "Be kind.\n\nBe brief."}


def test_words_alone_are_one_text():
    """Many servers take no list there either."""
    (message,) = _body(_user(Text(text="a"), Text(text="b")))["messages"]

    assert message == {"role": "user", "content": "a\n\nb"}


def test_files_stand_among_the_words():
    """In the order they came."""
    (message,) = _body(
        _user(
            Text(text="See"),
            Image(media_type="image/png", data="iVBO"),
            Image(url="https://x/y.png"),
            Document(media_type="application/pdf", data="JVBE"),
            Document(media_type="text/csv", data="YQ==", name="a.csv"),
            Document(media_type="text/csv", data="YQ=="),
            Audio(data="UklG", format="wav"),
        )
    )["messages"]

    assert message["content"] == [
        {"type": "text", "text": "See"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        {
            "type": "file",
            "file": {
                "filename": "document.pdf",
                "file_data": "data:application/pdf;base64,JVBE",
            },
        },
        {
            "type": "file",
            "file": {"filename": "a.csv", "file_data": "data:text/csv;base64,YQ=="},
        },
        {
            "type": "file",
            "file": {"filename": "document", "file_data": "data:text/csv;base64,YQ=="},
        },
        {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
    ]


def test_tools_keep_their_schemas_byte_for_byte():
    """And only what they say of themselves."""
    schema = msgspec.Raw(b'{"type": "object",  "properties": {"n": {"maximum": 1e3}}}')
    conversation = Conversation(
        turns=(ASKED,),
        tools=(
            Tool(name="f", description="Does.", schema=schema, strict=True),
            Tool(name="g"),
        ),
    )
    body = chat_request.body(conversation, model="up", stream=False, dialect=COMMON)

    assert bytes(schema) in body
    assert json.loads(body)["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "f",
                "description": "Does.",
                "parameters": json.loads(bytes(schema)),
                "strict": True,
            },
        },
        {"type": "function", "function": {"name": "g"}},
    ]


@pytest.mark.parametrize(
    ("members", "choice"),
    [
        ({"tool_choice": "auto"}, "auto"),
        ({"tool_choice": "none"}, "none"),
        ({"tool_choice": "any"}, "required"),
        ({"forced_tool": "f"}, {"type": "function", "function": {"name": "f"}}),
        ({}, None),
    ],
)
def test_the_choice_of_a_tool_has_chats_words(members: dict[str, Any], choice: Any):
    """`any` is `required` there."""
    body = _body(tools=(Tool(name="f"),), **members)

    assert body.get("tool_choice") == choice


@pytest.mark.parametrize("parallel", [True, False])
def test_whether_tools_may_be_called_at_once_is_carried(parallel: bool):  # noqa: FBT001
    """Either way."""
    assert (
        _body(tools=(Tool(name="f"),), parallel_tools=parallel)["parallel_tool_calls"] is parallel
    )


def test_a_loop_over_tools_keeps_its_calls_and_results_together():
    """Results come right after their calls, and what the user adds comes after them."""
    second = ToolCall(id="call_2", name="time", arguments="")
    failed = ToolResult(id="call_2", content=(Text(text="no clock"),), is_error=True)
    messages = _body(
        ASKED,
        _assistant(Text(text="Let me see."), CALL, second),
        _user(Text(text="Quick!"), RESULT, failed),
    )["messages"]

    assert messages[1:] == [
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Rome"}'},
                },
                {
                    "id": "call_2",
                    "type": "function",
                    "function": {"name": "time", "arguments": "{}"},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "17°"},
        {"role": "tool", "tool_call_id": "call_2", "content": "Error: no clock"},
        {"role": "user", "content": "Quick!"},
    ]


@pytest.mark.parametrize(("is_error", "content"), [(False, ""), (True, "Error")])
def test_a_result_of_nothing_is_one(is_error: bool, content: str):  # noqa: FBT001
    """A failure still says so."""
    result = ToolResult(id="call_1", content=(), is_error=is_error)
    messages = _body(ASKED, _assistant(CALL), _user(result))["messages"]

    assert messages[1]["content"] is None
    assert messages[2:] == [{"role": "tool", "tool_call_id": "call_1", "content": content}]


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        (Format(), {"type": "json_object"}),
        (
            Format(schema=msgspec.Raw(b'{"type":"object"}')),
            {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": {"type": "object"}},
            },
        ),
        (
            Format(name="n", schema=msgspec.Raw(b"{}"), strict=True),
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
        ),
    ],
)
def test_json_is_asked_for_in_chats_words(wanted: Format, sent: dict[str, Any]):
    """A schema needs a name there."""
    assert _body(format=wanted)["response_format"] == sent


@pytest.mark.parametrize(
    ("thinking", "effort"),
    [
        (Thinking(effort="xhigh"), "xhigh"),
        (Thinking(budget_tokens=1024), "low"),
        (Thinking(budget_tokens=1025), "medium"),
        (Thinking(budget_tokens=8192), "medium"),
        (Thinking(budget_tokens=8193), "high"),
        (Thinking(off=True), "none"),
        (Thinking(), None),
    ],
)
def test_a_budget_of_thinking_is_an_effort(thinking: Thinking, effort: str | None):
    """As Google's own translation has it, the other way round."""
    assert _body(thinking=thinking).get("reasoning_effort") == effort


@pytest.mark.parametrize(
    ("turns", "members", "param"),
    [
        ((), {"top_k": 5}, "top_k"),
        ((), {"choices": 2}, "n"),
        ((ASKED, _assistant(Text(text="{"))), {}, "messages"),
        (
            (
                ASKED,
                _assistant(CALL),
                _user(ToolResult(id="call_1", content=(Image(url="https://x"),))),
            ),
            {},
            "messages.content.tool_result.content",
        ),
        ((_user(Document(url="https://x/a.pdf")),), {}, "messages.content.document"),
        ((ASKED, _assistant(Image(url="https://x")), ASKED), {}, "messages.content"),
        ((_user(CALL, Image(url="https://x")),), {}, "messages.content"),
    ],
)
def test_what_chat_has_no_words_for_is_refused_by_its_name(
    turns: tuple[Turn, ...], members: dict[str, Any], param: str
):
    """Rather than dropped in silence."""
    with pytest.raises(Untranslatable) as refusal:
        _body(*turns, **members)

    assert refusal.value.param == param
    assert "OpenAI chat" in refusal.value.message
