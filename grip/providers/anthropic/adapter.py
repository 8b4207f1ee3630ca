"""Anthropic's wire: how a call is put into a request, and what an answer means."""

from collections.abc import Mapping
from typing import Final

from grip.errors import InvalidRequest
from grip.providers.anthropic import answers, refusals, requests, wire
from grip.providers.anthropic.stream import AnthropicStream
from grip.providers.anthropic.translated import TranslatedMessages
from grip.providers.port import (
    Answer,
    ChannelFault,
    Report,
    StreamReader,
    Target,
    UpstreamCall,
    UpstreamRequest,
)
from grip.providers.wires import ClientWire

MESSAGES: Final = "/messages"
COUNT_TOKENS: Final = "/messages/count_tokens"
VERSION: Final = "2023-06-01"
"""The version of the API that grip speaks, and asks for where a client names none."""

_NATIVE: Final = frozenset({MESSAGES, COUNT_TOKENS})
_DETAIL: Final = 2000
_FREE: Final = Report(input_tokens=0, output_tokens=0)


class AnthropicAdapter:
    """An upstream that speaks Anthropic's API, for its own clients and for those of other wires."""

    def __init__(self, clients: Mapping[str, ClientWire]) -> None:
        """Know the wires of other clients, by the routes behind `/v1` that they call."""
        self._clients = clients
        self.paths: frozenset[str] = _NATIVE | clients.keys()

    def request(self, call: UpstreamCall, target: Target) -> UpstreamRequest:
        """Return the request; raises InvalidRequest, naming what cannot be carried."""
        if call.path in _NATIVE:
            path, body, given = call.path, _renamed(call), _given(call)
        else:
            conversation = self._client(call).read(call.body, wire.NAME)
            path, body, given = MESSAGES, requests.body(conversation, call), {}
        accept = "text/event-stream" if call.stream else "application/json"
        headers = {
            "content-type": "application/json",
            "accept": accept,
            "anthropic-version": VERSION,
            **given,
        }
        if target.secret is not None:
            headers["x-api-key"] = target.secret
        return UpstreamRequest(
            method="POST", url=target.base_url + path, headers=tuple(headers.items()), body=body
        )

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
        """Return RequestRefused for what is wrong with the request, else the channel's fault."""
        return refusals.refusal(status, headers, body)

    def answer(
        self,
        call: UpstreamCall,
        body: bytes,
        content_type: str = "",  # noqa: ARG002 - the port's signature
    ) -> Answer:
        """Read a success; what is no JSON, or carries an error, is the channel's fault."""
        message = _read(body)
        if call.path == COUNT_TOKENS:
            return _counted(message, body)
        if message.content is None:
            raise ChannelFault("garbage", "no content in the answer")
        if call.path not in _NATIVE:
            body = self._client(call).completion(answers.completion(message), call)
        return Answer(
            body=body,
            report=wire.Counts().updated(message.usage).report,
            text=message.said(),
            upstream_id=message.upstream_id,
        )

    def stream(self, call: UpstreamCall) -> StreamReader:
        """Return a reader of server-sent events."""
        if call.path in _NATIVE:
            return AnthropicStream()
        return TranslatedMessages(self._client(call).stream(call))

    def _client(self, call: UpstreamCall) -> ClientWire:
        client = self._clients.get(call.path)
        if client is None:
            raise InvalidRequest(f"a channel of kind anthropic does not serve {call.path}")
        return client


def _renamed(call: UpstreamCall) -> bytes:
    """Return the client's own body, with the model's name replaced in place."""
    if call.body.get("model", str) == call.model:
        return call.body.raw
    return call.body.replace({"model": call.model})


def _given(call: UpstreamCall) -> dict[str, str]:
    """Return the client's own headers that go along; betas may come in several."""
    found: dict[str, str] = {}
    for name, value in call.headers:
        match name.lower():
            case "anthropic-beta" as known if known in found:
                found[known] += f",{value}"
            case "anthropic-beta" | "anthropic-version" as known:
                found[known] = value
            case _:
                pass
    return found


def _read(body: bytes) -> wire.Message:
    try:
        message = wire.decode_message(body)
    except wire.UNREADABLE as error:
        raise ChannelFault("garbage", str(error)) from None
    if message.error is not None:
        raise ChannelFault("error_in_answer", body[:_DETAIL].decode(errors="replace"))
    return message


def _counted(message: wire.Message, body: bytes) -> Answer:
    if not isinstance(message.input_tokens, int):
        raise ChannelFault("garbage", "no count of tokens in the answer")
    return Answer(body=body, report=_FREE, text="", upstream_id=None)
