"""A `Conversation` in the words of OpenAI's chat: the body of a translated request.

What chat has no words for is refused by its name. Three things change their form: the words of a
message are joined to one text where nothing but words is there, since many servers take no list;
results of tools come before what the user says beside them, since they must follow their calls;
and a tool's failure, for which there is no member, begins with `Error:`.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from grip.providers.conversation import (
    Audio,
    Conversation,
    Document,
    Format,
    Image,
    Part,
    Text,
    Thinking,
    Thought,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    untranslatable,
)
from grip.providers.openai import tool_ids
from grip.providers.openai.dialects import Dialect

WIRE: Final = "OpenAI chat"
"""What errors call this wire."""

_BETWEEN: Final = "\n\n"
_LOW_TOKENS: Final = 1024
_MEDIUM_TOKENS: Final = 8192
"""Up to so many tokens of thinking an effort is low, and medium, as Google's own translation of
OpenAI's efforts has it (Gemini API, "OpenAI compatibility")."""


def body(conversation: Conversation, *, model: str, stream: bool, dialect: Dialect) -> bytes:
    """Return the body of a request of chat; raises Untranslatable, naming the member."""
    _check(conversation)
    request: dict[str, Any] = {"model": model, "messages": _messages(conversation, dialect)}
    sampling = {
        dialect.limit: conversation.max_tokens,
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "stop": list(conversation.stop) or None,
        "seed": conversation.seed,
        "frequency_penalty": conversation.frequency_penalty,
        "presence_penalty": conversation.presence_penalty,
        "user": conversation.user,
    }
    request |= {name: value for name, value in sampling.items() if value is not None}
    request |= _tools(conversation)
    if conversation.format is not None:
        request["response_format"] = _format(conversation.format)
    if conversation.thinking is not None:
        request |= _thinking(conversation.thinking, dialect)
    if stream:
        request["stream"] = True
    if stream and dialect.is_asked:
        request["stream_options"] = {"include_usage": True}
    return msgspec.json.encode(request)


def _check(conversation: Conversation) -> None:
    if conversation.top_k is not None:
        raise untranslatable("top_k", WIRE)
    if conversation.choices != 1:
        raise untranslatable("n", WIRE, "a translated answer has one choice")
    if conversation.turns and conversation.turns[-1].role == "assistant":
        raise untranslatable("messages", WIRE, "it cannot go on with a begun answer")


def _messages(conversation: Conversation, dialect: Dialect) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if conversation.system:
        messages.append({"role": "system", "content": _joined(conversation.system)})
    loop = _loop(conversation.turns)
    for at, turn in enumerate(conversation.turns):
        if turn.role == "assistant":
            messages.append(_assistant(turn.parts, dialect, runs=at > loop))
        else:
            messages += _user(turn.parts, dialect)
    return messages


def _loop(turns: Sequence[Turn]) -> int:
    """Return where the user last said something: what comes after is one loop over tools."""
    said = [
        at
        for at, turn in enumerate(turns)
        if turn.role == "user" and not all(isinstance(part, ToolResult) for part in turn.parts)
    ]
    return said[-1] if said else -1


def _assistant(parts: Sequence[Part], dialect: Dialect, *, runs: bool) -> dict[str, Any]:
    """Return the message of an assistant; `runs` where it belongs to the loop that goes on."""
    texts: list[Text] = []
    calls: list[dict[str, Any]] = []
    thoughts: list[str] = []
    for part in parts:
        if isinstance(part, Text):
            texts.append(part)
        elif isinstance(part, ToolCall):
            calls.append(_call(part, dialect, runs=runs))
        elif isinstance(part, Thought):
            thoughts += _thought(part, dialect, runs=runs)
        else:
            raise untranslatable("messages.content", WIRE, "an assistant's turn has words only")
    message: dict[str, Any] = {"role": "assistant", "content": _joined(texts)}
    if calls:
        message |= {"content": message["content"] or None, "tool_calls": calls}
    if thoughts and dialect.thoughts is not None:
        message[dialect.thoughts] = _BETWEEN.join(thoughts)
    return message


def _thought(thought: Thought, dialect: Dialect, *, runs: bool) -> list[str]:
    """Return the words of a thought that the vendor wants to see again.

    Chat itself has no place for thoughts. Those of answered turns may be left out: Anthropic's
    "Extended thinking" says that its API does so by itself. While a loop over tools goes on, a
    sealed thought must come back to the vendor that sealed it, so there it is refused; one
    without a seal was only ever shown.
    """
    if dialect.thoughts is not None and thought.text:
        return [thought.text]
    if thought.sealed and runs:
        raise untranslatable(
            "messages.content.thinking", WIRE, "another vendor has sealed it, and tools still run"
        )
    return []


