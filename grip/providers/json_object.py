"""A JSON object that is read by member and edited in place, byte for byte.

What a client sent reaches the upstream as it was, but for the members that grip must change: their
bytes are replaced where they stand. An object that names a member twice is refused, since two
readers may disagree on which one counts.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, TypeVar, overload

import msgspec

from grip import errors

T = TypeVar("T")
D = TypeVar("D")

MAX_MEMBERS: Final = 256
"""The most members that an object may have: each costs a step, and no API knows as many."""

_SPACE: Final = b" \t\n\r"
_NAME: Final = re.compile(
    rb'[ \t\n\r]*+("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\n\r]*+:[ \t\n\r]*+', re.DOTALL
)
_SEPARATOR: Final = re.compile(rb"[ \t\n\r]*+([,}])")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_name = msgspec.json.Decoder(str)


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
        if len(self._values) > MAX_MEMBERS:
            raise errors.InvalidRequest(f"the body has more than {MAX_MEMBERS} members")
        self._spans = _walk(raw, self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    @property
    def names(self) -> Iterable[str]:
        """The names of all members."""
        return self._values.keys()

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

    Members come in the order of the text, each value's length is known from the parser, and no
    value that a separator follows begins another one: so every step lands on the next member,
    unless a name stands twice.
    """
    spans: dict[str, tuple[int, int]] = {}
    at = raw.index(b"{") + 1
    left = len(values)
    for name, value in values.items():
        found = _NAME.match(raw, at)
        written = None if found is None else _name.decode(found[1])
        if found is None or written != name:
            raise _twins(written or name)
        text = bytes(value)
        start = found.end()
        stop = start + len(text)
        left -= 1
        separator = _SEPARATOR.match(raw, stop)
        # Where a member is left behind the last one that the parser kept, it is a twin too.
        if separator is None or (separator[1] == b"}") != (left == 0):
            raise _twins(name)
        if not raw.startswith(text, start):
            raise _twins(name)
        spans[name] = (start, stop)
        at = separator.end()
    return spans


def _twins(name: str) -> errors.InvalidRequest:
    return errors.InvalidRequest(f"{name}: a member of the body stands twice", param=name)
