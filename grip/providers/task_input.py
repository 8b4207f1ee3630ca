"""What a customer asks of a task, in grip's own words: checked, and with what its price rests on.

Owns the words that every vendor's request is made of, their bounds, and the defaults that are
filled in before anything is priced: the same values are priced, kept and sent. What grip has no
word for goes to the vendor as it is, but for two kinds: the vendors' own words for what is priced
are refused, since they would be made and not charged, and what would make the vendor call somebody
or change how it is paid is left out. Refuses to know any vendor.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from grip.errors import InvalidRequest

MAX_IMAGES: Final = 10
MAX_SECONDS: Final = 3_600
MAX_CHARACTERS: Final = 100_000
MAX_SOURCES: Final = 16
_MAX_EDGE: Final = 16_384
_MAX_MEMBERS: Final = 100
_MAX_NAME: Final = 100
_MAX_URL: Final = 2_048
_MAX_DEPTH: Final = 8
_SHOWN: Final = 60

_SIZE: Final = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})\Z")
_WORD: Final = re.compile(r"[\w.:/ -]{1,200}\Z")
_CALLS: Final = re.compile(r"webhook|callback|notify|notification")
_LEFT_OUT: Final = frozenset(
    {
        "apikey",
        "authorization",
        "enablesyncmode",
        "executionexpiresafter",
        "extrabody",
        "extraheaders",
        "extraquery",
        "idempotencykey",
        "metadata",
        "model",
        "partialimages",
        "prefer",
        "priority",
        "returnbase64",
        "safetyidentifier",
        "servicetier",
        "store",
        "stream",
        "streamformat",
        "syncmode",
        "user",
        "version",
        "wait",
    }
)
"""Words, without case and punctuation, that change who is called, how it is paid, or how the answer
comes. What would call somebody is left out by any name."""

_OTHER_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "batchsize",
                "candidatecount",
                "imagecount",
                "imagenum",
                "maximages",
                "numberofimages",
                "numberofvideos",
                "numimages",
                "numimagesperprompt",
                "numoutputs",
                "numsamples",
                "numvideos",
                "samplecount",
            ),
            "n",
        ),
        **dict.fromkeys(
            (
                "audioduration",
                "durationinseconds",
                "durationseconds",
                "duration",
                "framecount",
                "frames",
                "length",
                "musiclengthms",
                "numframes",
                "numseconds",
                "secondstotal",
                "videoduration",
                "videolength",
            ),
            "seconds",
        ),
        **dict.fromkeys(("height", "imagesize", "videosize", "width"), "size"),
    }
)
"""The vendors' words for what is priced, without case and punctuation, and grip's word for it."""


class TaskInput(msgspec.Struct, frozen=True, kw_only=True):
    """A checked input; `values` has all its members with the defaults, and is what is kept.

    The counts are the units that its price rests on; 0 where the input has none of that unit.
    `size` and `quality` are texts, empty where they are not of this type.
    """

    type: str
    values: Mapping[str, Any]
    images: int = 0
    seconds: int = 0
    characters: int = 0
    size: str = ""
    quality: str = ""

    @property
    def units(self) -> frozenset[str]:
        """The rates that it can be priced by, by their names: those whose count is known."""
        known = {
            "image_nano": self.images,
            "second_nano": self.seconds,
            "character_nano": self.characters,
            "input_nano": self.type != "video",
            "output_nano": self.type != "video",
            "request_nano": True,
        }
        return frozenset(name for name, count in known.items() if count)

    def text(self) -> str:
        """Return what is to be shown or said."""
        return str(self.values.get("prompt") or self.values.get("input") or "")

    def rest(self) -> dict[str, Any]:
        """Return the members that grip has no word for, as they came."""
        return {name: value for name, value in self.values.items() if name not in WORDS}


def is_deeper(value: Any, most: int) -> bool:
    """Return whether JSON is nested deeper than `most`; it looks no further than that."""
    if not isinstance(value, dict | list):
        return False
    if not most:
        return True
    children = value.values() if isinstance(value, dict) else value
    return any(is_deeper(child, most - 1) for child in children)


def normalised(type: str, input: Mapping[str, Any]) -> TaskInput:  # noqa: A002 - the words for it
    """Return a task's input with its defaults; raises InvalidRequest, naming what is wrong.

    Pure, and the same again of its own `values`.
    """
    if not isinstance(input, Mapping):
        raise _wrong("input", "an object is expected")
    if len(input) > _MAX_MEMBERS:
        raise _wrong("input", f"it has more than {_MAX_MEMBERS} members")
    reader = _READERS[type]
    values = dict(DEFAULTS[type])
    for name, value in input.items():
        if value is not None and _is_taken(name, value):
            values[name] = _CHECKS[name](name, value) if name in _CHECKS else value
    if "image" in values:
        if "images" in values:
            raise _wrong("image", "say it as images, or leave images out")
        values["images"] = values.pop("image")
    return reader(values)


def _is_taken(name: str, value: Any) -> bool:
    """Return whether a member is kept at all; raises InvalidRequest where it may not be there."""
    if not 0 < len(name) <= _MAX_NAME or not name.isprintable():
        raise _wrong("input", "a member has no usable name")
    if name in WORDS:
        return True
    folded = re.sub(r"[\W_]", "", name).lower()
    if folded in _OTHER_WORDS:
        raise _wrong(name, f"say it as {_OTHER_WORDS[folded]}, which is what is priced")
    if folded in WORDS:
        raise _wrong(name, f"write it as {folded}")
    if _CALLS.search(folded) or folded in _LEFT_OUT:
        return False
    if is_deeper(value, _MAX_DEPTH):
        raise _wrong(name, f"it is nested more than {_MAX_DEPTH} deep")
    _write(name, value)
    return True


def _write(name: str, value: Any) -> None:
    """Check that a value can be written as JSON again, which half a letter cannot."""
    try:
        msgspec.json.encode(value)
    except (UnicodeEncodeError, TypeError) as error:
        raise _wrong(name, f"it cannot be sent on: {error}") from None


def _image(values: dict[str, Any]) -> TaskInput:
    _refuse(values, "image", "seconds", "voice", "input")
    _need(values, "prompt")
    return TaskInput(
        type="image",
        values=values,
        images=values["n"],
        size=values["size"],
        quality=values["quality"],
    )


def _video(values: dict[str, Any]) -> TaskInput:
    _refuse(values, "video", "voice", "input")
    _single(values, "video")
    if "prompt" not in values and "images" not in values:
        raise _wrong("prompt", "say what the video is to show")
    return TaskInput(
        type="video",
        values=values,
        seconds=values["seconds"],
        size=values.get("size", ""),
        quality=values.get("quality", ""),
    )


def _audio(values: dict[str, Any]) -> TaskInput:
    _refuse(values, "audio", "size", "images")
    _single(values, "audio")
    said = values.get("input", "")
    if not said:
        _need(values, "prompt")
    return TaskInput(
        type="audio",
        values=values,
        seconds=values.get("seconds", 0),
        characters=len(said),
        quality=values.get("quality", ""),
    )


_READERS: Final[Mapping[str, Callable[[dict[str, Any]], TaskInput]]] = {
    "image": _image,
    "video": _video,
    "audio": _audio,
}

TYPES: Final = tuple(_READERS)
"""The types that tasks have."""

DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "image": {"n": 1, "size": "1024x1024", "quality": "auto"},
        "video": {"seconds": 4},
        "audio": {},
    }
)
"""What is filled in where the customer does not say."""


def _count(most: int) -> Callable[[str, Any], int]:
    def check(name: str, value: Any) -> int:
        # A boolean is an integer to Python, and 4.0 is one to JSON; neither is a count here.
        if type(value) is not int:
            raise _wrong(name, f"a whole number from 1 to {most} is expected")
        if not 1 <= value <= most:
            raise _wrong(name, f"it must be from 1 to {most}")
        return int(value)

    return check


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise _wrong(name, "a text is expected")
    if len(value) > MAX_CHARACTERS:
        raise _wrong(name, f"it is longer than {MAX_CHARACTERS} characters")
    _write(name, value)
    return value


def _word(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _WORD.match(value):
        raise _wrong(name, "a short text is expected")
    return value


def _size(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(name, "a text like 1024x1536 is expected")
    if value == "auto":
        return value
    found = _SIZE.match(value)
    if not found or max(int(found[1]), int(found[2])) > _MAX_EDGE:
        raise _wrong(name, f"{value[:_SHOWN]!r} is no size; write it as 1024x1536, or auto")
    return value


def _sources(name: str, value: Any) -> list[str]:
    """Return pictures to start from: addresses for the vendor to fetch, or their own bytes."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not 1 <= len(found) <= MAX_SOURCES:
        raise _wrong(name, f"1 to {MAX_SOURCES} URLs are expected")
    for each in found:
        if not isinstance(each, str) or not _is_source(each):
            raise _wrong(name, "a URL starts with https://, http:// or data:image/")
    return found


def _is_source(url: str) -> bool:
    if url[:11].lower() == "data:image/":
        return True
    short = len(url) <= _MAX_URL and url.isprintable() and " " not in url
    return short and url[:8].lower().startswith(("https://", "http://"))


_CHECKS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "prompt": _text,
    "input": _text,
    "n": _count(MAX_IMAGES),
    "seconds": _count(MAX_SECONDS),
    "size": _size,
    "quality": _word,
    "voice": _word,
    "images": _sources,
    "image": _sources,
}

WORDS: Final = frozenset(_CHECKS)
"""Grip's own words."""


def _refuse(values: Mapping[str, Any], kind: str, *names: str) -> None:
    for name in names:
        if name in values:
            raise _wrong(name, f"a task of the type {kind} has none")


def _single(values: dict[str, Any], kind: str) -> None:
    if values.pop("n", 1) != 1:
        raise _wrong("n", f"a task of the type {kind} makes one; send as many tasks")


def _need(values: Mapping[str, Any], name: str) -> None:
    if name not in values:
        raise _wrong(name, "it is required")


def _wrong(name: str, why: str) -> InvalidRequest:
    shown = name[:_SHOWN]
    return InvalidRequest(f"{shown}: {why}", param=shown)
