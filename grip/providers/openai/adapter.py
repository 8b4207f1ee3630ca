"""OpenAI's wire: how a call is put into a request, and what an answer means."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from grip.providers.json_object import JsonObject
from grip.providers.openai import refusals, wire
from grip.providers.openai.stream import OpenAIStream
from grip.providers.port import (
    Answer,
    ChannelFault,
    Report,
    RequestRefused,
    Target,
    UpstreamCall,
    UpstreamRequest,
)

_REQUEST_FAULTS: Final = frozenset({400, 413, 422})
_MESSAGE_CHARACTERS: Final = 2000


class OpenAIAdapter:
    """An upstream that speaks OpenAI's API, at any base URL."""

    def request(self, call: UpstreamCall, target: Target) -> UpstreamRequest:
        """Return the request: the client's own body, with what must differ replaced in place."""
        changes: dict[str, Any] = {}
        if call.body.get("model", str) != call.model:
            changes["model"] = call.model
        if call.ask_usage:
            changes["stream_options"] = _asking(call.body)
        headers = [("content-type", "application/json"), ("accept", _accept(call))]
        if target.secret is not None:
            headers.append(("authorization", f"Bearer {target.secret}"))
        return UpstreamRequest(
            method="POST",
            url=target.base_url + call.path,
            headers=tuple(headers),
            body=call.body.replace(changes) if changes else call.body.raw,
        )

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

    def answer(self, call: UpstreamCall, body: bytes) -> Answer:
        """Read a success; what is no JSON, or carries an error, is the channel's fault."""
        try:
            read = wire.decode(body)
        except wire.UNREADABLE as error:
            raise ChannelFault("garbage", str(error)) from None
        if read.error is not None:
            raise ChannelFault("error_in_answer", str(read.error)[:_MESSAGE_CHARACTERS])
        if not read.is_answer:
            raise ChannelFault("garbage", "neither choices nor data in the answer")
        report = wire.report(read.usage)
        if call.path == "/embeddings" and report.output_tokens is None:
            report = Report(input_tokens=report.input_tokens, output_tokens=0)
        return Answer(body=body, report=report, text=read.text(), upstream_id=read.upstream_id)

    def stream(self, call: UpstreamCall) -> OpenAIStream:  # noqa: ARG002 - the port's signature
        """Return a reader of server-sent events."""
        return OpenAIStream()


def _asking(body: JsonObject) -> msgspec.Raw:
    """Return the client's options of the stream, asking for the usage in it."""
    sent = body.text_of("stream_options")
    options = JsonObject(b"{}" if sent in (b"", b"null") else sent)
    return msgspec.Raw(options.replace({"include_usage": True}))


def _accept(call: UpstreamCall) -> str:
    return "text/event-stream" if call.stream else "application/json"
