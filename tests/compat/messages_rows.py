"""The rows of messages: what Anthropic's clients ask for."""

import json
from collections.abc import Callable
from typing import Any

from tests.compat.mind import CACHED_TOKENS, INPUT_TOKENS, THOUGHT, WRITTEN_TOKENS
from tests.compat.rows import ARGUMENTS, LINK, PAPER, PIXEL, SCHEMA, Row, Surface

TOOL = {"name": "weather", "description": "Tells it.", "input_schema": SCHEMA}
OTHER = {"name": "time", "input_schema": SCHEMA}
CALL = {"type": "tool_use", "id": "call_9", "name": "weather", "input": ARGUMENTS}
HELLO = {"role": "user", "content": "Say hello"}
TOOLS = {"tools": [TOOL]}
PICTURE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/gif", "data": PIXEL},
}
PDF = {"type": "base64", "media_type": "application/pdf", "data": PAPER}
SEALED = {"type": "thinking", "thinking": "Hm.", "signature": "c2VhbA=="}


def _says(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def _user(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "Look"}, *blocks]}]}


def _trip(result: Any, *before: Any, **more: Any) -> dict[str, Any]:
    given = {"type": "tool_result", "tool_use_id": "call_9", "content": result, **more}
    return {
        **TOOLS,
        "messages": [
            HELLO,
            {"role": "assistant", "content": [*before, CALL]},
            {"role": "user", "content": [given]},
        ],
    }


def _text(answer: Any) -> str:
    return "".join(block["text"] for block in answer["content"] if block["type"] == "text")


def _greets(answer: Any) -> bool:
    return _text(answer).startswith("Hello")


def _ends(word: str) -> Callable[[Any], bool]:
    return lambda answer: answer["stop_reason"] == word


def _calls(*names: str) -> Callable[[Any], bool]:
    def sees(answer: Any) -> bool:
        calls = [block for block in answer["content"] if block["type"] == "tool_use"]
        return (
            [call["name"] for call in calls] == list(names)
            and [call["input"] for call in calls] == [ARGUMENTS] * len(names)
            and _ends("tool_use")(answer)
        )

    return sees


def _thinks(answer: Any) -> bool:
    return any(block.get("thinking") == THOUGHT for block in answer["content"])


def _cached(answer: Any) -> bool:
    used = answer["usage"]
    told = used["input_tokens"], used["cache_read_input_tokens"]
    return told == (INPUT_TOKENS - CACHED_TOKENS, CACHED_TOKENS)


def _written(answer: Any) -> bool:
    return bool(answer["usage"]["cache_creation_input_tokens"] == WRITTEN_TOKENS)


CACHED_SYSTEM = {
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
}
FORMAT = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
BOTH = {"tools": [TOOL, OTHER], **_says("[both] Look")}
BEGUN = {"messages": [HELLO, {"role": "assistant", "content": "Once upon"}]}
CLEAR = {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}
SERVER = {"mcp_servers": [{"type": "url", "name": "a", "url": "https://example.com"}]}
THREAD = {"thread": {"type": "create"}}
CITED = {
    "type": "document",
    "source": {"type": "text", "media_type": "text/plain", "data": "Rome is old."},
    "citations": {"enabled": True},
}

