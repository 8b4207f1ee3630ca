"""What strangers' answers about tasks hold, read without trust.

Owns what counts as JSON, as an id that may stand in an address, as a count, as a link to a result.
Refuses to raise: what is not what it should be is None, or is not there.
"""

import base64
import math
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from grip.providers.openai import wire
from grip.providers.task_port import Artifact

MAX_RESULTS: Final = 64
MAX_SECONDS: Final = 1_000_000
_MAX_DEPTH: Final = 6
_MAX_URL: Final = 8_192
_MAX_ID: Final = 400
_MAX_TIME_S: Final = 10_000_000_000
_ID: Final = re.compile(r"[A-Za-z0-9_~:=+-][\w.~:=+-]*\Z", re.ASCII)
_KIND: Final = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}\Z", re.ASCII)

_decoder = msgspec.json.Decoder(Any)


def object_in(body: bytes) -> dict[str, Any] | None:
    """Return the object that a body is, None where it is none."""
    try:
        try:
            found = _decoder.decode(body)
        except msgspec.DecodeError as error:
            found = _decoder.decode(wire.mended(body, error))
    except wire.UNREADABLE:
        return None
    return found if isinstance(found, dict) else None


def identity(found: Any) -> str | None:
    """Return an id of a vendor's, None for what cannot be one part of an address."""
    if isinstance(found, str) and len(found) <= _MAX_ID and _ID.match(found):
        return found
    return None


def percent(found: Any) -> int | None:
    """Return a progress from 0 to 100, None for what is none."""
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 100:  # noqa: PLR2004
        return None
    return math.floor(found)


def seconds(found: Any) -> int | None:
    """Return a length in whole seconds, rounded up; some vendors write it as a text."""
    if isinstance(found, str) and len(found) <= len(str(MAX_SECONDS)) * 2:
        try:
            found = float(found)
        except ValueError:
            return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return math.ceil(found) if 0 < found <= MAX_SECONDS else None


def time_us(found: Any) -> int | None:
    """Return a time in unix seconds as microseconds, None for what is none of this age."""
    if isinstance(found, bool) or not isinstance(found, int) or not 0 < found < _MAX_TIME_S:
        return None
    return found * 1_000_000


def wait_s(found: Any) -> float | None:
    """Return a hint in milliseconds as seconds, None for what is none of up to a minute."""
    if not (isinstance(found, str) and found.isascii() and found.isdigit() and len(found) <= 5):  # noqa: PLR2004
        return None
    return min(int(found) / 1000, 60) or None


def links(found: Any, *, any_text: bool = False) -> tuple[Artifact, ...]:
    """Return the results in a vendor's output, in their order and each once.

    A result is an object with a `url`; with `any_text`, any text that is an address too.
    """
    seen: dict[str, Artifact] = {}
    for artifact in _walk(found, 0, any_text=any_text):
        if len(seen) < MAX_RESULTS:
            seen.setdefault(artifact.url or repr(artifact.data[:64]) + str(len(seen)), artifact)
    return tuple(seen.values())


def artifact(url: Any, content_type: Any = None) -> Artifact | None:
    """Return the result at an address, or in a `data:` URL; None where it is no usable one."""
    if not isinstance(url, str):
        return None
    kind = content_type if isinstance(content_type, str) and _KIND.match(content_type) else None
    if url[:5].lower() == "data:":
        return _carried(url, kind)
    is_link = url[:8].lower().startswith(("https://", "http://"))
    if not is_link or len(url) > _MAX_URL or not url.isprintable() or " " in url:
        return None
    return Artifact(url=url, content_type=kind)


def decoded(text: Any) -> bytes | None:
    """Return the bytes of base64, None where it is none."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def _walk(found: Any, depth: int, *, any_text: bool) -> Iterator[Artifact]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(found, dict):
        own = artifact(found.get("url"), found.get("content_type"))
        if own is not None:
            yield own
            return
        children = list(found.values())
    elif isinstance(found, list):
        children = found
    else:
        own = artifact(found) if any_text else None
        if own is not None:
            yield own
        return
    for child in children:
        yield from _walk(child, depth + 1, any_text=any_text)


def _carried(url: str, kind: str | None) -> Artifact | None:
    head, comma, text = url[5:].partition(",")
    named, *parameters = head.split(";")
    if "base64" in (each.strip().lower() for each in parameters):
        data = decoded(text)
    else:
        data = unquote_to_bytes(text)
    if not comma or not data:
        return None
    return Artifact(data=data, content_type=named if _KIND.match(named) else kind)
