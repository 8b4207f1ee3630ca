"""Conversations as Gemini's requests: what is carried, and what is refused by its name."""

import json
from typing import Any

import msgspec
import pytest

from grip.errors import InvalidRequest
from grip.providers.conversation import (
    Conversation,
    Format,
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
from grip.providers.gemini import request
from grip.providers.gemini.names import Names

NEW = "gemini-3-pro-preview"
OLD = "gemini-2.5-flash"
HELLO = Turn(role="user", parts=(Text(text="Hi"),))
WEATHER = Tool(
    name="weather",
    description="Tells the weather",
    schema=msgspec.Raw(b'{"type":"object","additionalProperties":false,"$defs":{}}'),
)


def _body(*turns: Turn, model: str = NEW, path: str = "/chat/completions", **given: Any) -> Any:
    conversation = Conversation(turns=turns or (HELLO,), **given)
    return json.loads(request.body(conversation, model, Names(path)))


def _user(*parts: Any) -> Turn:
    return Turn(role="user", parts=parts)


def _model(*parts: Any) -> Turn:
    return Turn(role="assistant", parts=parts)


def _call(
    call_id: str = "c1", sealed: str | None = None, arguments: str = '{"a": 1.0}'
) -> ToolCall:
    return ToolCall(id=call_id, name="weather", arguments=arguments, sealed=sealed)


def _result(call_id: str = "c1", **given: Any) -> ToolResult:
    return ToolResult(id=call_id, content=given.pop("content", (Text(text="sunny"),)), **given)


def test_words_become_contents_and_the_system_prompt_an_instruction():
    """Turns of one side in a row are one content; nothing is said that nobody asked for."""
    told = _body(
        _user(Text(text="Hi")),
        _model(Text(text="Hello"), Text(text="!")),
        _user(Text(text="a")),
        _user(Text(text="b")),
        system=(Text(text="Be short"), Text(text="Be kind")),
    )

    assert told == {
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"text": "Hello"}, {"text": "!"}]},
            {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        ],
        "systemInstruction": {"parts": [{"text": "Be short"}, {"text": "Be kind"}]},
    }


def test_every_setting_of_the_generation_has_its_name():
    """Each goes to `generationConfig`."""
    told = _body(
        max_tokens=10,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop=("END", "."),
        seed=7,
        frequency_penalty=0.25,
        presence_penalty=-0.25,
        format=Format(name="x", schema=msgspec.Raw(b'{"type":"object"}'), strict=True),
        user="u1",
    )

    assert told["generationConfig"] == {
        "maxOutputTokens": 10,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "stopSequences": ["END", "."],
        "seed": 7,
        "frequencyPenalty": 0.25,
        "presencePenalty": -0.25,
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object"},
    }


def test_json_without_a_schema_is_a_media_type():
    """A format without a schema asks for JSON of any shape."""
    assert _body(format=Format())["generationConfig"] == {"responseMimeType": "application/json"}


def test_tools_go_with_their_json_schema_as_it_is():
    """The schema is not turned into Gemini's older one, which knows less."""
    told = _body(tools=(WEATHER, Tool(name="now")))

    assert told["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "weather",
                    "description": "Tells the weather",
                    "parametersJsonSchema": {
                        "type": "object",
                        "additionalProperties": False,
                        "$defs": {},
                    },
                },
                {"name": "now"},
            ]
        }
    ]
    assert "toolConfig" not in told


