"""The input of a chat, counted: near the truth, and bounded for the hold.

The bound covers every byte that is sent, read or not, but for the payloads of media, which have
rules of their own. It is the bound of the texts that were read, and a token for each byte around
them; where that is much, the text of the whole body is weighed.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from grip.money import estimates

_MEDIA_BOUND: Final = estimates.file_tokens_bound(1 << 40)
"""What a part may hold that grip cannot look into: a file by its id, a video by its address."""

_TEXTS: Final = frozenset(
    {"text", "input_text", "output_text", "refusal", "thinking", "redacted_thinking", "reasoning"}
)
AROUND_BODY_BYTES: Final = 256
"""The bytes around the texts of a body that are not worth a second look."""
_AROUND_MESSAGE_BYTES: Final = 48
_AROUND_SHARE: Final = 16


class Message(msgspec.Struct):
    """What is counted of a message; the rest of it counts by its bytes."""

    role: str
    content: str | list[dict[str, Any]] | None = None
    name: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    audio: Any = None
    tool_calls: msgspec.Raw = msgspec.Raw()
    function_call: msgspec.Raw = msgspec.Raw()

    def said(self) -> list[str]:
        """Return the texts beside the content."""
        found = [
            text
            for text in (self.name, self.refusal, self.reasoning_content or self.reasoning)
            if isinstance(text, str)
        ]
        called = (bytes(self.tool_calls), bytes(self.function_call))
        return found + [json_text(text) for text in called if text not in (b"", b"null")]


class Count:
    """The texts and the media of one body of so many messages, as they are found."""

    __slots__ = ("_media", "_media_bound", "_messages", "_payloads", "_texts")

    def __init__(self, messages: int) -> None:
        self._texts: list[str] = []
        self._payloads: list[str] = []
        self._messages = messages
        self._media = self._media_bound = 0

    def add_text(self, text: str) -> None:
        """Count a text."""
        self._texts.append(text)

    def add_json(self, raw: bytes) -> None:
        """Count a member of the body that is text to the model."""
        self._texts.append(json_text(raw))

    def add_media(self, near: int, bound: int, payload: str = "") -> None:
        """Count what has tokens by a rule of its own, and the string in the body that holds it."""
        self._media += near
        self._media_bound += bound
        if payload:
            self._payloads.append(payload)

    def add_unknown(self) -> None:
        """Count a part that cannot be looked into."""
        self.add_media(estimates.IMAGE_TOKENS, _MEDIA_BOUND)

    def tokens(self, raw: bytes) -> tuple[int, int]:
        """Return the tokens of the input, near and bounded; `raw` is the body that is sent."""
        text = "\n".join(self._texts)
        near, bound = estimates.text_tokens_and_bound(text)
        usual = AROUND_BODY_BYTES + _AROUND_MESSAGE_BYTES * self._messages
        bound = covering(raw, text, bound, usual=usual, payloads=self._payloads)
        framing = estimates.PER_REQUEST_TOKENS + estimates.PER_MESSAGE_TOKENS * self._messages
        return framing + near + self._media, framing + bound + self._media_bound


class Tally(Count):
    """The texts and the media of one chat."""

    __slots__ = ()

    def __init__(self, messages: list[Message]) -> None:
        super().__init__(len(messages))
        for message in messages:
            self._add(message)

    def _add(self, message: Message) -> None:
        if isinstance(message.content, str):
            self._texts.append(message.content)
        else:
            for part in message.content or ():
                self._add_part(part)
        if (
            message.name
            or message.refusal
            or message.reasoning_content
            or message.reasoning
            or message.tool_calls
            or message.function_call
        ):
            self._texts.extend(message.said())

    def _add_part(self, part: dict[str, Any]) -> None:
        """Count one part of a message's content."""
        text = part.get("text")
        if isinstance(text, str):
            self._texts.append(text)
        match part:
            case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
                self._add_image(url)
            case {"type": "input_audio", "input_audio": {"data": str(data), **rest}}:
                compressed = rest.get("format") != "wav"
                bound = estimates.audio_tokens_bound(len(data), compressed=compressed)
                self.add_media(bound, bound, data)
            case {"type": "file", "file": {"file_data": str(data)}}:
                bound = estimates.file_tokens_bound(len(data))
                self.add_media(bound, bound, data)
            case {"type": str(kind)} if kind in _TEXTS:
                pass
            case _ if part.keys() != {"text"}:
                self.add_unknown()

    def _add_image(self, url: str) -> None:
        payload = url if url.startswith("data:image/") else ""
        self.add_media(estimates.IMAGE_TOKENS, estimates.IMAGE_TOKENS_BOUND, payload)


def covering(
    raw: bytes,
    text: str,
    bound: int,
    *,
    usual: int = AROUND_BODY_BYTES,
    payloads: Sequence[str] = (),
) -> int:
    """Return the bound of a whole body, `bound` being that of the `text` that was read of it.

    `usual` is how many bytes around a text are not worth a second look, and `payloads` are the
    strings that count by rules of their own.
    """
    sent = _plain(raw)
    around = len(sent) - len(text.encode("utf-8", "surrogatepass"))
    around -= sum(map(len, payloads))
    if around <= usual + len(text) // _AROUND_SHARE:
        return bound + max(around, 0)
    whole = _without(sent, payloads).decode("utf-8", "surrogatepass")
    return max(bound, estimates.text_tokens_bound(whole))


def json_text(raw: bytes) -> str:
    """Return JSON as text to be counted: its escaped letters count as letters."""
    return _plain(raw).decode("utf-8", "surrogatepass")


def _plain(raw: bytes) -> bytes:
    """Return JSON with its escaped letters and slashes as they are meant."""
    if b"\\u" in raw:
        text = raw.decode().encode("raw_unicode_escape").decode("raw_unicode_escape")
        raw = text.encode("utf-8", "surrogatepass")
    return raw.replace(b"\\/", b"/") if b"\\/" in raw else raw


def _without(sent: bytes, payloads: Iterable[str]) -> bytes:
    """Return `sent` without these strings, which stand in it in this order."""
    kept: list[bytes] = []
    at = 0
    for payload in payloads:
        found = sent.find(payload.encode("utf-8", "surrogatepass"), at)
        if found >= 0:
            kept.append(sent[at:found])
            at = found + len(payload)
    return b"".join((*kept, sent[at:]))
