"""The contents of chat messages: a string, or a list of parts."""

from collections.abc import Callable
from typing import Final, TypeVar

from grip.providers.clients import media
from grip.providers.clients.members import Members, quoted
from grip.providers.conversation import Audio, Document, Image, Part, Text, Thought

P = TypeVar("P", bound=Part)

_BREAKPOINT: Final = "prompt_cache_breakpoint"
_PDF: Final = "application/pdf"


def texts(message: Members) -> list[Text]:
    """Return the texts of instructions."""
    return _parts(message, _words)


def user(message: Members) -> list[Part]:
    """Return what the user said and showed."""
    return _parts(message, _shown)


def result(message: Members) -> tuple[Text | Image, ...]:
    """Return what a tool gave back; pictures too, which some clients send."""
    found = _parts(message, _seen)
    return tuple(part for part in found if not isinstance(part, Text) or part.text)


def assistant(message: Members) -> list[Text]:
    """Return the model's own words, those of a refusal too; none where there is no content."""
    message.only("audio", why="no other API remembers what was spoken")
    content = message.content("content")
    if content is None:
        return []
    return [Text(text=content)] if isinstance(content, str) else [_own(part) for part in content]


def thoughts(message: Members) -> list[Thought]:
    """Return the thoughts that the client sends back, with their seals where it kept them."""
    details = message.children("reasoning_details")
    named = [message.text("reasoning_content"), message.text("reasoning")]
    if details:
        return [_detail(each) for each in details]
    return [Thought(text=text) for text in named if text][:1]


def _parts(message: Members, read: Callable[[Members], P]) -> list[P | Text]:
    """Return the parts of a content that must be there."""
    content = message.content("content")
    if content is None:
        raise message.missing("content")
    if isinstance(content, str):
        return [Text(text=content)]
    if not content:
        raise message.wrong("content", "the list is empty")
    return [read(part) for part in content]


def _words(part: Members) -> Text:
    kind = part.needed("type")
    if kind != "text":
        raise part.refused("type", f"{quoted(kind)} cannot stand here")
    return _text(part)


def _own(part: Members) -> Text:
    kind = part.needed("type")
    if kind != "refusal":
        if kind != "text":
            raise part.refused("type", f"{quoted(kind)} cannot stand here")
        return _text(part)
    found = Text(text=part.needed("refusal"))
    part.done()
    return found


def _seen(part: Members) -> Text | Image:
    kind = part.needed("type")
    if kind == "image_url":
        return _image(part)
    if kind != "text":
        raise part.refused("type", f"{quoted(kind)} cannot stand here")
    return _text(part)


def _shown(part: Members) -> Part:
    kind = part.needed("type")
    read = _READERS.get(kind)
    if read is None:
        raise part.refused("type", f"no other API has parts of the type {quoted(kind)}")
    return read(part)


def _text(part: Members) -> Text:
    found = Text(text=part.needed("text"))
    _finish(part)
    return found


def _image(part: Members) -> Image:
    image = part.owned("image_url")
    carried = media.read_url(image.needed("url"), image.at("url"))
    if carried.media_type is not None and not carried.media_type.startswith("image/"):
        raise image.wrong("url", f"{carried.media_type} is no picture")
    # Other APIs look as closely as they can, which is what these ask for.
    image.only("detail", "auto", "high", "original", why="pictures are seen in full detail")
    image.done()
    _finish(part)
    return Image(media_type=carried.media_type, data=carried.data, url=carried.url)


def _audio(part: Members) -> Audio:
    audio = part.owned("input_audio")
    kind = audio.needed("format")
    if kind not in ("wav", "mp3"):
        raise audio.refused("format", f"{quoted(kind)} is neither wav nor mp3")
    data = media.checked(audio.needed("data"), audio.at("data"))
    audio.done()
    _finish(part)
    return Audio(data=data, format=kind)


def _document(part: Members) -> Document:
    file = part.owned("file")
    file.only("file_id", why="send the file itself, as file_data")
    name = file.text("filename")
    data, param = file.needed("file_data"), file.at("file_data")
    if data.startswith(("data:", "https://", "http://")):
        carried = media.read_url(data, param)
    elif name is not None and name.lower().endswith(".pdf"):
        carried = media.Carried(_PDF, media.checked(data, param), None)
    else:
        raise file.wrong("file_data", "it is no data URL: data:application/pdf;base64,…")
    file.done()
    _finish(part)
    return Document(media_type=carried.media_type, data=carried.data, url=carried.url, name=name)


def _detail(detail: Members) -> Thought:
    """Return a thought in the shape of OpenRouter."""
    kind = detail.needed("type")
    detail.drop("format", "id", "index")
    if kind == "reasoning.encrypted":
        thought = Thought(sealed=detail.needed("data"), redacted=True)
    elif kind == "reasoning.summary":
        thought = Thought(text=detail.needed("summary"))
    elif kind == "reasoning.text":
        thought = Thought(text=detail.text("text") or "", sealed=detail.text("signature") or None)
    else:
        raise detail.refused("type", f"no other API has thoughts of the type {quoted(kind)}")
    detail.done()
    return thought


def _finish(part: Members) -> None:
    part.drop(_BREAKPOINT)
    part.done()


_READERS: Final[dict[str, Callable[[Members], Part]]] = {
    "text": _text,
    "image_url": _image,
    "input_audio": _audio,
    "file": _document,
}
