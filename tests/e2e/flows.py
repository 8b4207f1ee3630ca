"""The streams of every surface: their events in three words, what a client sees, what is owed.

Each is told on the wire of its upstream; where a client speaks another one, what it sees of a word
is that word.
"""

import base64
import io
import json
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from grip.money import media
from grip.money.amounts import NANO
from grip.money.estimates import text_tokens, text_tokens_and_bound
from grip.money.pricing import Rates, Usage
from tests.e2e import anthropic_wire
from tests.e2e.house import HELLO, POLITE_NANO, RATES
from tests.e2e.scripts import DONE, TEXT, USAGE_EVENT, WORDS, event
from tests.e2e.scripts import USAGE as CHAT_USAGE

SPOKEN = "Good morning, and good luck."
SHEET = "A quiet harbour"
TYPED_USAGE = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
PICTURE_NANO = 40 * NANO
HEARD_S = 4
"""How long the upstream finds a sound to be that lasts three seconds."""


def wav(seconds: int = 3) -> bytes:
    """Return real sound: silence of so many seconds."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(bytes(32_000 * seconds))
    return file.getvalue()


def written(words: int) -> Usage:
    """Return what is estimated of so many words of a text."""
    return Usage(output_tokens=text_tokens("".join(WORDS[:words])))


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A call, the channel that answers it, how it is sold, and what it costs by its usage.

    With `files` it is a form.
    """

    name: str
    path: str
    body: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] | None = None
    channel: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "chat"
    sell: Rates = RATES
    cost_nano: int = POLITE_NANO


@dataclass(frozen=True, kw_only=True)
class Flow(Asked):
    """A call, and the stream that answers it.

    `begins` comes before the words, `ends` after them, then `count` with the usage, which costs
    `cost_nano`, then `last`. Of each word the client sees what stands in `sees`. `owed` is what is
    estimated where so many words have come and no count, but for the input; it is `exact` where
    nothing has to be estimated.
    """

    words: list[bytes]
    sees: list[bytes]
    count: bytes
    begins: list[bytes] = field(default_factory=list)
    ends: list[bytes] = field(default_factory=list)
    last: list[bytes] = field(default_factory=list)
    owed: Callable[[int], Usage] = written
    exact: bool = False

    @property
    def events(self) -> list[bytes]:
        """The whole stream."""
        return [*self.begins, *self.words, *self.ends, self.count, *self.last]


def _typed(kind: str, **members: Any) -> bytes:
    return event(json.dumps({"type": kind, **members}).encode())


CHAT = Flow(
    name="chat",
    path="/v1/chat/completions",
    body={"messages": HELLO},
    words=TEXT[:3],
    sees=TEXT[:3],
    ends=TEXT[3:],
    count=USAGE_EVENT,
    last=[DONE],
)


def _completion(text: str = "", finish: str | None = None, **members: Any) -> bytes:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
    made = {"id": "cmpl-fake", "object": "text_completion", "created": 1_700_000_000}
    return event(json.dumps({**made, "model": "fake", "choices": [choice], **members}).encode())


_COMPLETED = [_completion(word) for word in WORDS]
COMPLETIONS = Flow(
    name="completions",
    path="/v1/completions",
    body={"prompt": "Hello"},
    words=_COMPLETED,
    sees=_COMPLETED,
    ends=[_completion(finish="stop")],
    count=_completion(choices=[], usage=CHAT_USAGE),
    last=[DONE],
)

_RESPONSE = {"id": "resp_fake", "object": "response", "status": "in_progress", "output": []}
_RESPONDED = [
    _typed("response.output_text.delta", output_index=0, content_index=0, delta=word)
    for word in WORDS
]
RESPONSES = Flow(
    name="responses",
    path="/v1/responses",
    body={"input": "Hello"},
    begins=[
        _typed("response.created", response=_RESPONSE),
        _typed("response.in_progress", response=_RESPONSE),
    ],
    words=_RESPONDED,
    sees=_RESPONDED,
    ends=[_typed("response.output_text.done", output_index=0, text="".join(WORDS))],
    count=_typed(
        "response.completed", response=_RESPONSE | {"status": "completed", "usage": TYPED_USAGE}
    ),
)

_SAID = [anthropic_wire.says(word) for word in WORDS]
_INNER = [json.dumps(word).encode() for word in WORDS]
MESSAGES = Flow(
    name="messages",
    path="/v1/messages",
    body={"messages": HELLO, "max_tokens": 100},
    channel=anthropic_wire.ANTHROPIC,
    begins=[anthropic_wire.start(), anthropic_wire.opens()],
    words=_SAID,
    sees=_SAID,
    ends=[anthropic_wire.closes()],
    count=anthropic_wire.stops(),
    last=[anthropic_wire.END],
)
MESSAGES_OF_A_CHAT = Flow(
    name="messages of a chat",
    path=MESSAGES.path,
    body=MESSAGES.body,
    words=CHAT.words,
    sees=_INNER,
    ends=CHAT.ends,
    count=CHAT.count,
    last=CHAT.last,
)
CHAT_OF_MESSAGES = Flow(
    name="chat of messages",
    path=CHAT.path,
    body=CHAT.body,
    channel=MESSAGES.channel,
    begins=MESSAGES.begins,
    words=MESSAGES.words,
    sees=_INNER,
    ends=MESSAGES.ends,
    count=MESSAGES.count,
    last=MESSAGES.last,
)


