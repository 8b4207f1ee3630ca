"""The official clients on their way through grip, with every byte that passes remembered."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx2
import openai

from tests.compat.rows import Row, Surface
from tests.e2e.house import HELLO, Customer, House

USUAL: Mapping[str, Mapping[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "Say hello"}]},
    "messages": {"messages": [{"role": "user", "content": "Say hello"}], "max_tokens": 100},
    "count_tokens": {"messages": HELLO},
    "responses": {"input": "Say hello"},
    "completions": {"prompt": "Say hello"},
}
"""What a request of each way has beside a model, unless a row says otherwise."""


class _Teed(httpx2.SyncByteStream):
    """A body that is remembered as it is read."""

    def __init__(self, body: httpx2.SyncByteStream, kept: bytearray) -> None:
        self._body = body
        self._kept = kept

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._body:
            self._kept.extend(piece)
            yield piece

    def close(self) -> None:
        self._body.close()


class _Recorder(httpx2.BaseTransport):
    """Passes on, and keeps the bodies of the last exchange."""

    def __init__(self) -> None:
        self._next = httpx2.HTTPTransport()
        self.sent = b""
        self.received = bytearray()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.sent = request.read()
        self.received = bytearray()
        response = self._next.handle_request(request)
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _Teed(response.stream, self.received)
        return response

    def close(self) -> None:
        self._next.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a call ended for its client: an answer or an error, and the bytes of both ways."""

    answer: Any = None
    error: Any = None
    status: int = 200
    sent: bytes
    received: bytes


class Callers:
    """Both official clients of one customer."""

    def __init__(self, house: House, customer: Customer) -> None:
        self.customer = customer
        self._recorder = _Recorder()
        self._http = httpx2.Client(transport=self._recorder, base_url=house.gateway.url)
        key, url = customer.secret, house.gateway.url
        self.openai = openai.OpenAI(
            api_key=key, base_url=f"{url}/v1", max_retries=0, http_client=self._http
        )
        self.anthropic = anthropic.Anthropic(
            api_key=key, base_url=url, max_retries=0, http_client=self._http
        )

    def close(self) -> None:
        self._http.close()

    def call(self, surface: Surface, row: Row, model: str) -> Told:
        """Ask for what a row has, as the clients of its surface do."""
        asked = {"model": model, **USUAL.get(surface.way, {}), **row.asks}
        answer = error = None
        status = 200
        try:
            answer = getattr(self, f"_{surface.way}")(asked, stream=row.streams)
        except (openai.APIStatusError, anthropic.APIStatusError) as raised:
            status, error = raised.status_code, raised.response.json()["error"]
        return Told(
            answer=answer,
            error=error,
            status=status,
            sent=self._recorder.sent,
            received=bytes(self._recorder.received),
        )

    def _chat(self, asked: dict[str, Any], *, stream: bool) -> Any:
        create: Callable[..., Any] = self.openai.chat.completions.create
        if not stream:
            return _dumped(create(**_split(asked, _CHAT)))
        chunks = create(**_split(asked, _CHAT), stream=True)
        return _joined([_dumped(chunk) for chunk in chunks])

    def _messages(self, asked: dict[str, Any], *, stream: bool) -> Any:
        if not stream:
            create: Callable[..., Any] = self.anthropic.messages.create
            return _dumped(create(**_split(asked, _MESSAGES)))
        with self.anthropic.messages.stream(**_split(asked, _MESSAGES)) as events:
            return _dumped(events.get_final_message())

    def _count_tokens(self, asked: dict[str, Any], *, stream: bool) -> Any:
        return _dumped(self.anthropic.messages.count_tokens(**asked))

    def _responses(self, asked: dict[str, Any], *, stream: bool) -> Any:
        create: Callable[..., Any] = self.openai.responses.create
        if not stream:
            return _dumped(create(**asked))
        *_, last = create(**asked, stream=True)
        assert last.type == "response.completed"
        return _dumped(last.response)

    def _completions(self, asked: dict[str, Any], *, stream: bool) -> Any:
        create: Callable[..., Any] = self.openai.completions.create
        if not stream:
            return _dumped(create(**asked))
        texts = [c.text for chunk in create(**asked, stream=True) for c in chunk.choices]
        return {"choices": [{"text": "".join(texts)}]}

    def _embeddings(self, asked: dict[str, Any], *, stream: bool) -> Any:
        create: Callable[..., Any] = self.openai.embeddings.create
        return _dumped(create(**_split(asked, _EMBEDDINGS)))

    def _moderations(self, asked: dict[str, Any], *, stream: bool) -> Any:
        return _dumped(self.openai.moderations.create(**asked))

    def _rerank(self, asked: dict[str, Any], *, stream: bool) -> Any:
        return self.openai.post("/rerank", body=asked, cast_to=object)


_CHAT = _EMBEDDINGS = frozenset({"x_unknown"})
_MESSAGES = frozenset(
    {"x_unknown", "context_management", "mcp_servers", "temperature", "thread", "top_p", "top_k"}
)
"""Members that the clients have no argument for, or none any more."""


def _split(asked: dict[str, Any], unknown: frozenset[str]) -> dict[str, Any]:
    """Return the arguments of a client's method, with what it does not know as its extra body."""
    known = {name: value for name, value in asked.items() if name not in unknown}
    extra = {name: value for name, value in asked.items() if name in unknown}
    return {**known, "extra_body": extra} if extra else known


def _dumped(answer: Any) -> Any:
    return answer.model_dump(mode="json", warnings=False)


def _joined(chunks: list[Any]) -> Any:
    """Put a stream of chat together as its clients do."""
    message: dict[str, Any] = {"content": "", "reasoning_content": "", "tool_calls": []}
    whole: dict[str, Any] = {"choices": [{"message": message, "finish_reason": None}]}
    for chunk in chunks:
        whole["usage"] = chunk.get("usage") or whole.get("usage")
        for choice in chunk["choices"]:
            delta = choice["delta"]
            message["content"] += delta.get("content") or ""
            message["reasoning_content"] += delta.get("reasoning_content") or ""
            for piece in delta.get("tool_calls") or ():
                _add(message["tool_calls"], piece)
            whole["choices"][0]["finish_reason"] = choice["finish_reason"]
    return whole


def _add(calls: list[Any], piece: Any) -> None:
    if piece["index"] == len(calls):
        calls.append({"id": piece["id"], "function": {"name": "", "arguments": ""}})
    function = calls[piece["index"]]["function"]
    for name in ("name", "arguments"):
        function[name] += piece["function"].get(name) or ""
