"""Reading requests for messages. Bodies: Anthropic API reference, "Create a Message"."""

import base64
import json
from typing import Any

import pytest

from grip import errors
from grip.providers.clients import MessagesWire
from grip.providers.conversation import (
    Conversation,
    Document,
    Image,
    Text,
    Thinking,
    Thought,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    Untranslatable,
)
from grip.providers.json_object import JsonObject

HELLO = {"role": "user", "content": "Hello, Claude"}
STOCKS = {
    "name": "get_stock_price",
    "description": "Get the current stock price for a given ticker symbol.",
    "input_schema": {"type": "object", "properties": {"ticker": {"type": "string"}}},
}
SCHEMA = {"type": "json_schema", "schema": {"type": "object"}}
PDF = "JVBERi0="


def _read(*messages: Any, **members: Any) -> Conversation:
    body = {"model": "m", "max_tokens": 9, "messages": list(messages) or [HELLO], **members}
    return MessagesWire().read(JsonObject(json.dumps(body).encode()), "OpenAI")


def _user(*blocks: Any) -> tuple[Any, ...]:
    (turn,) = _read({"role": "user", "content": list(blocks)}).turns
    return turn.parts


def _source(**members: Any) -> dict[str, Any]:
    return {"type": "document", "source": members}


def test_a_system_prompt_and_a_greeting_are_read():
    """As a string or as blocks; instructions that come first are the same in a message."""
    expected = Conversation(
        system=(Text(text="Be brief."), Text(text="Be kind.")),
        turns=(Turn(role="user", parts=(Text(text="Hello, Claude"),)),),
        max_tokens=9,
    )
    blocks = [
        {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Be kind.", "citations": None},
    ]
    message = {"role": "system", "content": "Be kind."}

    assert _read(system=blocks) == expected
    assert _read(message, HELLO, system="Be brief.", stream=True) == expected


def test_a_round_of_tools_is_read():
    """The arguments are the client's own bytes; results know the name of their tool."""
    call = b'{"type":"tool_use","id":"toolu_1","name":"price","input":{"of": 1.0},"caller":null}'
    said = json.dumps({"role": "assistant", "content": ["?"]}).encode().replace(b'"?"', call)
    results = [
        {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "is_error": True,
            "content": [
                {"type": "text", "text": "none"},
                {"type": "image", "source": {"type": "url", "url": "https://e.com/a.png"}},
                _source(type="url", url="https://e.com/a.pdf"),
            ],
        },
        {"type": "tool_result", "tool_use_id": "toolu_2"},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "x"},
    ]
    user = json.dumps({"role": "user", "content": results}).encode()
    body = b'{"model":"m","messages":[%b,%b,%b]}' % (json.dumps(HELLO).encode(), said, user)

    found = MessagesWire().read(JsonObject(body), "OpenAI")

    assert found.max_tokens is None
    assert found.turns[1].parts == (ToolCall(id="toolu_1", name="price", arguments='{"of": 1.0}'),)
    assert found.turns[2].parts == (
        ToolResult(
            id="toolu_1",
            content=(
                Text(text="none"),
                Image(url="https://e.com/a.png"),
                Document(url="https://e.com/a.pdf"),
            ),
            name="price",
            is_error=True,
        ),
        ToolResult(id="toolu_2", content=()),
        ToolResult(id="toolu_2", content=(Text(text="x"),)),
    )


def test_pictures_and_documents_are_carried():
    """By URL, as data, or as plain text."""
    plain = base64.b64encode("é".encode()).decode()

    assert _user(
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/gif", "data": PDF},
            "transformations": {"oversized_image": "downsize"},
        },
        {**_source(type="base64", media_type="application/pdf", data=PDF), "title": "A"},
        {**_source(type="text", media_type="text/plain", data="é"), "citations": {}},
        _source(type="url", url="https://e.com/a.pdf"),
    ) == (
        Image(media_type="image/gif", data=PDF),
        Document(media_type="application/pdf", data=PDF, name="A"),
        Document(media_type="text/plain", data=plain),
        Document(url="https://e.com/a.pdf"),
    )


