"""The parts of OpenAI's wire that grip reads; everything else goes through unread.

Fields are as lenient as upstreams are different: what has an unexpected type counts as absent,
since a call must not fail on a part that grip only looks at.
"""

import re
from typing import Any, Final

import msgspec

from grip.providers.port import ChannelFault, Report

MAX_TOKENS: Final = 10_000_000
"""A count above this is garbage, and counts as none: no model takes or gives as much."""

_MAX_ID_CHARACTERS: Final = 200
_DETAIL: Final = 2000


class Delta(msgspec.Struct):
    """What one choice of a chunk or a message says."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: msgspec.Raw = msgspec.Raw()
    function_call: msgspec.Raw = msgspec.Raw()

    def text(self) -> str:
        """Return all that was generated here, as text to be counted."""
        said = [
            part
            for part in (self.content, self.reasoning_content or self.reasoning, self.refusal)
            if part.__class__ is str
        ]
        if not said and self.content.__class__ is list:
            # Mistral's thinking models answer in parts.
            said.append(msgspec.json.encode(self.content).decode())
        if self.tool_calls or self.function_call:
            called = (bytes(self.tool_calls), bytes(self.function_call))
            said.extend(
                part.decode(errors="replace") for part in called if part not in (b"", b"null")
            )
        return "".join(said)


class Choice(msgspec.Struct):
    """One choice, of a chunk (`delta`), a message or a completion (`text`)."""

    delta: Delta | None = None
    message: Delta | None = None
    text: Any = None
    finish_reason: Any = None

    def said(self) -> str:
        """Return the text of whichever part is there."""
        part = self.delta or self.message
        text = self.text if isinstance(self.text, str) else ""
        return part.text() + text if part else text


class Body(msgspec.Struct):
    """A chunk or an answer of chat, completions or embeddings."""

    id: Any = None
    choices: list[Choice] | None = None
    usage: Any = None
    error: Any = None
    data: msgspec.Raw = msgspec.Raw()

    def text(self) -> str:
        """Return all text of all choices."""
        choices = self.choices
        if not choices:
            return ""
        if len(choices) == 1:
            return choices[0].said()
        return "".join([choice.said() for choice in choices])

    @property
    def upstream_id(self) -> str | None:
        """The upstream's own name of the call, where it is one that can be kept."""
        return kept_id(self.id)


def kept_id(found: Any) -> str | None:
    """Return an upstream's own name of a call, where it is one that can be kept."""
    if found.__class__ is str and 0 < len(found) <= _MAX_ID_CHARACTERS and found.isprintable():
        return str(found)
    return None


UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What `decode` raises."""

_decoder = msgspec.json.Decoder(Body)
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)"
)
_LONE: Final = 6
"""The length of an escape that is half a surrogate pair."""


def decode(text: bytes) -> Body:
    """Return the body in `text`; raises one of `UNREADABLE` where it is none.

    Half a surrogate pair is JSON, and models cut emoji in two: it is read as a replacement.
    """
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError as error:
        return _decoder.decode(mended(text, error))


def read(decoder: msgspec.json.Decoder[Any], text: bytes) -> Any:
    """Return what `decoder` finds in `text`, halves of surrogate pairs as replacements.

    Raises ChannelFault where it is no JSON, or none of that shape.
    """
    try:
        try:
            return decoder.decode(text)
        except msgspec.DecodeError as error:
            return decoder.decode(mended(text, error))
    except UNREADABLE as error:
        raise ChannelFault("garbage", str(error)) from None


def read_success(decoder: msgspec.json.Decoder[Any], text: bytes) -> Any:
    """Return what `read` does, of a shape that has an `error`; raises ChannelFault where it has."""
    found = read(decoder, text)
    if found.error is not None:
        raise ChannelFault("error_in_answer", str(found.error)[:_DETAIL])
    return found


def mended(text: bytes, error: msgspec.DecodeError) -> bytes:
    """Return JSON with its halves of surrogate pairs replaced; raises `error` without any."""
    found = _ESCAPE.sub(_mend, text)
    if found == text:
        raise error
    return found


def _mend(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if len(escape[0]) == _LONE else escape[0]


def report(usage: Any) -> Report:
    """Return what a `usage` object of chat says; what is no sensible count counts as not said."""
    if not isinstance(usage, dict):
        return Report()
    input_tokens = count(usage.get("prompt_tokens"))
    output_tokens = count(usage.get("completion_tokens"))
    if (
        output_tokens is None
        and input_tokens is not None
        and usage.get("total_tokens") == input_tokens
    ):
        output_tokens = 0
    details = usage.get("prompt_tokens_details")
    cached = written = None
    if isinstance(details, dict):
        cached = count(details.get("cached_tokens"))
        written = count(details.get("cache_write_tokens"))
    if cached is None:
        # DeepSeek's own name of it, and Moonshot's.
        cached = count(usage.get("prompt_cache_hit_tokens") or usage.get("cached_tokens"))
    return Report(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_input_tokens=cached or 0,
        cache_write_tokens=written or 0,
    )


def count(value: Any) -> int | None:
    """Return a count of tokens, None for what is no sensible one."""
    return value if value.__class__ is int and 0 <= value <= MAX_TOKENS else None
