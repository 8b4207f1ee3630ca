"""How a stream of messages ends on Anthropic's wire, where grip has a word to say in it."""

from typing import Any

import msgspec

from grip.gateway.call import Call, Told
from grip.money.pricing import Usage


class MessagesEnding:
    """The last events of `/v1/messages`."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(self) -> None:
        self.end = _event("message_stop")

    def usage(self, call: Call, of: Told, usage: Usage, cost_nano: int) -> bytes:  # noqa: ARG002
        """Return nothing: the usage stands in events that every stream has."""
        return b""

    def length(self, call: Call, of: Told) -> bytes:  # noqa: ARG002 - the protocol's
        """Return the end of the open block, and of the message at its length."""
        closed = b"" if of.block < 0 else _event("content_block_stop", index=of.block)
        return closed + _event(
            "message_delta",
            delta={"stop_reason": "max_tokens", "stop_sequence": None},
            usage={"output_tokens": of.output_tokens},
        )


def _event(name: str, **members: Any) -> bytes:
    data = msgspec.json.encode({"type": name, **members})
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
