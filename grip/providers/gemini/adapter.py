"""Gemini's wire: how a call of a client's is put to it, and what its answer means."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from grip.errors import InvalidRequest
from grip.providers.gemini import counting, embeddings, reading, refusals, request, wire
from grip.providers.gemini.names import VENDOR, Names
from grip.providers.gemini.stream import GeminiStream
from grip.providers.port import Answer, Target, UpstreamCall, UpstreamRequest
from grip.providers.wires import ClientWire

_EMBEDDINGS: Final = "/embeddings"
_MESSAGES: Final = "/messages"
_COUNT_TOKENS: Final = "/messages/count_tokens"
_COLLECTIONS: Final = ("models/", "tunedModels/")


class GeminiAdapter:
    """An upstream that speaks Gemini's API, for the clients of other wires."""

    def __init__(self, clients: Mapping[str, ClientWire]) -> None:
        """Know the wires of clients by the routes behind `/v1` that they call."""
        self._clients = dict(clients)
        if _MESSAGES in clients:
            self._clients[_COUNT_TOKENS] = clients[_MESSAGES]
        self.paths: frozenset[str] = frozenset(self._clients) | {_EMBEDDINGS}

    def request(self, call: UpstreamCall, target: Target) -> UpstreamRequest:
        """Return the request; raises InvalidRequest, naming what cannot be carried."""
        resource = _resource(call.model)
        if call.path == _EMBEDDINGS:
            body, method = embeddings.request(call, resource), "batchEmbedContents"
        else:
            conversation = self._client(call).read(call.body, VENDOR)
            body = request.body(conversation, call.model, Names(call.path))
            method = "streamGenerateContent?alt=sse" if call.stream else "generateContent"
            if call.path == _COUNT_TOKENS:
                body, method = counting.request(body, resource), "countTokens"
        accept = "text/event-stream" if call.stream else "application/json"
        headers = [("content-type", "application/json"), ("accept", accept)]
        if target.secret is not None:
            headers.append(("x-goog-api-key", target.secret))
        url = f"{target.base_url}/{quote(resource, safe='/@')}:{method}"
        return UpstreamRequest(method="POST", url=url, headers=tuple(headers), body=body)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
        """Return RequestRefused for what is wrong with the request, else the channel's fault."""
        return refusals.refusal(status, headers, body)

    def answer(
        self,
        call: UpstreamCall,
        body: bytes,
        content_type: str = "",  # noqa: ARG002 - the port's signature
    ) -> Answer:
        """Read a success; raises ChannelFault where it is none, RequestRefused where it is blocked.

        Gemini answers a prompt that its policy forbids with a success, and no candidates in it.
        """
        if call.path == _EMBEDDINGS:
            return embeddings.answer(call, body)
        if call.path == _COUNT_TOKENS:
            return counting.answer(body)
        completion = reading.completion(wire.decode(body))
        return Answer(
            body=self._client(call).completion(completion, call),
            report=completion.report,
            text=reading.said(completion.parts),
            upstream_id=completion.id,
        )

    def stream(self, call: UpstreamCall) -> GeminiStream:
        """Return a reader of a stream, which may raise RequestRefused on the first event."""
        return GeminiStream(self._client(call).stream(call))

    def _client(self, call: UpstreamCall) -> ClientWire:
        client = self._clients.get(call.path)
        if client is None:
            raise InvalidRequest(f"a channel of kind gemini does not serve {call.path}")
        return client


def _resource(model: str) -> str:
    """Return the name of a model as a path; one that names its collection is it already."""
    return model if model.startswith(_COLLECTIONS) else f"models/{model}"
