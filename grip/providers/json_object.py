"""A JSON object that is read by member and edited in place, byte for byte.

What a client sent reaches the upstream as it was, but for the members that grip must change: their
bytes are replaced where they stand. An object that names a member twice is refused, since two
readers may disagree on which one counts.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, overload

import msgspec

from grip import errors

T = TypeVar("T")
D = TypeVar("D")

_SPACE = b" \t\n\r"
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind | None)


class JsonObject:
    """The bytes of an object and where each of its members' values stands."""

    __slots__ = ("_spans", "_values", "raw")

    def __init__(self, raw: bytes) -> None:
        """Parse `raw`; raises InvalidRequest where it is no JSON object of distinct members."""
        self.raw = raw
        try:
            if not raw.isascii():
                raw.decode()  # the parser does not look into values that it skips
            self._values = _members.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise errors.InvalidRequest(f"the body is not a JSON object: {error}") from None
        self._spans = _walk(raw, self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    @overload
    def get(self, name: str, kind: type[T]) -> T | None: ...
    @overload
    def get(self, name: str, kind: type[T], default: D) -> T | D: ...
    def get(self, name: str, kind: Any, default: Any = None) -> Any:
        """Return the member as a `kind`, or `default` where it is absent or null.

        Raises InvalidRequest, naming the member, where it is something else.
        """
        value = self._values.get(name)
        if value is None:
            return default
        try:
            found = _decoder(kind).decode(value)
        except (msgspec.DecodeError, RecursionError) as error:
            raise errors.InvalidRequest(f"{name}: {error}", param=name) from None
        return default if found is None else found

    def text_of(self, name: str) -> bytes:
        """Return the JSON text of the member, empty where it is absent."""
        value = self._values.get(name)
        return b"" if value is None else bytes(value)

    def replace(self, changes: Mapping[str, Any]) -> bytes:
        """Return the object with these members set, all other bytes as they were."""
        spans = self._spans
        pieces: list[tuple[int, int, bytes]] = []
        added: list[bytes] = []
        for name, value in changes.items():
            text = msgspec.json.encode(value)
            if name in spans:
                pieces.append((*spans[name], text))
            else:
                added.append(b"," + msgspec.json.encode(name) + b":" + text)
        if added:
            end = self.raw.rstrip(_SPACE).rindex(b"}")
            pieces.append((end, end, b"".join(added) if spans else b"".join(added)[1:]))
        result: list[bytes] = []
        at = 0
        for start, stop, text in sorted(pieces):
            result += (self.raw[at:start], text)
            at = stop
        return b"".join((*result, self.raw[at:]))


def _walk(raw: bytes, values: Mapping[str, msgspec.Raw]) -> dict[str, tuple[int, int]]:
    """Return where each value stands; the parser has seen that `raw` is well-formed.

    Members come in the order of the text, each value's length is known from the parser, and so
    every step lands on the next member, unless a name stands twice.
    """
    spans: dict[str, tuple[int, int]] = {}
    at = _skip(raw, raw.index(b"{") + 1)
    for name, value in values.items():
        stop = _end_of_string(raw, at)
        if msgspec.json.decode(raw[at:stop]) != name:
            raise _twins(name)
        at = _skip(raw, raw.index(b":", stop) + 1)
        text = bytes(value)
        if not raw.startswith(text, at):
            raise _twins(name)
        spans[name] = (at, at + len(text))
        at = _skip(raw, _skip(raw, at + len(text)) + 1)
    if raw[at:].strip(_SPACE + b"}"):
        raise _twins("a member")
    return spans


def _twins(name: str) -> errors.InvalidRequest:
    return errors.InvalidRequest(f"{name}: a member of the body stands twice", param=name)


def _skip(raw: bytes, at: int) -> int:
    while at < len(raw) and raw[at] in _SPACE:
        at += 1
    return at


def _end_of_string(raw: bytes, at: int) -> int:
    """Return the position behind the string that starts at `at`."""
    stop = raw.index(b'"', at + 1)
    while _is_escaped(raw, stop):
        stop = raw.index(b'"', stop + 1)
    return stop + 1


def _is_escaped(raw: bytes, at: int) -> bool:
    slashes = 0
    while raw[at - 1 - slashes] == ord("\\"):
        slashes += 1
    return slashes % 2 == 1
