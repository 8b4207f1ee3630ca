"""Each wire of clients over each wire of upstreams, with what both of them look like."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grip.services import channels
from tests.e2e.house import HELLO, Good, House
from tests.e2e.scripts import part, streams, whole
from tests.e2e.upstream import Exchange, Script
from tests.fuzz import polite as bodies

QUICK = {"first_byte_timeout_ms": 200, "chunk_timeout_ms": 200}

Events = list[bytes]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One wire of clients, served over one wire of upstreams.

    `base` is what stands behind the door in a channel's address; `body` is the request but for its
    model; `answer` and `events` are an upstream's, and `errors` what tells an error within a
    stream, in the vendor's own shapes.
    """

    name: str
    kind: str
    base: str
    path: str
    body: dict[str, Any]
    answer: bytes
    events: Events
    errors: Events

    def polite(self, exchange: Exchange) -> None:
        """Answer as the vendor would."""
        wants_events = exchange.request.headers.get("accept") == "text/event-stream"
        is_stream = wants_events or "streamGenerateContent" in exchange.request.path
        (streams(self.events) if is_stream else whole(self.answer))(exchange)

    def sell(self, house: House, *scripts: Script, **channel: Any) -> Good:
        """Offer a model through channels of this kind; `channel` is what is special of the first.

        Behind those of the scripts there is always one that is polite.
        """
        good = house.sell(*scripts, self.polite, channel=channel or None)
        for index, door in enumerate(good.doors):
            address = door.url.removesuffix("/v1") + self.base
            change = {"kind": self.kind, "base_url": address}
            house.do(channels.change, f"{good.name}-{index}", change, actor="test")
        return good

    def request(self, good: Good, *, stream: bool) -> dict[str, Any]:
        """Return the body of a request."""
        return {"model": good.name, **self.body, **({"stream": True} if stream else {})}

    def code(self, told: Any) -> str:
        """Return the code of an error, which must have this wire's shape."""
        assert ("type" in told) == (self.path == "/v1/messages")
        assert isinstance(told["error"]["message"], str)
        return str(told["error"]["code"])


def _events(stream: bytes) -> Events:
    return [event + b"\n\n" for event in stream.split(b"\n\n")[:-1]]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


_TROUBLE = "the operator's trouble"
_CHAT: dict[str, Any] = {"path": "/v1/chat/completions", "body": {"messages": HELLO}}
_MESSAGES: dict[str, Any] = {"path": "/v1/messages", "body": {"messages": HELLO, "max_tokens": 50}}
_RESPONSES: dict[str, Any] = {"path": "/v1/responses", "body": {"input": "Hello"}}

_OPENAI: dict[str, Any] = {
    "answer": _json(bodies.WHOLE["/chat/completions"]),
    "events": _events(bodies.CHAT_STREAM),
    "errors": [
        bodies.data({"error": {"message": _TROUBLE, "type": "server_error", "code": None}}),
        bodies.data({"id": "c", "choices": [], "error": {"code": 502, "message": _TROUBLE}}),
        b'event: error\ndata: {"message":"the operator\'s trouble"}\n\n',
    ],
}
_ANTHROPIC: dict[str, Any] = {
    "kind": "anthropic",
    "base": "/v1",
    "answer": _json(bodies.MESSAGE),
    "events": _events(bodies.MESSAGES_STREAM),
    "errors": [
        bodies.named({"type": "error", "error": {"type": "overloaded_error", "message": _TROUBLE}}),
        b'event: error\ndata: {"message":"the operator\'s trouble"}\n\n',
    ],
}
_GEMINI: dict[str, Any] = {
    "kind": "gemini",
    "base": "/v1beta",
    "answer": _json(bodies.CANDIDATE),
    "events": [
        bodies.data({"candidates": [{"content": {"role": "model", "parts": [{"text": "Hel"}]}}]}),
        bodies.GEMINI_STREAM,
    ],
    "errors": [
        bodies.data({"error": {"code": 503, "message": _TROUBLE, "status": "UNAVAILABLE"}}),
        _json([{"error": {"code": 500, "message": _TROUBLE, "status": "INTERNAL"}}]) + b"\n\n",
    ],
}
PAIRS = [
    Pair(name="chat over openai", kind="openai", base="/v1", **_CHAT, **_OPENAI),
    Pair(name="chat over azure", kind="azure", base="/openai/v1", **_CHAT, **_OPENAI),
    Pair(name="chat over anthropic", **_CHAT, **_ANTHROPIC),
    Pair(name="chat over gemini", **_CHAT, **_GEMINI),
    Pair(name="messages over openai", kind="openai", base="/v1", **_MESSAGES, **_OPENAI),
    Pair(name="messages over anthropic", **_MESSAGES, **_ANTHROPIC),
    Pair(name="messages over gemini", **_MESSAGES, **_GEMINI),
    Pair(
        name="responses over openai",
        kind="openai",
        base="/v1",
        **_RESPONSES,
        answer=_json(bodies.RESPONSE),
        events=_events(bodies.RESPONSES_STREAM),
        errors=[
            bodies.named({"type": "error", "code": "server_error", "message": _TROUBLE}),
            bodies.named(
                {
                    "type": "response.failed",
                    "response": {
                        **bodies.RESPONSE,
                        "status": "failed",
                        "error": {"code": "server_error", "message": _TROUBLE},
                    },
                }
            ),
        ],
    ),
]


def name_of(pair: Pair) -> str:
    """Return what tests call it."""
    return pair.name


def chunks(events: Events) -> bytes:
    """Return events as chunks of a transfer."""
    return b"".join(map(part, events))


Made = Callable[[Pair], Script]
"""Makes the script of an upstream of this kind."""
