"""What an upstream that speaks Anthropic's wire does with a request, and clients of that wire."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import anthropic

from tests.e2e.house import Customer, Good, House
from tests.e2e.scripts import WORDS, streams, whole
from tests.e2e.upstream import Exchange, Script

ANTHROPIC = {"kind": "anthropic"}
USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 5,
}
SAID = "".join(WORDS)


def error(kind: str, message: str = "the operator's trouble") -> bytes:
    """Return an error as Anthropic sends it."""
    told = {"type": kind, "message": message}
    return json.dumps({"type": "error", "error": told, "request_id": "req_upstream"}).encode()


def message(
    *blocks: Mapping[str, Any], usage: Mapping[str, Any] = USAGE, stop: str = "end_turn"
) -> bytes:
    """Return the body of a whole message."""
    return json.dumps(
        _message(list(blocks) or [{"type": "text", "text": SAID}], stop, usage)
    ).encode()


def _message(content: list[Any], stop: str | None, usage: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": "claude-fake",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": dict(usage),
    }


def event(name: str, **members: Any) -> bytes:
    """Return an event of a stream."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **members})}\n\n".encode()


def start(usage: Mapping[str, Any] = USAGE) -> bytes:
    """Return the beginning of a stream, which counts the input."""
    return event("message_start", message=_message([], None, {**usage, "output_tokens": 1}))


def opens(index: int = 0, **block: Any) -> bytes:
    """Return the beginning of a block; one of text unless told."""
    return event(
        "content_block_start", index=index, content_block=block or {"type": "text", "text": ""}
    )


def delta(index: int = 0, **members: Any) -> bytes:
    """Return more of a block."""
    return event("content_block_delta", index=index, delta=members)


def says(text: str) -> bytes:
    """Return more text."""
    return delta(type="text_delta", text=text)


def closes(index: int = 0) -> bytes:
    """Return the end of a block."""
    return event("content_block_stop", index=index)


def stops(reason: str = "end_turn", usage: Mapping[str, Any] = USAGE) -> bytes:
    """Return why a message ends, and what it took."""
    last = {"stop_reason": reason, "stop_sequence": None}
    return event("message_delta", delta=last, usage=dict(usage))


END = event("message_stop")
BEGUN = [start(), opens(), event("ping"), *map(says, WORDS)]
STREAM = [*BEGUN, closes(), stops(), END]


def polite(exchange: Exchange) -> None:
    """Do what Anthropic would."""
    if exchange.request.path.endswith("/messages/count_tokens"):
        whole(b'{"input_tokens": 17}')(exchange)
    elif exchange.request.json.get("stream"):
        streams(STREAM)(exchange)
    else:
        whole(message())(exchange)


def sell(house: House, *scripts: Script, **more: Any) -> Good:
    """Offer a model, the first channel of which speaks Anthropic's wire."""
    return house.sell(*scripts, channel=ANTHROPIC, **more)


@contextlib.contextmanager
def client(house: House, customer: Customer) -> Iterator[anthropic.Anthropic]:
    """Give Anthropic's own client with the customer's key."""
    with anthropic.Anthropic(
        api_key=customer.secret, base_url=house.gateway.url, max_retries=0, timeout=60
    ) as made:
        yield made
