"""The metered routes with the least that each of them takes, and the shapes of their errors."""

from dataclasses import dataclass
from typing import Any

from tests.fuzz.inside import Heard

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]

KNOWN = {400: "invalid_request_error", 402: "insufficient_credits", 413: "request_too_large"}
"""The refusals that a body may lead to, and their codes."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One route over one kind of channel, with the body of a polite client."""

    path: str
    model: str
    members: dict[str, Any]
    streams: bool = False

    @property
    def name(self) -> str:
        return f"{self.path.removeprefix('/v1/')} over {self.model.partition('-')[2]}"

    @property
    def body(self) -> dict[str, Any]:
        return {"model": self.model, **self.members}

    @property
    def is_anthropics(self) -> bool:
        return self.path.startswith("/v1/messages")

    def code(self, heard: Heard) -> str:
        """Return the code of an error, which must have the shape that the client reads."""
        told = heard.json
        assert heard.headers["content-type"] == "application/json"
        assert ("type" in told) == self.is_anthropics
        assert isinstance(told["error"]["message"], str)
        return str(told["error"]["code"])

    def judge(self, heard: Heard) -> None:
        """Whatever was sent: an answer, or an error with a name."""
        assert heard.headers["x-grip-request-id"].startswith("req_")
        if heard.status == 200:
            assert not heard.body.startswith((b'{"error"', b'{"type":"error"'))
            assert b"event: error" not in heard.body
        else:
            assert heard.status in KNOWN, heard
            assert self.code(heard) == KNOWN[heard.status]


_CHAT = {"messages": HELLO}
_MESSAGES = {"messages": HELLO, "max_tokens": 50}
_VENDORS = ("openai", "anthropic", "gemini")

TARGETS = [
    *(
        Target(path="/v1/chat/completions", model=f"chat-{kind}", members=_CHAT, streams=True)
        for kind in _VENDORS
    ),
    *(
        Target(path="/v1/messages", model=f"chat-{kind}", members=_MESSAGES, streams=True)
        for kind in _VENDORS
    ),
    *(
        Target(path="/v1/messages/count_tokens", model=f"chat-{kind}", members=_CHAT)
        for kind in _VENDORS
    ),
    Target(path="/v1/completions", model="chat-openai", members={"prompt": "Hello"}, streams=True),
    Target(path="/v1/responses", model="chat-openai", members={"input": "Hello"}, streams=True),
    Target(path="/v1/embeddings", model="embedding-openai", members={"input": "Hello"}),
    Target(path="/v1/moderations", model="moderation-openai", members={"input": "Hello"}),
    Target(
        path="/v1/rerank", model="rerank-openai", members={"query": "a", "documents": ["b", "c"]}
    ),
    Target(
        path="/v1/images/generations",
        model="image-openai",
        members={"prompt": "a cat"},
        streams=True,
    ),
    Target(
        path="/v1/images/edits",
        model="image-openai",
        members={"prompt": "a cat", "image": "data:image/png;base64,iVBORw0KGgoA"},
        streams=True,
    ),
    Target(path="/v1/audio/speech", model="audio-openai", members={"input": "Hello"}),
]


def name_of(target: Target) -> str:
    """Return what tests call it."""
    return target.name
