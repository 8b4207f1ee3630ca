"""The rows of chat: what OpenAI's clients ask for."""

import json
from collections.abc import Callable
from typing import Any

from tests.compat.mind import CACHED_TOKENS, INPUT_TOKENS, THOUGHT
from tests.compat.rows import ARGUMENTS, LINK, PAPER, PIXEL, SCHEMA, SOUND, Row, Surface

FUNCTION = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells it.", "parameters": SCHEMA},
}
OTHER = {"type": "function", "function": {"name": "time", "parameters": SCHEMA}}
CALL = {
    "id": "call_9",
    "type": "function",
    "function": {"name": "weather", "arguments": json.dumps(ARGUMENTS)},
}
HELLO = {"role": "user", "content": "Say hello"}


def _user(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "Look"}, *parts]}]}


def _says(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def _picture(url: str, **more: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def _message(answer: Any) -> Any:
    return answer["choices"][0]["message"]


def _greets(answer: Any) -> bool:
    return bool(_message(answer)["content"].startswith("Hello"))


def _ends(word: str) -> Callable[[Any], bool]:
    return lambda answer: answer["choices"][0]["finish_reason"] == word


def _calls(*names: str) -> Callable[[Any], bool]:
    def sees(answer: Any) -> bool:
        calls = _message(answer)["tool_calls"]
        told = [json.loads(call["function"]["arguments"]) for call in calls]
        return (
            [call["function"]["name"] for call in calls] == list(names)
            and told == [ARGUMENTS] * len(names)
            and _ends("tool_calls")(answer)
        )

    return sees


def _cached(answer: Any) -> bool:
    used = answer["usage"]
    details = used.get("prompt_tokens_details") or {}
    return (used["prompt_tokens"], details.get("cached_tokens")) == (INPUT_TOKENS, CACHED_TOKENS)


TOOLS = {"tools": [FUNCTION]}
BOTH = {"tools": [FUNCTION, OTHER], **_says("[both] Look")}
TRIP = {
    **TOOLS,
    "messages": [
        HELLO,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_9", "content": "21 degrees"},
    ],
}
STRICT = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": SCHEMA}}
DESCRIBED = {
    "type": "json_schema",
    "json_schema": {"name": "city", "description": "A city.", "schema": SCHEMA},
}
SYSTEM = {"messages": [{"role": "system", "content": "Be brief."}, HELLO]}
LATER = {"messages": [HELLO, {"role": "assistant", "content": "Hello"}, *SYSTEM["messages"]]}
NAMED = {"messages": [{"role": "user", "name": "ada", "content": "Say hello"}]}
BEGUN = {"messages": [HELLO, {"role": "assistant", "content": "Once upon"}]}
FORCED = {"type": "function", "function": {"name": "time"}}
FILE = {
    "type": "file",
    "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PAPER}"},
}
SPOKEN = {"type": "input_audio", "input_audio": {"data": SOUND, "format": "wav"}}
CUSTOM = {"type": "custom", "custom": {"name": "shell"}}
LONG = {"stream_options": {"include_usage": True}}

ROWS = (
    Row(name="answer, whole", marks=("Say hello",), sees=_greets),
    Row(name="answer, streamed", marks=("Say hello",), sees=_greets, streams=True),
    Row(name="`system` message", asks=SYSTEM, marks=("Be brief.",), sees=_greets),
    Row(
        name="`developer` message",
        asks={"messages": [{"role": "developer", "content": "Be brief."}, HELLO]},
        marks=("Be brief.",),
        sees=_greets,
    ),
    Row(name="`system` message later on", asks=LATER, marks=("Be brief.",), sees=_greets),
    Row(name="`name` of a speaker", asks=NAMED, marks=("ada",), sees=_greets),
    Row(name="an answer that is begun", asks=BEGUN, marks=("Once upon",)),
    Row(
        name="picture as a data URL",
        asks=_user(_picture(f"data:image/gif;base64,{PIXEL}")),
        marks=(PIXEL,),
    ),
    Row(name="picture by its URL", asks=_user(_picture(LINK)), marks=(LINK,)),
    Row(name="picture, `detail: low`", asks=_user(_picture(LINK, detail="low")), marks=("low",)),
    Row(name="file (PDF)", asks=_user(FILE), marks=(PAPER,)),
    Row(name="sound (`input_audio`)", asks=_user(SPOKEN), marks=(SOUND,)),
    Row(
        name="tool call, whole", asks=TOOLS, marks=("weather", "Tells it."), sees=_calls("weather")
    ),
    Row(
        name="tool call, streamed",
        asks=TOOLS,
        marks=("weather", "Tells it."),
        sees=_calls("weather"),
        streams=True,
    ),
    Row(
        name="tool result",
        asks=TRIP,
        marks=("21 degrees", "call_9"),
        sees=lambda answer: "21" in _message(answer)["content"],
    ),
    Row(
        name="several calls at once",
        asks=BOTH,
        marks=("weather", "time"),
        sees=_calls("weather", "time"),
    ),
    Row(
        name="several calls, streamed",
        asks=BOTH,
        marks=("weather", "time"),
        sees=_calls("weather", "time"),
        streams=True,
    ),
    Row(
        name="`tool_choice: required`",
        asks=TOOLS | {"tool_choice": "required"},
        marks=("required",),
        on={"anthropic": ('"any"',), "gemini": ('"ANY"',)},
        sees=_calls("weather"),
    ),
    Row(
        name="`tool_choice`, one tool",
        asks={"tools": [FUNCTION, OTHER], "tool_choice": FORCED},
        marks=("tool_choice", "time"),
        on={"gemini": ("allowedFunctionNames", "time")},
        sees=_calls("time"),
    ),
    Row(
        name="`tool_choice: none`",
        asks=TOOLS | {"tool_choice": "none"},
        marks=("none",),
        on={"gemini": ('"NONE"',)},
        sees=_greets,
    ),
    Row(
        name="`tool_choice: allowed_tools`",
        asks={
            "tools": [FUNCTION, OTHER],
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [FORCED]},
            },
        },
        marks=("time",),
    ),
    Row(
        name="`parallel_tool_calls: false`",
        asks=TOOLS | {"parallel_tool_calls": False},
        marks=("parallel_tool_calls",),
        on={"anthropic": ("disable_parallel_tool_use",)},
        sees=_calls("weather"),
    ),
    Row(
        name="`parallel_tool_calls: false`, one tool forced",
        asks={"tools": [OTHER], "tool_choice": FORCED, "parallel_tool_calls": False},
        marks=("parallel_tool_calls",),
        on={"anthropic": ("disable_parallel_tool_use",)},
        sees=_calls("time"),
    ),
    Row(
        name="`strict` tool",
        asks={"tools": [{**FUNCTION, "function": {**FUNCTION["function"], "strict": True}}]},  # type: ignore[dict-item]
        marks=('"strict"',),
        on={"gemini": ("VALIDATED",)},
        sees=_calls("weather"),
    ),
    Row(name="`custom` tool", asks={"tools": [CUSTOM]}, marks=("shell",)),
    Row(
        name="`functions` (deprecated)",
        asks={"functions": [FUNCTION["function"]]},
        marks=("weather",),
    ),
    Row(
        name="`response_format: json_schema`",
        asks={"response_format": STRICT},
        marks=("city", "json_schema"),
        on={"gemini": ("city", "responseJsonSchema")},
        sees=lambda answer: json.loads(_message(answer)["content"]) == ARGUMENTS,
    ),
    Row(
        name="`json_schema.description`",
        asks={"response_format": DESCRIBED},
        marks=("A city.",),
        sees=lambda answer: json.loads(_message(answer)["content"]) == ARGUMENTS,
    ),
    Row(
        name="`response_format: json_object`",
        asks={"response_format": {"type": "json_object"}, **_says("JSON with the key 'pet'")},
        marks=("json_object",),
        on={"gemini": ("application/json",)},
        sees=lambda answer: "pet" in json.loads(_message(answer)["content"]),
    ),
    Row(
        name="`stop`",
        asks={"stop": ["what"]},
        marks=("what",),
        sees=lambda answer: "what" not in _message(answer)["content"] and _ends("stop")(answer),
    ),
    Row(name="`max_tokens`, reached", asks={"max_tokens": 2}, marks=("2",), sees=_ends("length")),
    Row(
        name="`max_completion_tokens`, reached",
        asks={"max_completion_tokens": 2},
        marks=("2",),
        sees=_ends("length"),
    ),
    Row(name="`temperature`", asks={"temperature": 0.25}, marks=("0.25",), sees=_greets),
    Row(name="`temperature` above 1", asks={"temperature": 1.25}, marks=("1.25",), sees=_greets),
    Row(name="`top_p`", asks={"top_p": 0.75}, marks=("0.75",), sees=_greets),
    Row(
        name="`n: 2`",
        asks={"n": 2},
        marks=('"n"',),
        sees=lambda answer: len(answer["choices"]) == 2,
    ),
    Row(name="`seed`", asks={"seed": 77}, marks=("77",), sees=_greets),
    Row(name="`frequency_penalty`", asks={"frequency_penalty": 0.5}, marks=("0.5",), sees=_greets),
    Row(name="`presence_penalty`", asks={"presence_penalty": 0.5}, marks=("0.5",), sees=_greets),
    Row(name="`logprobs`", asks={"logprobs": True}, marks=("logprobs",)),
    Row(name="`logit_bias`", asks={"logit_bias": {"7": 5}}, marks=("logit_bias",)),
    Row(
        name="`reasoning_effort`",
        asks={"reasoning_effort": "high"},
        marks=("high",),
        on={"gemini": ("HIGH",)},
        sees=_greets,
    ),
    Row(
        name="thoughts (`reasoning_content`)",
        asks=_says("[think] Say hello"),
        sees=lambda answer: _message(answer)["reasoning_content"] == THOUGHT,
    ),
    Row(
        name="thoughts, streamed",
        asks=_says("[think] Say hello"),
        sees=lambda answer: _message(answer)["reasoning_content"] == THOUGHT,
        streams=True,
    ),
    Row(name="usage with cached tokens", asks=_says("[cached] Say hello"), sees=_cached),
    Row(
        name="usage of a stream, cached tokens",
        asks=LONG | _says("[cached] Say hello"),
        sees=_cached,
        streams=True,
    ),
    Row(
        name="answer cut by a filter",
        asks=_says("[refuse] Say hello"),
        sees=_ends("content_filter"),
    ),
    Row(name="`verbosity`", asks={"verbosity": "low"}, marks=("verbosity",)),
    Row(name="`service_tier`", asks={"service_tier": "flex"}, marks=("flex",)),
    Row(name="`store`", asks={"store": True}, marks=("store",)),
    Row(
        name="`web_search_options`", asks={"web_search_options": {}}, marks=("web_search_options",)
    ),
    Row(
        name="spoken answers (`audio`)",
        asks={"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
        marks=("alloy",),
    ),
    Row(name="`user`", asks={"user": "u-77"}, marks=("u-77",), sees=_greets),
    Row(name="`metadata`", asks={"metadata": {"team": "blue"}}, marks=("blue",), sees=_greets),
    Row(name="`prompt_cache_key`", asks={"prompt_cache_key": "k-7"}, marks=("k-7",), sees=_greets),
    Row(name="a member that nobody knows", asks={"x_unknown": [1.50]}, marks=("x_unknown",)),
    Row(
        name="the upstream's own refusal",
        asks=_says("[too long]"),
        sees=lambda error: "too long" in error["message"],
        fails=True,
    ),
)

CHAT = Surface(
    path="/v1/chat/completions",
    title="Chat (`/v1/chat/completions`, OpenAI's Python SDK)",
    way="chat",
    type="chat",
    rows=ROWS,
)
