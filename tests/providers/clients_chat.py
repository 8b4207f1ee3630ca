"""Requests for chat, read."""

import json
from typing import Any

from grip.providers.clients import ChatWire
from grip.providers.conversation import Conversation, Tool
from grip.providers.json_object import JsonObject

HELLO = {"role": "user", "content": "Hello!"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {"type": "object", "properties": {"location": {"type": "string"}}},
        "strict": True,
    },
}
PNG = "iVBORw0KGgo="


def read(*messages: Any, **members: Any) -> Conversation:
    """Return what is read of a request with these messages, else a greeting."""
    body = {"model": "m", "messages": list(messages) or [HELLO], **members}
    return ChatWire().read(JsonObject(json.dumps(body).encode()), "Gemini")


def user(*parts: Any) -> tuple[Any, ...]:
    """Return what is read of the parts of one message."""
    (turn,) = read({"role": "user", "content": list(parts)}).turns
    return turn.parts


def schema(tool: Tool) -> Any:
    """Return the schema of a tool."""
    assert tool.schema is not None
    return json.loads(bytes(tool.schema))
