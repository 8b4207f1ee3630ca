"""The wire of `/messages`. Facts: Anthropic API reference, "Messages"; its Python SDK 2.12."""

from grip.providers.clients.messages.answer import completion
from grip.providers.clients.messages.request import read
from grip.providers.clients.messages.stream import MessagesStream
from grip.providers.conversation import Completion, Conversation
from grip.providers.json_object import JsonObject
from grip.providers.port import UpstreamCall


class MessagesWire:
    """Anthropic's messages, as clients speak them."""

    def read(self, body: JsonObject, wire: str) -> Conversation:
        """Return what a request asks for; raises Untranslatable, naming `wire`, or InvalidRequest.

        What no `Conversation` can hold is refused by its name.
        """
        return read(body, wire)

    def completion(self, answer: Completion, call: UpstreamCall) -> bytes:
        """Return the body of a whole answer.

        Raises ChannelFault where a tool is called with something else than an object.
        """
        return completion(answer, call)

    def stream(self, call: UpstreamCall) -> MessagesStream:
        """Return a writer of a streamed answer."""
        return MessagesStream(call)
