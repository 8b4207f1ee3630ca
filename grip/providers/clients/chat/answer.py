"""Whole answers of chat."""

from typing import Any, Final

import msgspec

from grip.providers.clients import answers
from grip.providers.conversation import Completion, StopReason, Text, Thought, ToolCall
from grip.providers.port import Report, UpstreamCall

ID_PREFIX: Final = "chatcmpl-"
FINISH: Final[dict[StopReason, str]] = {
    "end": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool": "tool_calls",
    "refusal": "content_filter",
}


def completion(answer: Completion, call: UpstreamCall) -> bytes:
    """Return the body of a whole answer."""
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    stop = answers.reason(answer.stop, called=bool(calls))
    body: dict[str, Any] = {
        "id": answer.id or answers.made_id(ID_PREFIX, call),
        "object": "chat.completion",
        "created": call.created_s,
        "model": call.named,
        "choices": [
            {
                "index": 0,
                "message": _message(answer, calls),
                "logprobs": None,
                "finish_reason": FINISH[stop],
            }
        ],
    }
    counted = usage(answer.report)
    if counted is not None:
        body["usage"] = counted
    return msgspec.json.encode(body)


def usage(report: Report) -> dict[str, Any] | None:
    """Return a `usage` object; None where the vendor did not count both ways."""
    if report.input_tokens is None or report.output_tokens is None:
        return None
    details = {"cached_tokens": report.cached_input_tokens}
    if report.cache_write_tokens:
        details["cache_write_tokens"] = report.cache_write_tokens
    return {
        "prompt_tokens": report.input_tokens,
        "completion_tokens": report.output_tokens,
        "total_tokens": report.input_tokens + report.output_tokens,
        "prompt_tokens_details": details,
    }


def detail(thought: Thought, index: int) -> dict[str, Any]:
    """Return a sealed thought in the shape of OpenRouter, the `index`-th of its answer."""
    if thought.redacted:
        return {"type": "reasoning.encrypted", "data": thought.sealed, "index": index}
    return {
        "type": "reasoning.text",
        "text": thought.text,
        "signature": thought.sealed,
        "index": index,
    }


def sealed(seal: str | None) -> dict[str, Any]:
    """Return the members of a tool call that carry the vendor's seal on it."""
    return {} if seal is None else {"extra_content": {"google": {"thought_signature": seal}}}


def _message(answer: Completion, calls: list[ToolCall]) -> dict[str, Any]:
    text = "".join([part.text for part in answer.parts if isinstance(part, Text)])
    thoughts = [part for part in answer.parts if isinstance(part, Thought)]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if calls and not text else text,
        "refusal": None,
    }
    if seen := "".join([thought.text for thought in thoughts]):
        message["reasoning_content"] = seen
    kept = [thought for thought in thoughts if thought.sealed is not None]
    if kept:
        message["reasoning_details"] = [detail(each, at) for at, each in enumerate(kept)]
    if calls:
        message["tool_calls"] = [_call(each) for each in calls]
    return message


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function, **sealed(call.sealed)}