def test_thoughts_come_back_with_their_seals():
    """Signed, unsigned, redacted, and those that stand for the seal on a tool call."""
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
        {"type": "thinking", "thinking": "Oh.", "signature": ""},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "text", "text": "Let me see."},
        {"type": "thinking", "thinking": "", "signature": "tool_use:gs"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": {"type": "direct"}},
    ]

    found = _read(HELLO, {"role": "assistant", "content": blocks}, HELLO)

    assert found.turns[1].parts == (
        Thought(text="Hm.", sealed="sig"),
        Thought(text="Oh."),
        Thought(sealed="xyz", redacted=True),
        Text(text="Let me see."),
        ToolCall(id="t", name="f", arguments="{}", sealed="gs"),
    )


def test_tools_are_carried():
    """With what changes nothing about them left out."""
    more = {"type": "custom", "strict": True, "eager_input_streaming": True, "input_examples": []}

    (plain, strict) = _read(
        tools=[STOCKS, {**STOCKS, **more, "defer_loading": False, "allowed_callers": ["direct"]}]
    ).tools

    assert json.loads(bytes(plain.schema or b"")) == STOCKS["input_schema"]
    assert (plain.description, plain.strict) == (STOCKS["description"], None)
    assert strict == Tool(
        name=plain.name, description=plain.description, schema=strict.schema, strict=True
    )


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, ("auto", None, None)),
        ({"type": "any", "disable_parallel_tool_use": True}, ("any", None, False)),
        ({"type": "tool", "name": "f"}, (None, "f", None)),
        ({"type": "none"}, ("none", None, None)),
        (None, (None, None, None)),
    ],
)
def test_every_choice_of_tools_is_carried(choice: Any, expected: Any):
    """And whether several may be called at once."""
    found = _read(tools=[STOCKS], tool_choice=choice)

    assert (found.tool_choice, found.forced_tool, found.parallel_tools) == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 99}}, Thinking(budget_tokens=99)),
        ({"thinking": {"type": "disabled"}}, Thinking(off=True)),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, Thinking()),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
            Thinking(effort="max"),
        ),
        ({"output_config": {"effort": "low"}}, Thinking(effort="low")),
        ({"output_config": {"effort": None}}, None),
    ],
)
def test_thinking_is_carried(members: dict[str, Any], expected: Thinking | None):
    """As tokens, as a word, or left to the model."""
    assert _read(**members).thinking == expected


def test_what_decides_the_answer_is_carried():
    """Sampling, stops, the format under either name, and the user."""
    found = _read(
        temperature=0.3,
        top_k=5,
        top_p=0.5,
        stop_sequences=["a", "b"],
        metadata={"user_id": "u"},
        output_format=SCHEMA,
    )

    assert (found.temperature, found.top_k, found.top_p) == (0.3, 5, 0.5)
    assert (found.stop, found.user) == (("a", "b"), "u")
    for formatted in (found, _read(output_config={"format": SCHEMA})):
        assert formatted.format is not None
        assert formatted.format.strict is True
        assert json.loads(bytes(formatted.format.schema or b"")) == {"type": "object"}


def test_values_that_say_no_more_than_a_default_are_no_reason_to_refuse():
    """Coding agents send many of them."""
    forgetting = {"type": "clear_thinking_20251015", "keep": "all"}
    defaults: dict[str, Any] = {
        "cache_control": {"type": "ephemeral"},
        "container": None,
        "context_management": {"edits": [forgetting]},
        "diagnostics": {"previous_message_id": None},
        "fallbacks": [],
        "mcp_servers": [],
        "metadata": {},
        "output_config": {},
        "service_tier": "auto",
        "speed": "standard",
        "stop_sequences": [],
        "top_p": 1.0,
    }

    assert _read(**defaults) == _read()