def _call(call: ToolCall, dialect: Dialect, *, runs: bool) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    call_id = tool_ids.fitted(call.id, dialect.ids)
    found: dict[str, Any] = {"id": call_id, "type": "function", "function": function}
    if call.sealed and dialect.seals:
        found["extra_content"] = {"google": {"thought_signature": call.sealed}}
    elif call.sealed and runs:
        raise untranslatable(
            "messages.tool_calls.extra_content", WIRE, "another vendor has sealed the call"
        )
    return found


def _user(parts: Sequence[Part], dialect: Dialect) -> list[dict[str, Any]]:
    results = [_result(part, dialect) for part in parts if isinstance(part, ToolResult)]
    said = [part for part in parts if not isinstance(part, ToolResult)]
    if said or not results:
        results.append({"role": "user", "content": _content(said)})
    return results


def _result(result: ToolResult, dialect: Dialect) -> dict[str, Any]:
    texts = [part for part in result.content if isinstance(part, Text)]
    if len(texts) < len(result.content):
        raise untranslatable(
            "messages.content.tool_result.content", WIRE, "a tool's result is text there"
        )
    content = _joined(texts)
    if result.is_error:
        content = f"Error: {content}" if content else "Error"
    call_id = tool_ids.fitted(result.id, dialect.ids)
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def _content(parts: Sequence[Part]) -> str | list[dict[str, Any]]:
    texts = [part for part in parts if isinstance(part, Text)]
    if len(texts) == len(parts):
        return _joined(texts)
    return [_part(part) for part in parts]


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image():
            url = part.url if part.data is None else _data_url(part.media_type, part.data)
            return {"type": "image_url", "image_url": {"url": url}}
        case Document():
            return {"type": "file", "file": _file(part)}
        case Audio():
            return {
                "type": "input_audio",
                "input_audio": {"data": part.data, "format": part.format},
            }
        case _:
            raise untranslatable("messages.content", WIRE, "it is no part of a user's turn")


def _file(document: Document) -> dict[str, Any]:
    if document.data is None:
        raise untranslatable(
            "messages.content.document", WIRE, "a file's content must be in the request"
        )
    kind = document.media_type or "application/pdf"
    name = document.name or ("document.pdf" if kind == "application/pdf" else "document")
    return {"filename": name, "file_data": _data_url(kind, document.data)}


def _data_url(media_type: str | None, data: str) -> str:
    return f"data:{media_type or 'application/octet-stream'};base64,{data}"


def _joined(texts: Sequence[Text]) -> str:
    return _BETWEEN.join(text.text for text in texts)


def _tools(conversation: Conversation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if conversation.tools:
        found["tools"] = [_tool(tool) for tool in conversation.tools]
    choice = conversation.tool_choice
    if conversation.forced_tool is not None:
        function = {"name": conversation.forced_tool}
        found["tool_choice"] = {"type": "function", "function": function}
    elif choice is not None:
        found["tool_choice"] = "required" if choice == "any" else choice
    if conversation.parallel_tools is not None:
        found["parallel_tool_calls"] = conversation.parallel_tools
    return found


def _tool(tool: Tool) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.schema,
        "strict": tool.strict,
    }
    known = {name: value for name, value in function.items() if value is not None}
    return {"type": "function", "function": known}


def _format(wanted: Format) -> dict[str, Any]:
    if wanted.schema is None:
        return {"type": "json_object"}
    schema = {"name": wanted.name or "answer", "schema": wanted.schema, "strict": wanted.strict}
    known = {name: value for name, value in schema.items() if value is not None}
    return {"type": "json_schema", "json_schema": known}


def _thinking(thinking: Thinking, dialect: Dialect) -> dict[str, Any]:
    if thinking.off:
        name, value = dialect.off
        return {name: value}
    if thinking.effort is not None:
        return {"reasoning_effort": thinking.effort}
    if thinking.budget_tokens is None:
        return {}
    return {"reasoning_effort": _effort(thinking.budget_tokens)}


def _effort(budget_tokens: int) -> str:
    if budget_tokens <= _LOW_TOKENS:
        return "low"
    return "medium" if budget_tokens <= _MEDIUM_TOKENS else "high"