def _gemini(text: str = "", **members: Any) -> bytes:
    content = {"role": "model", "parts": [{"text": text}] if text else []}
    said = {"content": content, "index": 0, **members.pop("candidate", {})}
    return event(json.dumps({"candidates": [said], "responseId": "fake", **members}).encode())


CHAT_OF_GEMINI = Flow(
    name="chat of gemini",
    path=CHAT.path,
    body=CHAT.body,
    channel={"kind": "gemini"},
    words=[_gemini(word) for word in WORDS],
    sees=_INNER,
    count=_gemini(
        candidate={"finishReason": "STOP"},
        usageMetadata={"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
    ),
)


def _previewed(words: int) -> Usage:
    """Return what one picture is estimated at; before it shows, only what is sold by the piece."""
    near = media.picture_tokens("1024x1024", "low", partial=3).near
    return Usage(images=1, output_tokens=near if words else 0)


PIXEL = base64.b64encode(b"\x89PNG not much of a picture").decode()
_PREVIEWS = [
    _typed("image_generation.partial_image", partial_image_index=index, b64_json=PIXEL)
    for index in range(3)
]
IMAGES = Flow(
    name="images by the token",
    path="/v1/images/generations",
    body={"prompt": SHEET, "partial_images": 3, "size": "1024x1024", "quality": "low"},
    words=_PREVIEWS,
    sees=_PREVIEWS,
    count=_typed("image_generation.completed", b64_json=PIXEL, usage=TYPED_USAGE),
    kind="image",
    owed=_previewed,
)
PICTURES = Flow(
    name="images by the piece",
    path=IMAGES.path,
    body={**IMAGES.body, "n": 3},
    words=IMAGES.words,
    sees=IMAGES.sees,
    count=IMAGES.count,
    kind="image",
    sell=Rates(image_nano=PICTURE_NANO),
    cost_nano=PICTURE_NANO,
    owed=lambda words: Usage(images=1),
)


def _spoken(words: int) -> Usage:
    """Return what speech is estimated at once some of it has come."""
    near = media.spoken_tokens(media.Estimate(*text_tokens_and_bound(SPOKEN))).near
    return Usage(output_tokens=near if words else 0, characters=len(SPOKEN))


_SOUND = [
    _typed("speech.audio.delta", audio=base64.b64encode(b"ID3 sound %d" % index).decode())
    for index in range(3)
]
SPEECH = Flow(
    name="speech by the token",
    path="/v1/audio/speech",
    body={"input": SPOKEN, "voice": "alloy", "stream_format": "sse"},
    words=_SOUND,
    sees=_SOUND,
    count=_typed("speech.audio.done", usage=TYPED_USAGE),
    kind="audio",
    owed=_spoken,
)
READING = Flow(
    name="speech by the character",
    path=SPEECH.path,
    body=SPEECH.body,
    words=SPEECH.words,
    sees=SPEECH.sees,
    count=SPEECH.count,
    kind="audio",
    sell=Rates(character_nano=NANO),
    cost_nano=len(SPOKEN) * NANO,
    owed=lambda words: Usage(characters=len(SPOKEN)),
    exact=True,
)

_HEARD = [_typed("transcript.text.delta", delta=word) for word in WORDS]
TRANSCRIPTS = Flow(
    name="transcripts by the token",
    path="/v1/audio/transcriptions",
    files={"file": wav()},
    words=_HEARD,
    sees=_HEARD,
    count=_typed("transcript.text.done", text="".join(WORDS), usage=TYPED_USAGE),
    kind="audio",
    owed=lambda words: written(words)._replace(seconds=3),
)
HEARING = Flow(
    name="transcripts by the second",
    path=TRANSCRIPTS.path,
    files=TRANSCRIPTS.files,
    words=TRANSCRIPTS.words,
    sees=TRANSCRIPTS.sees,
    count=_typed(
        "transcript.text.done",
        text="".join(WORDS),
        usage={"type": "duration", "seconds": HEARD_S},
    ),
    kind="audio",
    sell=Rates(second_nano=NANO),
    cost_nano=HEARD_S * NANO,
    owed=lambda words: Usage(seconds=3),
)

FLOWS = [
    COMPLETIONS,
    RESPONSES,
    MESSAGES,
    MESSAGES_OF_A_CHAT,
    CHAT_OF_MESSAGES,
    CHAT_OF_GEMINI,
    IMAGES,
    PICTURES,
    SPEECH,
    READING,
    TRANSCRIPTS,
    HEARING,
]
"""Every surface that streams beside chat, media by each of its units."""