THINKING = {"type": "thinking", "thinking": "x", "signature": ""}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"container": "c"}, "container"),
        (
            {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}},
            "context_management.edits[0].type",
        ),
        ({"inference_geo": "us"}, "inference_geo"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"mcp_servers": [{"type": "url"}]}, "mcp_servers"),
        ({"messages": [HELLO, {"role": "assistant", "content": "The"}]}, "messages"),
        ({"messages": [HELLO, {"role": "system", "content": "x"}]}, "messages[1].role"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
        ({"output_config": {"task_budget": {"total": 1}}}, "output_config.task_budget"),
        ({"speed": "fast"}, "speed"),
        ({"system": [{"type": "image"}]}, "system[0].type"),
        ({"thinking": {"type": "between_tools"}}, "thinking.type"),
        ({"thinking": {"type": "adaptive", "display": "updates"}}, "thinking.display"),
        ({"thread": {"type": "create"}}, "thread"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
        ({"tools": [{**STOCKS, "defer_loading": True}]}, "tools[0].defer_loading"),
        ({"tools": [{**STOCKS, "input_examples": [{}]}]}, "tools[0].input_examples"),
    ],
)
def test_what_cannot_be_carried_is_refused_by_its_name(members: dict[str, Any], param: str):
    """The error names the API that cannot take it, too."""
    with pytest.raises(Untranslatable, match="to the OpenAI API") as caught:
        _read(**members)

    assert caught.value.param == param


@pytest.mark.parametrize(
    ("block", "param"),
    [
        ({"type": "server_tool_use", "id": "x", "name": "web_search", "input": {}}, "type"),
        ({"type": "search_result"}, "type"),
        ({"type": "container_upload", "file_id": "x"}, "type"),
        ({"type": "text", "text": "x", "citations": [{}]}, "citations"),
        ({"type": "image", "source": {"type": "file", "file_id": "x"}}, "source.type"),
        (
            {
                "type": "image",
                "source": {"type": "url", "url": "x"},
                "transformations": {"oversized_image": "error"},
            },
            "transformations",
        ),
        (_source(type="file", file_id="x"), "source.type"),
        (_source(type="content", content="x"), "source.type"),
        ({**_source(type="url", url="x"), "citations": {"enabled": True}}, "citations"),
        ({**_source(type="url", url="x"), "context": "c"}, "context"),
        (
            {"type": "tool_result", "tool_use_id": "x", "content": [{"type": "tool_reference"}]},
            "content[0].type",
        ),
    ],
)
def test_blocks_that_cannot_be_carried_are_refused_by_their_name(block: Any, param: str):
    """With the place where they stand."""
    with pytest.raises(Untranslatable) as caught:
        _user({"type": "text", "text": "x"}, block)

    assert caught.value.param == f"messages[0].content[1].{param}"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        (None, "messages[0]"),
        ({"content": "x"}, "messages[0].role"),
        ({"role": "tool", "content": "x"}, "messages[0].role"),
        ({"role": "user"}, "messages[0].content"),
        ({"role": "system"}, "messages[0].content"),
        ({"role": "user", "content": []}, "messages[0].content"),
        ({"role": "user", "content": {}}, "messages[0].content"),
        ({"role": "user", "content": ["x"]}, "messages[0].content[0]"),
        ({"role": "user", "content": [{}]}, "messages[0].content[0].type"),
        ({"role": "user", "content": [THINKING]}, "messages[0].content[0].type"),
        (
            {"role": "assistant", "content": [{"type": "tool_result"}]},
            "messages[0].content[0].type",
        ),
        (
            {"role": "assistant", "content": [{"type": "tool_use", "id": "x", "name": "f"}]},
            "messages[0].content[0].input",
        ),
        (
            {"role": "user", "content": [{"type": "tool_result"}]},
            "messages[0].content[0].tool_use_id",
        ),
        (
            {"role": "user", "content": [_source(type="base64", media_type="x/y", data="a b")]},
            "messages[0].content[0].source.data",
        ),
    ],
)
def test_messages_of_no_sensible_shape_are_invalid(message: Any, param: str):
    """And the error says where."""
    with pytest.raises(errors.InvalidRequest) as caught:
        _read(message)

    assert not isinstance(caught.value, Untranslatable)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"max_tokens": "9"}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"metadata": {"user_id": 7}}, "metadata.user_id"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
        ({"stop_sequences": [1]}, "stop_sequences[0]"),
        ({"system": 1}, "system"),
        ({"thinking": {"type": "enabled", "budget_tokens": "x"}}, "thinking.budget_tokens"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tools": [{**STOCKS, "input_schema": []}]}, "tools[0].input_schema"),
    ],
)
def test_members_of_no_sensible_shape_are_invalid(members: dict[str, Any], param: str):
    """And the error names them."""
    with pytest.raises(errors.InvalidRequest) as caught:
        _read(**members)

    assert not isinstance(caught.value, Untranslatable)
    assert caught.value.param == param
