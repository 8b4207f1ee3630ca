"""The wire of `/chat/completions`. Facts: OpenAI API reference, "Chat"; its Python SDK 3.52.

Two extensions are read and written, since thoughts have no place in OpenAI's own shapes:
`reasoning_content` for their text, as DeepSeek and vLLM have it, and `reasoning_details` for what
is sealed, as OpenRouter has it; on tool calls Google's `extra_content`. A client that sends back
what it was given keeps the model's thoughts through a row of tool calls.
"""

from grip.providers.clients.chat.answer import completion
from grip.providers.clients.chat.request import read
from grip.providers.clients.chat.stream import ChatStream
from grip.providers.conversation import Completion, Conversation
from grip.providers.json_object import JsonObject
from grip.providers.port import UpstreamCall


class ChatWire:
    """OpenAI's chat, as clients speak it."""

    def read(self, body: JsonObject, wire: str) -> Conversation:
        """Return what a request asks for; raises Untranslatable, naming `wire`, or InvalidRequest.

        What no `Conversation` can hold is refused by its name.
        """
        return read(body, wire)

    def completion(self, answer: Completion, call: UpstreamCall) -> bytes:
        """Return the body of a whole answer."""
        return completion(answer, call)

    def stream(self, call: UpstreamCall) -> ChatStream:
        """Return a writer of a streamed answer."""
        return ChatStream(call)
