"""A conversation, whoever's it was, as a request for a message."""

import base64
import json
from typing import Any

import msgspec
import pytest

from grip.errors import InvalidRequest
from grip.providers.anthropic import AnthropicAdapter
from grip.providers.anthropic.requests import DEFAULT_MAX_TOKENS
from grip.providers.conversation import (
    Audio,
    Completion,
    Conversation,
    Document,
    Format,
    Image,
    Part,
    Role,
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
from grip.providers.port import Target, UpstreamCall
from grip.providers.wires import DeltaWriter

HELLO = Turn(role="user", parts=(Text(text="Hello"),))
LOOK = Tool(name="look")


class _Wire:
    """A client whose requests all say the same."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def read(self, body: JsonObject, wire: str) -> Conversation:
        assert (body.raw, wire) == (b'{"model":"m"}', "Anthropic Messages")
        return self._conversation

    def completion(self, answer: Completion, call: UpstreamCall) -> bytes:
        raise NotImplementedError

    def stream(self, call: UpstreamCall) -> DeltaWriter:
        raise NotImplementedError


def _ask(
    conversation: Conversation, *, stream: bool = False, max_output: int | None = None
) -> dict[str, Any]:
    adapter = AnthropicAdapter({"/chat/completions": _Wire(conversation)})
    call = UpstreamCall(
        path="/chat/completions",
        body=JsonObject(b'{"model":"m"}'),
        model="claude-opus-5",
        stream=stream,
        ask_usage=stream,
        headers=(("anthropic-beta", "not-for-translations"),),
        max_output=max_output,
    )
    request = adapter.request(call, Target(base_url="https://u/v1", secret="s"))
    assert request.url == "https://u/v1/messages"
    assert dict(request.headers) == {
        "content-type": "application/json",
        "accept": "text/event-stream" if stream else "application/json",
        "anthropic-version": "2023-06-01",
        "x-api-key": "s",
    }
    found: dict[str, Any] = json.loads(request.body)
    return found


def _content(*parts: Part, role: Role = "user") -> list[dict[str, Any]]:
    (message,) = _ask(Conversation(turns=(Turn(role=role, parts=parts),)))["messages"]
    assert message["role"] == role
    blocks: list[dict[str, Any]] = message["content"]
    return blocks


def _with(**members: Any) -> dict[str, Any]:
    """Return what a request has beside a greeting with these members."""
    found = _ask(Conversation(turns=(HELLO,), **members))
    return {name: value for name, value in found.items() if name not in ("messages", "model")}


def test_the_routes_of_the_clients_are_served():
    """Beside Anthropic's own."""
    adapter = AnthropicAdapter({"/chat/completions": _Wire(Conversation(turns=()))})

    assert adapter.paths == {"/messages", "/messages/count_tokens", "/chat/completions"}


def test_a_greeting_is_all_that_is_asked():
    """With the limit that Anthropic demands."""
    assert _ask(Conversation(turns=(HELLO,))) == {
        "model": "claude-opus-5",
        "max_tokens": DEFAULT_MAX_TOKENS,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
    }


@pytest.mark.parametrize(
    ("asked", "most", "limit"), [(7, 9, 7), (None, 9, 9), (None, None, 4096), (0, 9, 0)]
)
def test_the_limit_is_the_clients_else_the_models(asked: int | None, most: int | None, limit: int):
    """Else so much as is held for."""
    found = _ask(Conversation(turns=(HELLO,), max_tokens=asked), max_output=most)

    assert found["max_tokens"] == limit


def test_a_stream_is_asked_for():
    """As the client did."""
    assert _ask(Conversation(turns=(HELLO,)), stream=True)["stream"] is True


def test_instructions_stand_by_themselves():
    """In as many texts as they came in."""
    found = _with(system=(Text(text="Be brief."), Text(text=" "), Text(text="Be kind.")))

    assert found["system"] == [
        {"type": "text", "text": "Be brief."},
        {"type": "text", "text": "Be kind."},
    ]


def test_turns_of_one_role_become_one_message():
    """Results of tools called at once stand together, before what the user adds."""
    calls = tuple(ToolCall(id=f"c{n}", name="look", arguments=f'{{"n":{n}}}') for n in (1, 2))
    results = [
        Turn(role="user", parts=(ToolResult(id=f"c{n}", content=(Text(text=f"r{n}"),)),))
        for n in (1, 2)
    ]
    turns = (HELLO, Turn(role="assistant", parts=calls), *results, HELLO)
    messages = _ask(Conversation(turns=turns, tools=(LOOK,)))["messages"]

    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert [block["type"] for block in messages[2]["content"]] == [
        "tool_result",
        "tool_result",
        "text",
    ]
    assert messages[1]["content"] == [
        {"type": "tool_use", "id": "c1", "name": "look", "input": {"n": 1}},
        {"type": "tool_use", "id": "c2", "name": "look", "input": {"n": 2}},
    ]


def test_texts_of_nothing_but_space_say_nothing():
    """A turn of nothing else is none."""
    turns = (
        HELLO,
        Turn(role="assistant", parts=(Text(text=""),)),
        Turn(role="user", parts=(Text(text=" \n"), Text(text="Well?"))),
    )
    (message,) = _ask(Conversation(turns=turns))["messages"]

    assert [block["text"] for block in message["content"]] == ["Hello", "Well?"]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            Image(media_type="image/png", data="aGk="),
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "aGk="},
            },
        ),
        (
            Image(url="https://x/a.png"),
            {"type": "image", "source": {"type": "url", "url": "https://x/a.png"}},
        ),
        (
            Document(media_type="application/pdf", data="aGk=", name="a.pdf"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="},
                "title": "a.pdf",
            },
        ),
        (
            Document(media_type="text/plain", data=base64.b64encode("é".encode()).decode()),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "é"},
            },
        ),
        (
            Document(url="https://x/a.pdf"),
            {"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}},
        ),
        (
            Thought(text="Hm.", sealed="EqQB+/=="),
            {"type": "thinking", "thinking": "Hm.", "signature": "EqQB+/=="},
        ),
        (Thought(sealed="EqQB"), {"type": "thinking", "thinking": "", "signature": "EqQB"}),
        (Thought(sealed="EqQB", redacted=True), {"type": "redacted_thinking", "data": "EqQB"}),
        (
            ToolCall(id="functions.look:0", name="look", arguments="", sealed="other"),
            {"type": "tool_use", "id": "functions_2e_look_3a_0", "name": "look", "input": {}},
        ),
        (
            ToolResult(id="a:1", content=(Text(text="no"), Image(url="u")), is_error=True),
            {
                "type": "tool_result",
                "tool_use_id": "a_3a_1",
                "content": [
                    {"type": "text", "text": "no"},
                    {"type": "image", "source": {"type": "url", "url": "u"}},
                ],
                "is_error": True,
            },
        ),
        (
            ToolResult(id="a", content=(Text(text=""),)),
            {"type": "tool_result", "tool_use_id": "a"},
        ),
    ],
)
def test_a_part_becomes_the_block_that_says_the_same(part: Part, block: dict[str, Any]):
    """Ids of calls in the letters that Anthropic takes."""
    assert _content(part) == [block]