ROWS = (
    Row(name="answer, whole", marks=("Say hello",), sees=_greets),
    Row(name="answer, streamed", marks=("Say hello",), sees=_greets, streams=True),
    Row(name="`system`", asks={"system": "Be brief."}, marks=("Be brief.",), sees=_greets),
    Row(name="`cache_control`", asks=CACHED_SYSTEM, marks=("cache_control",), sees=_greets),
    Row(name="an answer that is begun", asks=BEGUN, marks=("Once upon",)),
    Row(name="picture in base64", asks=_user(PICTURE), marks=(PIXEL,)),
    Row(
        name="picture by its URL",
        asks=_user({"type": "image", "source": {"type": "url", "url": LINK}}),
        marks=(LINK,),
    ),
    Row(name="document (PDF)", asks=_user({"type": "document", "source": PDF}), marks=(PAPER,)),
    Row(
        name="document (text)",
        asks=_user({**CITED, "citations": {"enabled": False}}),
        marks=("Rome is old.",),
        on=dict.fromkeys(("openai", "azure", "gemini"), ("Um9tZSBpcyBvbGQu",)),
    ),
    Row(name="citations", asks=_user(CITED), marks=("citations",)),
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
        asks=_trip("21 degrees"),
        marks=("21 degrees", "call_9"),
        sees=lambda answer: "21 degrees" in _text(answer),
    ),
    Row(
        name="tool result that is an error",
        asks=_trip("no weather", is_error=True),
        marks=("is_error",),
        on={"openai": ("Error:",), "azure": ("Error:",), "gemini": ('"error"',)},
    ),
    Row(name="picture in a tool result", asks=_trip([PICTURE]), marks=(PIXEL,)),
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
        name="`tool_choice: any`",
        asks=TOOLS | {"tool_choice": {"type": "any"}},
        marks=('"any"',),
        on={"openai": ("required",), "azure": ("required",), "gemini": ('"ANY"',)},
        sees=_calls("weather"),
    ),
    Row(
        name="`tool_choice: tool`",
        asks={"tools": [TOOL, OTHER], "tool_choice": {"type": "tool", "name": "time"}},
        marks=("tool_choice", "time"),
        on={"gemini": ("allowedFunctionNames", "time")},
        sees=_calls("time"),
    ),
    Row(
        name="`tool_choice: none`",
        asks=TOOLS | {"tool_choice": {"type": "none"}},
        marks=("none",),
        on={"gemini": ('"NONE"',)},
        sees=_greets,
    ),
    Row(
        name="`disable_parallel_tool_use`",
        asks=TOOLS | {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        marks=("disable_parallel_tool_use",),
        on=dict.fromkeys(("openai", "azure"), ("parallel_tool_calls",)),
        sees=_calls("weather"),
    ),
    Row(
        name="`output_config.format`",
        asks=FORMAT,
        marks=("city", "json_schema"),
        on={"gemini": ("city", "responseJsonSchema")},
        sees=lambda answer: json.loads(_text(answer)) == ARGUMENTS,
    ),
    Row(
        name="`output_config.effort`",
        asks={"output_config": {"effort": "high"}},
        marks=("high",),
        on={"gemini": ("HIGH",)},
        sees=_greets,
    ),
    Row(
        name="`thinking` with a budget",
        asks={"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 4000},
        marks=("2000",),
        on=dict.fromkeys(("openai", "azure"), ("reasoning_effort",)),
        sees=_greets,
    ),
    Row(name="thoughts in the answer", asks=_says("[think] Say hello"), sees=_thinks),
    Row(name="thoughts, streamed", asks=_says("[think] Say hello"), sees=_thinks, streams=True),
    Row(name="thoughts sent back", asks=_trip("21 degrees", SEALED), marks=("Hm.",)),
    Row(
        name="`stop_sequences`",
        asks={"stop_sequences": ["what"]},
        marks=("what",),
        sees=lambda answer: "what" not in _text(answer),
    ),
    Row(
        name="the sequence that stopped an answer",
        asks={"stop_sequences": ["what"]},
        marks=("what",),
        sees=lambda answer: answer["stop_sequence"] == "what",
    ),
    Row(
        name="`max_tokens`, reached", asks={"max_tokens": 2}, marks=("2",), sees=_ends("max_tokens")
    ),
    Row(name="`temperature`", asks={"temperature": 0.25}, marks=("0.25",), sees=_greets),
    Row(name="`top_p`", asks={"top_p": 0.75}, marks=("0.75",), sees=_greets),
    Row(name="`top_k`", asks={"top_k": 33}, marks=("33",), sees=_greets),
    Row(name="usage with cached tokens", asks=_says("[cached] Say hello"), sees=_cached),
    Row(
        name="usage of a stream, cached tokens",
        asks=_says("[cached] Say hello"),
        sees=_cached,
        streams=True,
    ),
    Row(
        name="usage with tokens written to a cache",
        asks=_says("[written] Say hello"),
        sees=_written,
    ),
    Row(name="answer that was refused", asks=_says("[refuse] Say hello"), sees=_ends("refusal")),
    Row(
        name="`metadata.user_id`",
        asks={"metadata": {"user_id": "u-77"}},
        marks=("u-77",),
        sees=_greets,
    ),
    Row(name="`context_management`", asks=CLEAR, marks=("clear_tool_uses",)),
    Row(name="`thread` (history that the vendor keeps)", asks=THREAD, marks=("create",)),
    Row(name="`mcp_servers`", asks=SERVER, marks=("mcp_servers",)),
    Row(name="a member that nobody knows", asks={"x_unknown": [1.50]}, marks=("x_unknown",)),
    Row(
        name="the upstream's own refusal",
        asks=_says("[too long]"),
        sees=lambda error: "too long" in error["message"],
        fails=True,
    ),
)

MESSAGES = Surface(
    path="/v1/messages",
    title="Messages (`/v1/messages`, Anthropic's Python SDK)",
    way="messages",
    type="chat",
    rows=ROWS,
)

COUNT_TOKENS = Surface(
    path="/v1/messages/count_tokens",
    title="Count of tokens (`/v1/messages/count_tokens`, free)",
    way="count_tokens",
    type="chat",
    rows=(
        Row(
            name="count",
            asks={"system": "Be brief."},
            marks=("Be brief.",),
            sees=lambda answer: answer["input_tokens"] > 0,
        ),
    ),
)
