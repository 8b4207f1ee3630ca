"""OpenAI's wire: how a call is put into a request, and what an answer means."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final

import msgspec

from grip.providers.json_object import JsonObject
from grip.providers.openai import media_answers, refusals, translated
from grip.providers.openai.answers import READERS
from grip.providers.openai.dialects import Dialect, dialect
from grip.providers.openai.media_answers import SPEECH
from grip.providers.openai.media_stream import ImageStream, MediaStream
from grip.providers.openai.responses import ResponsesStream
from grip.providers.openai.stream import OpenAIStream
from grip.providers.port import (
    Answer,
    ChannelFault,
    RequestRefused,
    StreamReader,
    Target,
    UpstreamCall,
    UpstreamRequest,
)
from grip.providers.wires import ClientWire

Headers = tuple[tuple[str, str], ...]

_TYPE: Final = ("content-type", "application/json")
_WHOLE: Final[Headers] = (_TYPE, ("accept", "application/json"))
_STREAM: Final[Headers] = (_TYPE, ("accept", "text/event-stream"))
_ANYTHING: Final = ("accept", "*/*")
_REQUEST_FAULTS: Final = frozenset({400, 413, 422})
_MESSAGE_CHARACTERS: Final = 2000
_COUNTING: Final = frozenset({"/chat/completions", "/completions"})
"""The routes whose streams tell their usage only where they are asked to."""

_STREAMS: Final[dict[str, Callable[[], StreamReader]]] = {
    "/responses": ResponsesStream,
    "/images/generations": ImageStream,
    "/images/edits": ImageStream,
    "/audio/speech": MediaStream,
    "/audio/transcriptions": MediaStream,
}
"""Who reads the streams of the routes that do not speak as chat does."""


class OpenAIAdapter:
    """An upstream that speaks OpenAI's API, at any base URL.

    `clients` are wires of other vendors' clients by their route: those are served by a translation
    to chat. `paths` are all routes that can be served.
    """

    native: ClassVar[frozenset[str]] = frozenset({*READERS, SPEECH})

    def __init__(self, clients: Mapping[str, ClientWire] = MappingProxyType({})) -> None:
        self._clients = {
            path: client for path, client in clients.items() if path not in self.native
        }
        self.paths: frozenset[str] = self.native | self._clients.keys()

    def request(self, call: UpstreamCall, target: Target) -> UpstreamRequest:
        """Return the request: the client's own body, with what must differ replaced in place.

        A client of another wire has its body translated; raises Untranslatable or InvalidRequest.
        """
        client = self._clients.get(call.path)
        headers = _heads(call) + self._credentials(target)
        path, body, upload = call.path, b"", None
        if client is not None:
            path, body = translated.PATH, translated.request(client, call, self._dialect(target))
        elif call.form is not None:
            upload = call.form.upload({"model": call.model.encode()})
        else:
            body = self._own(call, target)
            headers += call.headers
        url = self._url(path, call.model, target)
        return UpstreamRequest(method="POST", url=url, headers=headers, body=body, upload=upload)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
        """Return RequestRefused for what is wrong with the request, else the channel's fault."""
        if status in _REQUEST_FAULTS:
            error = refusals.error_object(body) or refusals.unexplained(status)
            if not refusals.is_operators(error):
                return RequestRefused(status, error)
        wait = headers.get("retry-after", "")
        return ChannelFault(
            f"status_{status}",
            body[:_MESSAGE_CHARACTERS].decode(errors="replace"),
            retry_after_s=int(wait) if wait.isascii() and wait.isdigit() else None,
        )

    def answer(self, call: UpstreamCall, body: bytes, content_type: str = "") -> Answer:
        """Read a success; what is no answer of its route, or carries an error, is a fault."""
        if call.path == SPEECH:
            return media_answers.speech(body, content_type)
        client = self._clients.get(call.path)
        if client is None:
            return READERS[call.path](body)
        return translated.answer(client, call, body)

    def stream(self, call: UpstreamCall) -> StreamReader:
        """Return a reader of server-sent events."""
        client = self._clients.get(call.path)
        if client is not None:
            return translated.stream(client, call)
        return _STREAMS.get(call.path, OpenAIStream)()

    def _own(self, call: UpstreamCall, target: Target) -> bytes:
        """Return the body of a client that speaks OpenAI's API itself."""
        changes: dict[str, Any] = {}
        if call.body.get("model", str) != call.model:
            changes["model"] = call.model
        if call.stream and call.path in _COUNTING:
            if not self._dialect(target).is_asked:
                changes |= _unasked(call.body)
            elif call.ask_usage:
                changes["stream_options"] = _asking(call.body)
        return call.body.replace(changes) if changes else call.body.raw

    def _url(self, path: str, model: str, target: Target) -> str:  # noqa: ARG002 - Azure's has it
        return target.base_url + path

    def _credentials(self, target: Target) -> Headers:
        return () if target.secret is None else (("authorization", f"Bearer {target.secret}"),)

    def _dialect(self, target: Target) -> Dialect:
        return dialect(target.base_url)


def _heads(call: UpstreamCall) -> Headers:
    """Return the headers that say what is sent, and what may come back."""
    if call.stream:
        heads = _STREAM
    else:
        heads = (_TYPE, _ANYTHING) if call.path.startswith("/audio/") else _WHOLE
    return heads if call.form is None else (("content-type", call.form.content_type), *heads[1:])


def _asking(body: JsonObject) -> msgspec.Raw:
    """Return the client's options of the stream, asking for the usage in it."""
    sent = body.text_of("stream_options")
    options = JsonObject(b"{}" if sent in (b"", b"null") else sent)
    return msgspec.Raw(options.replace({"include_usage": True}))


def _unasked(body: JsonObject) -> dict[str, Any]:
    """Return the client's options of the stream as a change, without asking for the usage."""
    options = body.get("stream_options", dict[str, msgspec.Raw], {})
    if "include_usage" not in options:
        return {}
    return {"stream_options": {name: options[name] for name in options if name != "include_usage"}}
