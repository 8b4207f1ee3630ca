"""The two sides of a translation: what a client's wire and a vendor's wire each have to give.

A client's wire reads requests and writes answers; a vendor's writes requests and reads answers.
Between them is a `Conversation` on the way out, and `Completion` or deltas on the way back.
"""

from typing import Protocol

from grip.providers.conversation import Completion, Conversation, Delta
from grip.providers.json_object import JsonObject
from grip.providers.port import Report, StreamEvent, UpstreamCall


class DeltaReader(Protocol):
    """Turns the bytes of one vendor's stream into deltas, whatever the cuts between them."""

    @property
    def report(self) -> Report | None:
        """What the output was counted to be, None where more text has come since."""

    def feed(self, data: bytes) -> list[Delta]:
        """Return what is complete; raises ChannelFault on an error in the stream."""

    def close(self) -> list[Delta]:
        """Return what is left at the end; raises ChannelFault where the stream was cut."""


class DeltaWriter(Protocol):
    """Turns deltas into the events of one client's stream."""

    def write(self, delta: Delta) -> list[StreamEvent]:
        """Return the events that say this; the last of `Stopped` has `is_end`."""


class ClientWire(Protocol):
    """The wire of one surface that chats."""

    def read(self, body: JsonObject, wire: str) -> Conversation:
        """Return what a request asks for; raises Untranslatable, naming `wire`, or InvalidRequest.

        What no `Conversation` can hold is refused by its name.
        """

    def completion(self, answer: Completion, call: UpstreamCall) -> bytes:
        """Return the body of a whole answer."""

    def stream(self, call: UpstreamCall) -> DeltaWriter:
        """Return a writer of a streamed answer."""