def test_thoughts_that_anthropic_did_not_sign_stay_behind():
    """It would refuse them."""
    thoughts = (Thought(text="Hm."), Thought(text="Hm.", sealed="gemini:EqQB"), Thought(sealed=""))

    assert _content(*thoughts, Text(text="Hi"), role="assistant") == [
        {"type": "text", "text": "Hi"}
    ]


def test_arguments_pass_as_they_were_written():
    """Numbers that no float holds included."""
    call = ToolCall(id="a", name="look", arguments=' {"n": 12345678901234567890.10} ')
    conversation = Conversation(turns=(Turn(role="assistant", parts=(call,)),))
    adapter = AnthropicAdapter({"/c": _Wire(conversation)})
    asked = UpstreamCall(
        path="/c", body=JsonObject(b'{"model":"m"}'), model="m", stream=False, ask_usage=False
    )

    body = adapter.request(asked, Target(base_url="u", secret=None)).body
    assert b'"input":{"n": 12345678901234567890.10}' in body


@pytest.mark.parametrize("arguments", ["{", "[]", "7", "null", '{"a":}', "[" * 100_000])
def test_arguments_that_are_no_object_are_refused(arguments: str):
    """They are named."""
    with pytest.raises(InvalidRequest) as refused:
        _content(ToolCall(id="a", name="look", arguments=arguments))
    assert refused.value.param == "tool_calls"


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
    assert _with(tools=(tool,))["tools"] == [expected]


def test_a_schema_that_is_none_is_refused():
    """With the tool's name."""
    with pytest.raises(InvalidRequest, match="look") as refused:
        _with(tools=(Tool(name="look", schema=msgspec.Raw(b"[]")),))
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
    assert _with(tools=(LOOK,), **members).get("tool_choice") == expected


@pytest.mark.parametrize(
    "members", [{"tool_choice": "auto"}, {"tool_choice": "none"}, {"parallel_tools": False}]
)
def test_a_choice_among_no_tools_says_nothing(members: dict[str, Any]):
    """Anthropic would refuse it."""
    assert "tool_choice" not in _with(**members)


def test_a_tool_that_must_be_called_and_is_not_there_is_the_vendors_to_refuse():
    """It is not dropped."""
    assert _with(tool_choice="any")["tool_choice"] == {"type": "any"}
    assert _with(forced_tool="x")["tool_choice"] == {"type": "tool", "name": "x"}


def test_settings_keep_their_values():
    """Under Anthropic's names."""
    found = _with(temperature=0.5, top_p=0.9, top_k=40, stop=("a", "b"), user="u1")

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
    found = _with(
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
        _with(**members)
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
        _content(part)
    assert refused.value.param == param


@pytest.mark.parametrize("data", ["é", "a", "/w=="])
def test_a_text_that_is_none_is_refused(data: str):
    """It must be base64 of UTF-8."""
    with pytest.raises(InvalidRequest) as refused:
        _content(Document(media_type="text/plain", data=data))
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
    found = _with(thinking=thinking)

    del found["max_tokens"]
    assert found == expected


def test_a_format_is_its_schema():
    """Beside an effort, where there is one."""
    schema = msgspec.Raw(b'{"type":"object"}')
    found = _with(
        format=Format(name="x", schema=schema, strict=True), thinking=Thinking(effort="max")
    )

    assert found["output_config"] == {
        "effort": "max",
        "format": {"type": "json_schema", "schema": {"type": "object"}},
    }
