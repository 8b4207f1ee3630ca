"""A conversation, whoever's it was, as a request for a message."""

import base64
from typing import Any

import pytest

from grip.errors import InvalidRequest
from grip.providers.anthropic import AnthropicAdapter
from grip.providers.anthropic.requests import DEFAULT_MAX_TOKENS
from grip.providers.conversation import (
    Conversation,
    Document,
    Image,
    Part,
    Text,
    Thought,
    ToolCall,
    ToolResult,
    Turn,
)
from grip.providers.json_object import JsonObject
from grip.providers.port import Target, UpstreamCall
from tests.providers.anthropic_asked import HELLO, LOOK, Wire, ask, asked_with, content


def test_the_routes_of_the_clients_are_served():
    """Beside Anthropic's own."""
    adapter = AnthropicAdapter({"/chat/completions": Wire(Conversation(turns=()))})

    assert adapter.paths == {"/messages", "/messages/count_tokens", "/chat/completions"}


def test_a_greeting_is_all_that_is_asked():
    """With the limit that Anthropic demands."""
    assert ask(Conversation(turns=(HELLO,))) == {
        "model": "claude-opus-5",
        "max_tokens": DEFAULT_MAX_TOKENS,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
    }


@pytest.mark.parametrize(
    ("asked", "most", "limit"), [(7, 9, 7), (None, 9, 9), (None, None, 4096), (0, 9, 0)]
)
def test_the_limit_is_the_clients_else_the_models(asked: int | None, most: int | None, limit: int):
    """Else so much as is held for."""
    found = ask(Conversation(turns=(HELLO,), max_tokens=asked), max_output=most)

    assert found["max_tokens"] == limit


def test_a_stream_is_asked_for():
    """As the client did."""
    assert ask(Conversation(turns=(HELLO,)), stream=True)["stream"] is True


def test_instructions_stand_by_themselves():
    """In as many texts as they came in."""
    found = asked_with(system=(Text(text="Be brief."), Text(text=" "), Text(text="Be kind.")))

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
    messages = ask(Conversation(turns=turns, tools=(LOOK,)))["messages"]

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
    (message,) = ask(Conversation(turns=turns))["messages"]

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
    assert content(part) == [block]


def test_thoughts_that_anthropic_did_not_sign_stay_behind():
    """It would refuse them."""
    thoughts = (Thought(text="Hm."), Thought(text="Hm.", sealed="gemini:EqQB"), Thought(sealed=""))

    assert content(*thoughts, Text(text="Hi"), role="assistant") == [{"type": "text", "text": "Hi"}]


def test_arguments_pass_as_they_were_written():
    """Numbers that no float holds included."""
    call = ToolCall(id="a", name="look", arguments=' {"n": 12345678901234567890.10} ')
    conversation = Conversation(turns=(Turn(role="assistant", parts=(call,)),))
    adapter = AnthropicAdapter({"/c": Wire(conversation)})
    asked = UpstreamCall(
        path="/c", body=JsonObject(b'{"model":"m"}'), model="m", stream=False, ask_usage=False
    )

    body = adapter.request(asked, Target(base_url="u", secret=None)).body
    assert b'"input":{"n": 12345678901234567890.10}' in body


@pytest.mark.parametrize("arguments", ["{", "[]", "7", "null", '{"a":}', "[" * 100_000])
def test_arguments_that_are_no_object_are_refused(arguments: str):
    """They are named."""
    with pytest.raises(InvalidRequest) as refused:
        content(ToolCall(id="a", name="look", arguments=arguments))
    assert refused.value.param == "tool_calls"