@pytest.mark.parametrize(
    ("given", "calling"),
    [
        ({"tool_choice": "auto"}, {"mode": "AUTO"}),
        ({"tool_choice": "none"}, {"mode": "NONE"}),
        ({"tool_choice": "any"}, {"mode": "ANY"}),
        ({"forced_tool": "weather"}, {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
    ],
)
def test_the_choice_of_tools_is_a_mode(given: dict[str, Any], calling: dict[str, Any]):
    """A tool that must be called is the only one that is allowed."""
    assert _body(tools=(WEATHER,), **given)["toolConfig"] == {"functionCallingConfig": calling}


@pytest.mark.parametrize("choice", [None, "auto"])
def test_a_strict_tool_turns_validation_on(choice: str | None):
    """The mode in which arguments keep to their schema."""
    strict = msgspec.structs.replace(WEATHER, strict=True)
    told = _body(tools=(strict, WEATHER), tool_choice=choice)

    assert told["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}


@pytest.mark.parametrize("must", [{"forced_tool": WEATHER.name}, {"tool_choice": "any"}])
def test_one_call_alone_may_be_asked_for_where_one_tool_must_be_called(must: dict[str, Any]):
    """Clients do so for structured output, and such an answer is one call."""
    assert _body(tools=(WEATHER,), parallel_tools=False, **must) == _body(tools=(WEATHER,), **must)


def test_a_choice_among_no_tools_is_no_choice():
    """Some clients always send one."""
    assert "toolConfig" not in _body(tool_choice="auto")


def test_a_call_and_its_result_go_back_with_id_name_and_seal():
    """The result finds its tool's name by the call, and numbers stay as they were written."""
    told = _body(
        _user(Text(text="weather?")),
        _model(Thought(text="hm", sealed="someone-else's"), _call("c1", "SEAL"), _call("c2")),
        _user(_result("c1"), _result("c2", is_error=True)),
        tools=(WEATHER,),
    )

    assert told["contents"][1:] == [
        {
            "role": "model",
            "parts": [
                {"text": "hm", "thought": True},
                {
                    "functionCall": {"id": "c1", "name": "weather", "args": {"a": 1.0}},
                    "thoughtSignature": "SEAL",
                },
                {"functionCall": {"id": "c2", "name": "weather", "args": {"a": 1.0}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {
                    "functionResponse": {
                        "id": "c1",
                        "name": "weather",
                        "response": {"output": "sunny"},
                    }
                },
                {
                    "functionResponse": {
                        "id": "c2",
                        "name": "weather",
                        "response": {"error": "sunny"},
                    }
                },
            ],
        },
    ]


def test_a_call_whose_seal_is_lost_gets_the_word_that_lets_it_pass():
    """The first of each step only, and only where the model knows of seals."""
    turns = (
        HELLO,
        _model(_call("c1"), _call("c2")),
        _user(_result("c1"), _result("c2")),
        _model(_call("c3")),
        _user(_result("c3")),
    )

    def seals(model: str) -> list[Any]:
        parts = [part for turn in _body(*turns, model=model)["contents"] for part in turn["parts"]]
        return [part.get("thoughtSignature") for part in parts if "functionCall" in part]

    word = "skip_thought_signature_validator"
    assert seals(NEW) == [word, None, word]
    assert seals("models/gemini-flash-latest") == [word, None, word]
    assert seals(OLD) == [None, None, None]
    assert seals("models/gemini-2.0-flash") == [None, None, None]


def test_a_thought_of_which_nothing_can_be_read_stays_behind():
    """A turn of nothing else is left out."""
    sealed = _model(Thought(sealed="x", redacted=True))

    assert len(_body(HELLO, sealed, HELLO)["contents"]) == 1


def test_results_carry_several_texts_and_files():
    """Texts stay apart; files go beside the response."""
    image = Image(media_type="image/png", data="aGk=")
    told = _body(
        HELLO,
        _model(_call()),
        _user(_result(content=(Text(text="a"), image, Text(text="b"))), Text(text="and?")),
    )

    assert told["contents"][2]["parts"] == [
        {
            "functionResponse": {
                "id": "c1",
                "name": "weather",
                "response": {"output": ["a", "b"]},
                "parts": [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}],
            }
        },
        {"text": "and?"},
    ]


def test_an_empty_result_is_an_empty_text():
    """A tool that returned nothing has still been called."""
    told = _body(HELLO, _model(_call()), _user(_result(content=())))

    response = told["contents"][2]["parts"][0]["functionResponse"]["response"]
    assert response == {"output": ""}


def test_no_arguments_are_an_empty_object():
    """OpenAI's models write the empty text for them."""
    told = _body(HELLO, _model(_call(arguments="")), _user(_result()))

    assert told["contents"][1]["parts"][0]["functionCall"]["args"] == {}


@pytest.mark.parametrize(
    ("model", "thinking", "told"),
    [
        (NEW, Thinking(), {"includeThoughts": True}),
        (NEW, Thinking(off=True), {"thinkingBudget": 0}),
        (OLD, Thinking(effort="none"), {"thinkingBudget": 0}),
        (NEW, Thinking(effort="high"), {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        (NEW, Thinking(effort="minimal"), {"includeThoughts": True, "thinkingLevel": "MINIMAL"}),
        (NEW, Thinking(budget_tokens=2000), {"includeThoughts": True, "thinkingBudget": 2000}),
        (OLD, Thinking(effort="low"), {"includeThoughts": True, "thinkingBudget": 1024}),
        (OLD, Thinking(effort="medium"), {"includeThoughts": True, "thinkingBudget": 8192}),
        (
            "gemini-12-pro",
            Thinking(effort="xhigh"),
            {"includeThoughts": True, "thinkingLevel": "XHIGH"},
        ),
    ],
)
def test_thinking_is_a_level_or_a_budget(model: str, thinking: Thinking, told: dict[str, Any]):
    """Models before Gemini 3 know budgets only, and a level of theirs is Google's own number."""
    assert _body(model=model, thinking=thinking)["generationConfig"] == {"thinkingConfig": told}


@pytest.mark.parametrize(
    ("given", "path", "param"),
    [
        ({"choices": 2}, "/chat/completions", "n"),
        (
            {"parallel_tools": False, "tools": (WEATHER,)},
            "/chat/completions",
            "parallel_tool_calls",
        ),
        (
            {"parallel_tools": False, "tools": (WEATHER, Tool(name="now")), "tool_choice": "any"},
            "/messages",
            "tool_choice.disable_parallel_tool_use",
        ),
        ({"thinking": Thinking(effort="max")}, "/chat/completions", "reasoning_effort"),
        ({"thinking": Thinking(effort="max")}, "/messages", "output_config.effort"),
        (
            {"thinking": Thinking(effort="xhigh"), "model": OLD},
            "/chat/completions",
            "reasoning_effort",
        ),
        (
            {"thinking": Thinking(effort="low", budget_tokens=9)},
            "/messages",
            "output_config.effort",
        ),
    ],
)
def test_what_gemini_has_no_words_for_is_refused_by_the_clients(
    given: dict[str, Any], path: str, param: str
):
    """The name is the one on the client's own wire."""
    with pytest.raises(Untranslatable, match="Gemini") as refused:
        _body(path=path, **given)

    assert refused.value.param == param


@pytest.mark.parametrize(
    "turns",
    [
        (_user(_result()),),
        (_user(_call()),),
        (_model(_result()),),
        (HELLO, _model(_call(arguments="[1]")), _user(_result())),
        (HELLO, _model(_call(arguments="{")), _user(_result())),
        (HELLO, _model(_call(arguments='{"a":' * 5000)), _user(_result())),
        (_user(Image(data="AAAA")),),
    ],
)
def test_what_cannot_be_said_on_any_wire_is_an_invalid_request(turns: tuple[Turn, ...]):
    """Results without a call, calls of the user, arguments that are no object."""
    with pytest.raises(InvalidRequest) as refused:
        _body(*turns)

    assert refused.value.param == "messages"


def test_ten_thousand_tools_and_turns_go_through():
    """What is too much the vendor says best."""
    tools = tuple(Tool(name=f"t{at}") for at in range(10_000))
    turns = [turn for _ in range(5000) for turn in (HELLO, _model(Text(text="x")))]

    told = _body(*turns, tools=tools)

    assert len(told["tools"][0]["functionDeclarations"]) == len(told["contents"]) == 10_000
