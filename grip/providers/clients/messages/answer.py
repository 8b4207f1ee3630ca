"""Whole answers of messages."""

from typing import Any, Final

import msgspec

from grip.providers.clients import answers
from grip.providers.clients.members import is_object
from grip.providers.clients.messages.history import TOOL_SEAL
from grip.providers.conversation import Completion, StopReason, Text, Thought, ToolCall
from grip.providers.port import ChannelFault, Report, UpstreamCall

ID_PREFIX: Final = "msg_"
STOP: Final[dict[StopReason, str]] = {
    "end": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool": "tool_use",
    "refusal": "refusal",
}
_NOTHING: Final = msgspec.Raw(b"{}")
_DETAIL: Final = 200


def completion(answer: Completion, call: UpstreamCall) -> bytes:
    """Return the body of a whole answer."""
    called = any(isinstance(part, ToolCall) for part in answer.parts)
    stop = answers.reason(answer.stop, called=called)
    content = [block for part in answer.parts for block in _blocks(part, stop)]
    begun = head(answer.id or answers.made_id(ID_PREFIX, call), call, answer.report)
    body = {
        **begun,
        "content": content,
        "stop_reason": STOP[stop],
        "stop_sequence": answer.stop_sequence,
    }
    return msgspec.json.encode(body)


def head(message_id: str, call: UpstreamCall, report: Report) -> dict[str, Any]:
    """Return a message that nothing has been said in yet."""
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": call.named,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage(report),
    }


def usage(report: Report) -> dict[str, int]:
    """Return a `usage` object, in which caches are counted apart; 0 stands for what is unknown."""
    cached, written = report.cached_input_tokens, report.cache_write_tokens
    return {
        "input_tokens": max((report.input_tokens or 0) - cached - written, 0),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": report.output_tokens or 0,
    }


def thought(part: Thought) -> dict[str, str]:
    """Return the block of a thought; an unsealed one has an empty signature."""
    if part.redacted:
        return {"type": "redacted_thinking", "data": part.sealed or ""}
    return {"type": "thinking", "thinking": part.text, "signature": part.sealed or ""}


def _blocks(part: Text | Thought | ToolCall, stop: StopReason) -> list[dict[str, Any]]:
    if isinstance(part, Text):
        return [{"type": "text", "text": part.text}] if part.text else []
    if isinstance(part, Thought):
        return [thought(part)]
    used = {"type": "tool_use", "id": part.id, "name": part.name, "input": _input(part, stop)}
    if part.sealed is None:
        return [used]
    return [thought(Thought(sealed=TOOL_SEAL + part.sealed)), used]


def _input(call: ToolCall, stop: StopReason) -> msgspec.Raw:
    """Return the arguments; what the limit has cut off is none, as where there are none."""
    arguments = call.arguments.strip()
    if is_object(arguments):
        return msgspec.Raw(arguments.encode())
    if not arguments or stop == "length":
        return _NOTHING
    raise ChannelFault("garbage", f"arguments that are no object: {arguments[:_DETAIL]}")
