"""What a client of another wire gets from an upstream that speaks OpenAI's chat."""

from typing import Final

from grip.providers.openai import answers, chat_answers, chat_request
from grip.providers.openai.chat_deltas import ChatDeltas
from grip.providers.openai.dialects import Dialect
from grip.providers.port import Answer, UpstreamCall
from grip.providers.translated import TranslatedStream
from grip.providers.wires import ClientWire

PATH: Final = "/chat/completions"
"""Where every translated request goes."""


def request(client: ClientWire, call: UpstreamCall, dialect: Dialect) -> bytes:
    """Return the body that asks chat for what the client asks for; raises Untranslatable."""
    return chat_request.body(
        client.read(call.body, chat_request.WIRE),
        model=call.model,
        stream=call.stream,
        dialect=dialect,
    )


def answer(client: ClientWire, call: UpstreamCall, body: bytes) -> Answer:
    """Return the client's answer; raises ChannelFault where the upstream's is none."""
    read = answers.decoded(body)
    completion = chat_answers.completion(read)
    return Answer(
        body=client.completion(completion, call),
        report=completion.report,
        text=read.text(),
        upstream_id=read.upstream_id,
    )


def stream(client: ClientWire, call: UpstreamCall) -> TranslatedStream:
    """Return a reader of the upstream's stream that yields the client's events."""
    return TranslatedStream(ChatDeltas(), client.stream(call))
