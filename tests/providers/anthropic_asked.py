"""What Anthropic is asked for by a conversation."""

import json
from typing import Any

from grip.providers.anthropic import AnthropicAdapter
from grip.providers.conversation import Completion, Conversation, Part, Role, Text, Tool, Turn
from grip.providers.json_object import JsonObject
from grip.providers.port import Target, UpstreamCall
from grip.providers.wires import DeltaWriter

HELLO = Turn(role="user", parts=(Text(text="Hello"),))
LOOK = Tool(name="look")


class Wire:
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


def ask(
    conversation: Conversation, *, stream: bool = False, max_output: int | None = None
) -> dict[str, Any]:
    """Return the body that Anthropic is sent for a conversation."""
    adapter = AnthropicAdapter({"/chat/completions": Wire(conversation)})
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


def content(*parts: Part, role: Role = "user") -> list[dict[str, Any]]:
    """Return the blocks that become of a turn's parts."""
    (message,) = ask(Conversation(turns=(Turn(role=role, parts=parts),)))["messages"]
    assert message["role"] == role
    blocks: list[dict[str, Any]] = message["content"]
    return blocks


def asked_with(**members: Any) -> dict[str, Any]:
    """Return what a request has beside a greeting with these members."""
    found = ask(Conversation(turns=(HELLO,), **members))
    return {name: value for name, value in found.items() if name not in ("messages", "model")}
