"""The dialects of OpenAI's chat: thoughts, seals, ids and limits as each vendor wants them."""

import json
from typing import Any

import pytest

from grip.providers.conversation import (
    Conversation,
    Part,
    Text,
    Thinking,
    Thought,
    ToolCall,
    ToolResult,
    Turn,
    Untranslatable,
)
from grip.providers.openai import chat_request
from grip.providers.openai.dialects import COMMON, OPENAI, Dialect, dialect

ASKED = Turn(role="user", parts=(Text(text="Hi"),))
CALL = ToolCall(id="call_1", name="weather", arguments='{"city": "Rome"}')
RESULT = ToolResult(id="call_1", content=(Text(text="17°"),))
THOUGHT = Thought(text="Hm.", sealed="seal")
DEEPSEEK = dialect("https://api.deepseek.com")


def _body(*turns: Turn, spoken: Dialect = COMMON, stream: bool = False, **members: Any) -> Any:
    conversation = Conversation(turns=turns or (ASKED,), **members)
    body = chat_request.body(conversation, model="up", stream=stream, dialect=spoken)
    return json.loads(body)


def _user(*parts: Part) -> Turn:
    return Turn(role="user", parts=parts)


def _assistant(*parts: Part) -> Turn:
    return Turn(role="assistant", parts=parts)


def test_a_vendor_that_refuses_the_question_is_not_asked():
    """Mistral tells the usage of every stream."""
    body = _body(stream=True, spoken=dialect("https://api.mistral.ai/v1"))

    assert body["stream"]
    assert "stream_options" not in body


@pytest.mark.parametrize(
    ("base_url", "member"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("https://x.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("https://api.mistral.ai/v1", "max_tokens"),
        ("https://notopenai.com/v1", "max_tokens"),
        ("http://localhost:8000/v1", "max_tokens"),
        ("http://[::1]:8000/v1", "max_tokens"),
        ("sandbox:", "max_tokens"),
    ],
)
def test_the_limit_has_the_name_that_the_server_knows(base_url: str, member: str):
    """OpenAI's own models refuse the old name, and most others leave out the new one in silence."""
    assert _body(max_tokens=5, spoken=dialect(base_url))[member] == 5


def test_some_vendors_have_another_word_for_not_thinking():
    """They would take the effort for one they do not know."""
    body = _body(thinking=Thinking(off=True), spoken=DEEPSEEK)

    assert body["thinking"] == {"type": "disabled"}
    assert "reasoning_effort" not in body


@pytest.mark.parametrize("thought", [THOUGHT, Thought(sealed="x"), Thought(text="Hm.")])
def test_thoughts_of_turns_that_are_answered_are_left_out(thought: Thought):
    """Anthropic's API strips them itself."""
    messages = _body(
        ASKED,
        _assistant(thought, Text(text="Ha."), CALL),
        _user(RESULT),
        _assistant(thought, Text(text="17°")),
        ASKED,
    )["messages"]

    assert "Hm." not in json.dumps(messages)
    assert messages[3] == {"role": "assistant", "content": "17°"}


def test_a_sealed_thought_is_refused_while_tools_run():
    """It has to come back to the vendor that sealed it."""
    with pytest.raises(Untranslatable) as refusal:
        _body(ASKED, _assistant(THOUGHT, CALL), _user(RESULT))

    assert refusal.value.param == "messages.content.thinking"


@pytest.mark.parametrize("sealed", [None, ""])
def test_a_thought_without_a_seal_is_left_out(sealed: str | None):
    """It was only ever shown."""
    thought = Thought(text="Hm.", sealed=sealed)
    messages = _body(ASKED, _assistant(thought, CALL), _user(RESULT))["messages"]

    assert set(messages[1]) == {"role", "content", "tool_calls"}


@pytest.mark.parametrize("host", ["api.deepseek.com", "api.moonshot.ai", "api.z.ai"])
def test_vendors_that_want_thoughts_back_get_them(host: str):
    """They refuse calls of tools without."""
    spoken = dialect(f"https://{host}/v1")
    messages = _body(
        ASKED, _assistant(THOUGHT, Thought(text="Ah."), CALL), _user(RESULT), spoken=spoken
    )["messages"]

    assert messages[1]["reasoning_content"] == "Hm.\n\nAh."


def test_a_sealed_call_goes_back_to_google_alone():
    """Elsewhere its seal means nothing, and while tools run it cannot be left out."""
    sealed = ToolCall(id="call_1", name="weather", arguments="{}", sealed="sig")
    turns = (ASKED, _assistant(sealed), _user(RESULT))
    google = dialect("https://generativelanguage.googleapis.com/v1beta/openai")
    (call,) = _body(*turns, spoken=google)["messages"][1]["tool_calls"]

    assert call["extra_content"] == {"google": {"thought_signature": "sig"}}
    with pytest.raises(Untranslatable):
        _body(*turns)
    assert "sig" not in json.dumps(_body(*turns, _assistant(Text(text="x")), ASKED))


@pytest.mark.parametrize(
    ("base_url", "call_id", "is_kept"),
    [
        ("https://api.mistral.ai/v1", "aB3456789", True),
        ("https://api.mistral.ai/v1", "toolu_01", False),
        ("https://api.openai.com/v1", "x" * 40, True),
        ("https://api.openai.com/v1", "x" * 41, False),
        ("http://localhost:8000/v1", "x" * 400, True),
    ],
)
def test_an_id_that_a_vendor_refuses_is_replaced(
    base_url: str,
    call_id: str,
    is_kept: bool,  # noqa: FBT001
):
    """In a call and its result alike, so that they still belong together."""
    call = ToolCall(id=call_id, name="f", arguments="{}")
    result = ToolResult(id=call_id, content=())
    messages = _body(ASKED, _assistant(call), _user(result), spoken=dialect(base_url))["messages"]
    (sent,) = messages[1]["tool_calls"]

    assert sent["id"] == messages[2]["tool_call_id"]
    assert (sent["id"] == call_id) is is_kept
    assert is_kept or (len(sent["id"]) == 9 and sent["id"].isalnum())


def test_openais_own_dialect_knows_neither_thoughts_nor_seals():
    """Its API refuses members that it does not know."""
    assert (OPENAI.thoughts, OPENAI.seals) == (None, False)
