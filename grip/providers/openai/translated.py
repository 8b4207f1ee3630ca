"""What a client of another wire gets from an upstream that speaks OpenAI's chat."""

from typing import Final

from grip.providers.openai import answers, chat_answers, chat_request
from grip.providers.openai.chat_deltas import ChatDeltas
from grip.providers.openai.dialects import Dialect
from grip.providers.port import Answer, StreamEvent, UpstreamCall
from grip.providers.wires import ClientWire, DeltaReader, DeltaWriter

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


def stream(client: ClientWire, call: UpstreamCall) -> "TranslatedStream":
    """Return a reader of the upstream's stream that yields the client's events."""
    return TranslatedStream(ChatDeltas(), client.stream(call))


class TranslatedStream:
    """Reads a stream on one wire and yields it on another."""

    __slots__ = ("_reader", "_writer")

    def __init__(self, reader: DeltaReader, writer: DeltaWriter) -> None:
        self._reader = reader
        self._writer = writer

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events of what `data` completes."""
        write = self._writer.write
        return [event for delta in self._reader.feed(data) for event in write(delta)]

    def text(self, data: bytes) -> str:  # noqa: ARG002 - the port's signature
        """Return nothing: each event has been read."""
        return ""

    def close(self) -> list[StreamEvent]:
        """Return the events of what is left."""
        write = self._writer.write
        return [event for delta in self._reader.close() for event in write(delta)]
