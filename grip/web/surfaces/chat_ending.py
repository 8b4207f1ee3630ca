"""How streams of chat and of completions end on OpenAI's wire, where grip has a word in it."""

import contextlib
from typing import Any, ClassVar

import msgspec

from grip import errors
from grip.gateway.call import Call, Told
from grip.money.pricing import Usage
from grip.providers.json_object import JsonObject


class ChatEnding:
    """The last events of `/v1/chat/completions`."""

    end = b"data: [DONE]\n\n"
    content_type = "text/event-stream; charset=utf-8"
    kind: ClassVar[str] = "chat.completion.chunk"

    def usage(self, call: Call, of: Told, usage: Usage, cost_nano: int) -> bytes:
        """Return the upstream's usage chunk with the cost in it, or one of our own."""
        if of.usage_payload is not None:
            # One that cannot be edited, as with a member that stands twice, gives way to ours.
            with contextlib.suppress(errors.InvalidRequest):
                return _priced(of.usage_payload, of.usage_event, cost_nano)
        counted = {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.tokens,
            "cost_nano": cost_nano,
        }
        return self._chunk(call, of, choices=[], usage=counted)

    def length(self, call: Call, of: Told) -> bytes:
        """Return the chunk that ends every choice at its length."""
        return self._chunk(call, of, choices=self._ended(call))

    def _ended(self, call: Call) -> list[dict[str, Any]]:
        return [
            {"index": index, "delta": {}, "logprobs": None, "finish_reason": "length"}
            for index in range(call.choices)
        ]

    def _chunk(self, call: Call, of: Told, **members: Any) -> bytes:
        made = {
            "id": of.stream_id,
            "object": self.kind,
            "created": of.created_s,
            "model": call.model,
            **members,
        }
        return b"data: " + msgspec.json.encode(made) + b"\n\n"


class CompletionsEnding(ChatEnding):
    """The last events of `/v1/completions`; of all that is generated the client sees `shown`."""

    kind: ClassVar[str] = "text_completion"

    def __init__(self, shown: int) -> None:
        self._shown = shown

    def _ended(self, call: Call) -> list[dict[str, Any]]:  # noqa: ARG002 - as chat has it
        return [
            {"index": index, "text": "", "logprobs": None, "finish_reason": "length"}
            for index in range(self._shown)
        ]


def _priced(payload: bytes, event: bytes, cost_nano: int) -> bytes:
    """Return the event of a usage chunk with its cost in it; raises InvalidRequest.

    Only a chunk on several lines, which are joined in `payload`, gets an event of ours.
    """
    chunk = JsonObject(payload)
    usage = JsonObject(chunk.text_of("usage")).replace({"cost_nano": cost_nano})
    text = chunk.replace({"usage": msgspec.Raw(usage)})
    if payload in event:
        return event.replace(payload, text, 1)
    return b"data: " + text.replace(b"\n", b"\ndata: ") + b"\n\n"
