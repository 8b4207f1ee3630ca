"""A conversation as the body of a request for a message.

What the API has no words for is refused by the name that OpenAI's API has for it. Left out is what
says no more than what happens without it: a temperature, `top_p` or penalty that is the usual one
(newer models refuse even those), the name of a format and that it may be loose (it never is), a
choice among no tools.
"""

from typing import Any, Final

import msgspec

from grip.errors import InvalidRequest
from grip.providers.anthropic.blocks import Json, messages, texts
from grip.providers.anthropic.wire import NAME
from grip.providers.conversation import Conversation, Format, Thinking, Tool, untranslatable
from grip.providers.json_object import JsonObject
from grip.providers.port import UpstreamCall

DEFAULT_MAX_TOKENS: Final = 4096
"""What is asked for at most where nobody says: Anthropic demands a limit, and so much is held."""

EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")

_EMPTY_SCHEMA: Final[Json] = {"type": "object", "properties": {}}


def body(conversation: Conversation, call: UpstreamCall) -> bytes:
    """Return the JSON text; raises Untranslatable, naming the member, or InvalidRequest."""
    _refuse(conversation)
    limit = conversation.max_tokens
    if limit is None:
        limit = call.max_output or DEFAULT_MAX_TOKENS
    user = conversation.user
    whole = {
        "model": call.model,
        "max_tokens": limit,
        "system": texts(conversation.system) or None,
        "messages": messages(conversation.turns),
        "tools": [_tool(tool) for tool in conversation.tools] or None,
        "tool_choice": _tool_choice(conversation),
        "temperature": _unusual(conversation.temperature),
        "top_p": _unusual(conversation.top_p),
        "top_k": conversation.top_k,
        "stop_sequences": conversation.stop or None,
        "thinking": _thinking(conversation.thinking),
        "output_config": _output(conversation.thinking, conversation.format) or None,
        "metadata": {"user_id": user} if user else None,
        "stream": True if call.stream else None,
    }
    given = {name: value for name, value in whole.items() if value is not None}
    return msgspec.json.encode(given)


def _refuse(conversation: Conversation) -> None:
    """Refuse by its name what the API has no words for."""
    unknown = {
        "n": conversation.choices != 1,
        "seed": conversation.seed is not None,
        "frequency_penalty": bool(conversation.frequency_penalty),
        "presence_penalty": bool(conversation.presence_penalty),
    }
    for param, is_asked in unknown.items():
        if is_asked:
            raise untranslatable(param, NAME)
    if conversation.temperature is not None and conversation.temperature > 1:
        raise untranslatable("temperature", NAME, "it goes up to 1")


def _unusual(value: float | None) -> float | None:
    return None if value == 1 else value


def _tool(tool: Tool) -> Json:
    found: Json = {"name": tool.name, "input_schema": _schema(tool)}
    if tool.description:
        found["description"] = tool.description
    if tool.strict:
        found["strict"] = True
    return found


def _schema(tool: Tool) -> Any:
    """Return the schema as it is; one that does not say that it is an object's is told to."""
    if tool.schema is None:
        return _EMPTY_SCHEMA
    try:
        schema = JsonObject(bytes(tool.schema))
    except InvalidRequest as error:
        raise InvalidRequest(f"tools: {tool.name}: {error.message}", param="tools") from None
    if "type" in schema:
        return tool.schema
    return msgspec.Raw(schema.replace({"type": "object"}))


def _tool_choice(conversation: Conversation) -> Json | None:
    choice = conversation.tool_choice
    if conversation.forced_tool is not None:
        found: Json = {"type": "tool", "name": conversation.forced_tool}
    elif choice == "any" or (choice is not None and conversation.tools):
        found = {"type": choice}
    elif conversation.parallel_tools is False and conversation.tools:
        found = {"type": "auto"}
    else:
        return None
    if conversation.parallel_tools is False and choice != "none":
        found["disable_parallel_tool_use"] = True
    return found


def _thinking(wanted: Thinking | None) -> Json | None:
    """Return how to think: an effort lets the model decide how much, a budget bounds it."""
    if wanted is None:
        return None
    if wanted.off or wanted.effort == "none":
        return {"type": "disabled"}
    if wanted.budget_tokens is not None:
        return {"type": "enabled", "budget_tokens": wanted.budget_tokens}
    return {"type": "adaptive"}


def _output(thinking: Thinking | None, form: Format | None) -> Json:
    found: Json = {}
    effort = None if thinking is None or thinking.off else thinking.effort
    if effort is not None and effort != "none":
        if effort not in EFFORTS:
            raise untranslatable("reasoning_effort", NAME, f"it takes {', '.join(EFFORTS)}")
        found["effort"] = effort
    if form is not None:
        if form.schema is None:
            raise untranslatable("response_format", NAME, "it takes JSON only of a json_schema")
        found["format"] = {"type": "json_schema", "schema": form.schema}
    return found
