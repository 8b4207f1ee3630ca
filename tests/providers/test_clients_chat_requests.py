"""Reading requests for chat. Bodies: OpenAI API reference, "Create chat completion"."""

import json
from typing import Any

import pytest

from grip.providers.conversation import (
    Audio,
    Conversation,
    Document,
    Format,
    Image,
    Text,
    Thinking,
    Thought,
    ToolCall,
    ToolResult,
    Turn,
)
from tests.providers.clients_chat import HELLO, PNG, read, user


def test_the_name_of_a_speaker_stands_before_its_words():
    """No other wire has a place for it; what nobody said in words has no speaker."""
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    called = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    found = read(
        {"role": "system", "name": "boss", "content": "Be brief."},
        {"role": "user", "name": "ada", "content": "Hello!"},
        {"role": "user", "name": "bob", "content": [picture]},
        {"role": "assistant", "name": "clerk", "content": [{"type": "text", "text": "Yes?"}]},
        {"role": "assistant", "name": "clerk", "content": "", "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    )

    assert found.system == (Text(text="boss: Be brief."),)
    assert found.turns[0].parts == (
        Text(text="ada: Hello!"),
        Text(text="bob:"),
        Image(media_type="image/png", data=PNG),
    )
    assert found.turns[1].parts == (
        Text(text="clerk: Yes?"),
        ToolCall(id="c", name="f", arguments="{}"),
    )


def test_what_openais_client_parsed_may_be_sent_back():
    """It says again what the text beside it says."""
    function = {"name": "f", "arguments": '{"a": 1}', "parsed_arguments": {"a": 1}}
    calls = [{"id": "c", "type": "function", "function": function}]
    found = read(
        HELLO,
        {"role": "assistant", "content": '{"b": 2}', "parsed": {"b": 2}, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    )

    assert found.turns[1].parts == (
        Text(text='{"b": 2}'),
        ToolCall(id="c", name="f", arguments='{"a": 1}'),
    )


def test_the_reference_s_first_example_is_read():
    """A developer's instruction and a greeting."""
    found = read(
        {"role": "developer", "content": "You are a helpful assistant."},
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
        HELLO,
        stream=True,
        stream_options={"include_usage": True, "include_obfuscation": False},
    )

    assert found == Conversation(
        system=(Text(text="You are a helpful assistant."), Text(text="Be brief.")),
        turns=(Turn(role="user", parts=(Text(text="Hello!"),)),),
    )


def test_a_round_of_parallel_tool_calls_is_two_turns():
    """All results are in one turn, with what the user says next; each knows its tool's name."""
    calls = [
        {
            "index": at,
            "id": f"call_{at}",
            "type": "function",
            "function": {"name": name, "arguments": text},
        }
        for at, (name, text) in enumerate([("weather", '{"in": 1.0}'), ("time", "")])
    ]
    found = read(
        HELLO,
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_0", "content": "11"},
        {
            "role": "tool",
            "tool_call_id": "call_1",
            "content": [
                {"type": "text", "text": "noon"},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            ],
        },
        {"role": "user", "content": "And?"},
    )

    assert found.turns[1:] == (
        Turn(
            role="assistant",
            parts=(
                ToolCall(id="call_0", name="weather", arguments='{"in": 1.0}'),
                ToolCall(id="call_1", name="time", arguments="{}"),
            ),
        ),
        Turn(
            role="user",
            parts=(
                ToolResult(id="call_0", content=(Text(text="11"),), name="weather"),
                ToolResult(
                    id="call_1",
                    content=(Text(text="noon"), Image(url="https://example.com/a.png")),
                    name="time",
                ),
                Text(text="And?"),
            ),
        ),
    )


def test_parts_of_every_kind_are_carried():
    """Pictures and files by URL or as data, and sound."""
    assert user(
        {"type": "text", "text": "Look:", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": f"data:image/PNG;base64,{PNG}"}},
        {"type": "input_audio", "input_audio": {"data": PNG, "format": "mp3"}},
        {
            "type": "file",
            "file": {"file_data": f"data:application/pdf;base64,{PNG}", "filename": "a.pdf"},
        },
        {"type": "file", "file": {"file_data": PNG, "filename": "A.PDF"}},
        {"type": "file", "file": {"file_data": "https://example.com/a.pdf"}},
    ) == (
        Text(text="Look:"),
        Image(url="https://example.com/a.png"),
        Image(media_type="image/png", data=PNG),
        Audio(data=PNG, format="mp3"),
        Document(media_type="application/pdf", data=PNG, name="a.pdf"),
        Document(media_type="application/pdf", data=PNG, name="A.PDF"),
        Document(url="https://example.com/a.pdf"),
    )


def test_what_the_sdk_dumps_of_an_answer_can_be_sent_back():
    """With the nulls and the empty lists in it, and the words of a refusal."""
    answer: dict[str, Any] = {
        "role": "assistant",
        "content": None,
        "refusal": "I will not.",
        "annotations": [],
        "audio": None,
        "function_call": None,
        "tool_calls": None,
        "reasoning_content": "Should I?",
    }

    found = read(HELLO, answer, HELLO).turns[1]

    assert found.parts == (Thought(text="Should I?"), Text(text="I will not."))
    parts = [{"type": "refusal", "refusal": "No."}, {"type": "text", "text": "Sorry."}]
    said = read(HELLO, {"role": "assistant", "content": parts}, HELLO).turns[1].parts
    assert said == (Text(text="No."), Text(text="Sorry."))


def test_sealed_thoughts_come_back_in_openrouter_s_shape():
    """The text beside them says the same once more."""
    details = [
        {"type": "reasoning.text", "text": "Hm.", "signature": "sig", "index": 0, "format": "f"},
        {"type": "reasoning.encrypted", "data": "xyz", "id": "r1"},
        {"type": "reasoning.summary", "summary": "Short."},
    ]
    call = {
        "id": "c",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "gs"}},
    }
    answer = {
        "role": "assistant",
        "reasoning_content": "Hm.",
        "reasoning": "Hm.",
        "reasoning_details": details,
        "tool_calls": [call],
    }

    found = read(HELLO, answer, {"role": "tool", "tool_call_id": "c", "content": ""})

    assert found.turns[1].parts == (
        Thought(text="Hm.", sealed="sig"),
        Thought(sealed="xyz", redacted=True),
        Thought(text="Short."),
        ToolCall(id="c", name="f", arguments="{}", sealed="gs"),
    )
    assert found.turns[2].parts == (ToolResult(id="c", content=(), name="f"),)


def test_what_decides_the_answer_is_carried():
    """Limits, sampling, stops and the user."""
    found = read(
        max_completion_tokens=7,
        max_tokens=7,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop="END",
        seed=-1,
        frequency_penalty=0.5,
        presence_penalty=-0.5,
        n=2,
        user="u",
    )

    assert found == Conversation(
        turns=found.turns,
        max_tokens=7,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop=("END",),
        seed=-1,
        frequency_penalty=0.5,
        presence_penalty=-0.5,
        choices=2,
        user="u",
    )
    assert read(stop=["a", "b"], max_tokens=3).stop == ("a", "b")


@pytest.mark.parametrize(
    ("own", "expected"),
    [(None, "A joke."), ("A joke.", "A joke."), ("Short.", "A joke.\n\nShort.")],
)
def test_what_a_format_is_for_stands_in_its_schema(own: str | None, expected: str):
    """Other APIs have no place beside it; what the schema says itself stays."""
    schema = {"type": "object"} if own is None else {"description": own, "type": "object"}
    named = {"name": "joke", "description": "A joke.", "schema": schema}
    found = read(response_format={"type": "json_schema", "json_schema": named}).format

    assert found is not None
    assert found.schema is not None
    assert json.loads(bytes(found.schema)) == {"type": "object", "description": expected}


def test_values_that_say_no_more_than_a_default_are_no_reason_to_refuse():
    """Clients send many of them; nulls, hints and what only speeds things up neither."""
    defaults: dict[str, Any] = {
        "audio": None,
        "cache_control": {"type": "ephemeral"},
        "frequency_penalty": 0,
        "function_call": "auto",
        "functions": [],
        "logit_bias": {},
        "logprobs": False,
        "metadata": {"a": "b"},
        "min_p": 0,
        "modalities": ["text"],
        "n": 1,
        "prediction": {"type": "content", "content": "x"},
        "presence_penalty": 0.0,
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "repetition_penalty": 1.0,
        "response_format": {"type": "text"},
        "safety_identifier": "s",
        "service_tier": "auto",
        "stop": [],
        "store": False,
        "top_logprobs": 0,
        "top_p": 1,
        "unheard_of": None,
        "usage": {"include": True},
        "verbosity": "medium",
        "web_search_options": None,
    }

    assert read(**defaults) == read()


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"response_format": {"type": "json_object"}}, Format()),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
            Format(name="a"),
        ),
        ({"reasoning_effort": "low"}, Thinking(effort="low")),
        ({"reasoning_effort": "none"}, Thinking(off=True)),
        ({"reasoning": {"effort": "high", "exclude": False}}, Thinking(effort="high")),
        ({"reasoning": {"max_tokens": 2000}}, Thinking(budget_tokens=2000)),
        ({"reasoning": {"enabled": True}}, Thinking()),
        ({"reasoning": {"enabled": False}}, Thinking(off=True)),
        ({"reasoning": {}}, None),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, Thinking(budget_tokens=9)),
        ({"thinking": {"type": "disabled"}}, Thinking(off=True)),
    ],
)
def test_formats_and_thinking_are_carried(members: dict[str, Any], expected: Any):
    """In OpenAI's words, and in those that other gateways taught their clients."""
    found = read(**members)

    assert (found.format if "response_format" in members else found.thinking) == expected


def test_the_schema_of_an_answer_is_carried_as_it_is():
    """With its name, and whether it is strict."""
    wanted = {"name": "n", "schema": {"type": "object"}, "strict": True}

    found = read(response_format={"type": "json_schema", "json_schema": wanted}).format

    assert found is not None
    assert (found.name, found.strict) == ("n", True)
    assert json.loads(bytes(found.schema or b"")) == {"type": "object"}


def test_an_empty_message_stays_one():
    """The vendor says what it thinks of it; beside other parts it is nothing."""
    assert read({"role": "user", "content": ""}).turns[0].parts == (Text(text=""),)
    assert user({"type": "text", "text": ""}, {"type": "text", "text": "x"}) == (Text(text="x"),)
