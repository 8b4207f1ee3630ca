"""How a stream of the Responses API ends where the money does.

Everywhere else its last event is the upstream's own, with the usage in it. What had been generated
until then stands in the events before, and is not said again.
"""

import contextlib
from typing import Any

import msgspec

from grip import errors
from grip.gateway.call import Call, Told
from grip.money.pricing import Usage
from grip.providers.json_object import JsonObject

_NAME = "response.incomplete"


class ResponsesEnding:
    """The last event of `/v1/responses`."""

    end = b""
    content_type = "text/event-stream; charset=utf-8"

    def usage(self, call: Call, of: Told, usage: Usage, cost_nano: int) -> bytes:  # noqa: ARG002
        """Return nothing: the usage stands in the last event."""
        return b""

    def length(self, call: Call, of: Told) -> bytes:
        """Return the event that ends the response at its length, as its first event showed it."""
        made = {
            "type": _NAME,
            "response": msgspec.Raw(_ended(call, of)),
            "sequence_number": of.events,
        }
        return b"event: %b\ndata: %b\n\n" % (_NAME.encode(), msgspec.json.encode(made))


def _ended(call: Call, of: Told) -> bytes:
    """Return the response as the upstream began it, or one of our own where that cannot be read."""
    changes = {
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "usage": _usage(of),
    }
    with contextlib.suppress(errors.InvalidRequest):
        response = JsonObject(JsonObject(of.head).text_of("response"))
        if "id" in response:
            # An event is one line.
            return msgspec.json.format(response.replace(changes), indent=-1)
    return msgspec.json.encode(_begun(call, of) | changes)


def _begun(call: Call, of: Told) -> dict[str, Any]:
    return {
        "id": of.stream_id,
        "object": "response",
        "created_at": of.created_s,
        "error": None,
        "instructions": None,
        "metadata": {},
        "model": call.model,
        "output": [],
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
    }


def _usage(of: Told) -> dict[str, Any]:
    return {
        "input_tokens": of.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": of.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": of.input_tokens + of.output_tokens,
    }
