"""The parts of Gemini's answers that grip reads.

Fields are lenient, as protobuf's JSON grows: what is not known goes unread, and a number of zero
may be absent. A part that carries what no client's wire has words for is a fault, not left out.
"""

from typing import Any, Final

import msgspec

from grip.providers.openai.wire import UNREADABLE, count, kept_id
from grip.providers.port import ChannelFault, Report

_ABSENT: Final = (b"", b"null")


class FunctionCall(msgspec.Struct):
    """A call of a tool; older models give it no id."""

    name: Any = None
    args: msgspec.Raw = msgspec.Raw()
    id: Any = None

    def arguments(self) -> str:
        """Return the JSON text of the arguments, without spaces; raises ChannelFault for none."""
        text = bytes(self.args)
        if text in _ABSENT:
            return "{}"
        if not text.startswith(b"{"):
            raise ChannelFault("garbage", "the arguments of a tool call are no object")
        try:
            return msgspec.json.format(text, indent=-1).decode()
        except UNREADABLE as error:
            raise ChannelFault("garbage", f"in a tool call: {error}") from None


class Part(msgspec.Struct, rename="camel"):
    """A piece of an answer: words, a thought, a call, or what grip cannot pass on."""

    text: Any = None
    thought: Any = None
    thought_signature: Any = None
    function_call: FunctionCall | None = None
    inline_data: msgspec.Raw = msgspec.Raw()
    file_data: msgspec.Raw = msgspec.Raw()
    executable_code: msgspec.Raw = msgspec.Raw()
    code_execution_result: msgspec.Raw = msgspec.Raw()
    tool_call: msgspec.Raw = msgspec.Raw()
    tool_response: msgspec.Raw = msgspec.Raw()

    @property
    def seal(self) -> str | None:
        """The seal on the thought that led here."""
        found = self.thought_signature
        return found if isinstance(found, str) and found else None

    def check(self) -> None:
        """Raise ChannelFault where this is neither words nor a call of a client's tool."""
        for name in _UNCARRIED:
            if bytes(getattr(self, name)) not in _ABSENT:
                raise ChannelFault("uncarried", f"the answer has a part with {name}")


_UNCARRIED: Final = (
    "inline_data",
    "file_data",
    "executable_code",
    "code_execution_result",
    "tool_call",
    "tool_response",
)


class Content(msgspec.Struct):
    """What the model said."""

    parts: list[Part] | None = None


class Candidate(msgspec.Struct, rename="camel"):
    """One answer, or a piece of it."""

    content: Content | None = None
    finish_reason: Any = None
    finish_message: Any = None


class Body(msgspec.Struct, rename="camel"):
    """A whole answer, or one event of a stream: both have the same shape."""

    candidates: list[Candidate] | None = None
    prompt_feedback: Any = None
    usage_metadata: Any = None
    response_id: Any = None
    error: Any = None

    @property
    def upstream_id(self) -> str | None:
        """The upstream's own name of the call."""
        return kept_id(self.response_id)

    @property
    def block_reason(self) -> str | None:
        """Why the prompt was not answered at all."""
        found = self.prompt_feedback
        reason = found.get("blockReason") if isinstance(found, dict) else None
        return reason if isinstance(reason, str) and reason else None


class Embedding(msgspec.Struct):
    """The vector of one text, as its JSON."""

    values: msgspec.Raw = msgspec.Raw()


class Embeddings(msgspec.Struct, rename="camel"):
    """The answer of `batchEmbedContents`."""

    embeddings: list[Embedding] | None = None
    usage_metadata: Any = None
    error: Any = None


_body = msgspec.json.Decoder(Body)
_bodies = msgspec.json.Decoder(list[Body])
_embeddings = msgspec.json.Decoder(Embeddings)


def decode(text: bytes) -> Body:
    """Return the body in `text`, alone or in a list of its own; raises ChannelFault for none."""
    try:
        if not text.lstrip().startswith(b"["):
            return _body.decode(text)
        bodies = _bodies.decode(text)
    except UNREADABLE as error:
        raise ChannelFault("garbage", str(error)) from None
    if len(bodies) != 1:
        raise ChannelFault("garbage", "a list where one answer was asked for")
    return bodies[0]


def decode_embeddings(text: bytes) -> Embeddings:
    """Return the vectors in `text`; raises ChannelFault for none."""
    try:
        return _embeddings.decode(text)
    except UNREADABLE as error:
        raise ChannelFault("garbage", str(error)) from None


def report(usage: Any, *, is_last: bool = True) -> Report:
    """Return what `usageMetadata` says; what is no sensible count counts as not said.

    Thoughts are output. Before the last word no output is not known to be none: it is left open.
    """
    if not isinstance(usage, dict):
        return Report()
    prompt = count(usage.get("promptTokenCount"))
    if prompt is None:
        return Report()
    input_tokens = prompt + (count(usage.get("toolUsePromptTokenCount")) or 0)
    cached = count(usage.get("cachedContentTokenCount")) or 0
    said = count(usage.get("candidatesTokenCount"))
    thought = count(usage.get("thoughtsTokenCount"))
    output_tokens = None if said is None and thought is None else (said or 0) + (thought or 0)
    if is_last and output_tokens is None and usage.get("totalTokenCount") == input_tokens:
        output_tokens = 0
    return Report(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_input_tokens=min(cached, input_tokens),
    )
