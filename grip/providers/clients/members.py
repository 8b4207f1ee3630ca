"""One object of a request, read member by member: what is left unread is refused by its name.

Owns the types of members and the paths in errors, like `messages[3].content[0].text`. Values that
only pass stay as the client wrote them.
"""

import re
from functools import cache
from typing import Any, Final, Self

import msgspec

from grip.errors import InvalidRequest
from grip.providers.conversation import HINTS, Untranslatable, untranslatable
from grip.providers.json_object import JsonObject

Object = dict[str, msgspec.Raw]

_WHERE: Final = re.compile(r" - at `\$(.*)`$", re.DOTALL)
_NULL: Final = b"null"
_SHOWN_CHARACTERS: Final = 60
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


_text = _decoder(str | None)
_flag = _decoder(bool | None)
_count = _decoder(int | None)
_number = _decoder(float | None)
_texts = _decoder(str | list[str] | None)
_word = _decoder(str | Object | None)
_object = _decoder(Object | None)
_objects = _decoder(list[Object] | None)
_content = _decoder(str | list[Object] | None)
_any = _decoder(Any)


class Members:
    """The members of one object that are not read yet; `path` is where it stands in the body.

    Every reader returns None where the member is absent or null, and raises InvalidRequest, naming
    it, where it is something else than asked for. `wire` is the API that the request goes to.
    """

    __slots__ = ("_left", "path", "wire")

    def __init__(self, left: Object, path: str, wire: str) -> None:
        self._left = left
        self.path = path
        self.wire = wire

    @classmethod
    def of(cls, body: JsonObject, wire: str) -> Self:
        """Return the members of a whole body."""
        return cls({name: msgspec.Raw(body.text_of(name)) for name in body.names}, "", wire)

    def at(self, name: str) -> str:
        """Return where the member `name` stands."""
        return f"{self.path}.{name}" if self.path else name

    def text(self, name: str) -> str | None:
        """Return a string."""
        found: str | None = self._read(name, _text)
        return found

    def needed(self, name: str) -> str:
        """Return a string that must be there."""
        found = self.text(name)
        if found is None:
            raise self.missing(name)
        return found

    def flag(self, name: str) -> bool | None:
        """Return a boolean."""
        found: bool | None = self._read(name, _flag)
        return found

    def count(self, name: str) -> int | None:
        """Return a whole number."""
        found: int | None = self._read(name, _count)
        return found

    def number(self, name: str) -> float | None:
        """Return a number."""
        found: float | None = self._read(name, _number)
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """Return strings, of which one may stand for itself."""
        found: str | list[str] | None = self._read(name, _texts)
        return (found,) if isinstance(found, str) else tuple(found or ())

    def word(self, name: str) -> "str | Members | None":
        """Return a string or an object."""
        found: str | Object | None = self._read(name, _word)
        return Members(found, self.at(name), self.wire) if isinstance(found, dict) else found

    def child(self, name: str) -> "Members | None":
        """Return an object."""
        found: Object | None = self._read(name, _object)
        return None if found is None else Members(found, self.at(name), self.wire)

    def owned(self, name: str) -> "Members":
        """Return an object that must be there."""
        found = self.child(name)
        if found is None:
            raise self.missing(name)
        return found

    def children(self, name: str) -> "list[Members]":
        """Return a list of objects, empty where it is absent."""
        found: list[Object] | None = self._read(name, _objects)
        return self._all(name, found or [])

    def content(self, name: str) -> "str | list[Members] | None":
        """Return a string, or a list of objects."""
        found: str | list[Object] | None = self._read(name, _content)
        return self._all(name, found) if isinstance(found, list) else found

    def json(self, name: str) -> msgspec.Raw | None:
        """Return the JSON text of an object, as it came."""
        raw = self._left.pop(name, None)
        if raw is None or (text := bytes(raw)) == _NULL:
            return None
        if not text.startswith(b"{"):
            raise self.wrong(name, "an object is expected")
        return raw

    def only(self, name: str, *values: Any, why: str = "") -> None:
        """Read a member that changes nothing as long as it is one of `values`; else refuse it."""
        raw = self._left.pop(name, None)
        if raw is None or bytes(raw) == _NULL:
            return
        found = self._decoded(name, raw, _any)
        if not any(_same(found, value) for value in values):
            raise self.refused(name, why)

    def drop(self, *names: str) -> None:
        """Leave out what changes nothing about an answer, whatever it is."""
        for name in names:
            self._left.pop(name, None)

    def done(self) -> None:
        """Refuse by its name what nobody has read, but for nulls and hints."""
        for name, raw in self._left.items():
            if name not in HINTS and bytes(raw) != _NULL:
                raise self.refused(name[:_SHOWN_CHARACTERS])

    def refused(self, name: str, why: str = "") -> Untranslatable:
        """Return the refusal of a member that cannot be carried."""
        return untranslatable(self.at(name), self.wire, why)

    def missing(self, name: str) -> InvalidRequest:
        """Return the error for a member that must be there."""
        return self.wrong(name, "it is required")

    def wrong(self, name: str, why: str) -> InvalidRequest:
        """Return the error for a member that cannot be what it is."""
        return invalid(self.at(name), why)

    def _all(self, name: str, found: list[Object]) -> "list[Members]":
        path, wire = self.at(name), self.wire
        return [Members(each, f"{path}[{at}]", wire) for at, each in enumerate(found)]

    def _read(self, name: str, decoder: msgspec.json.Decoder[Any]) -> Any:
        raw = self._left.pop(name, None)
        return None if raw is None else self._decoded(name, raw, decoder)

    def _decoded(self, name: str, raw: msgspec.Raw, decoder: msgspec.json.Decoder[Any]) -> Any:
        try:
            return decoder.decode(raw)
        except _UNREADABLE as error:
            said = str(error)
            where = _WHERE.search(said)
            below = where[1] if where else ""
            raise invalid(self.at(name) + below, _WHERE.sub("", said)) from None


def _same(found: Any, value: Any) -> bool:
    """Return whether two values are equal in JSON, where a number is no boolean."""
    return bool(found == value) and isinstance(found, bool) == isinstance(value, bool)


def invalid(param: str, why: str) -> InvalidRequest:
    """Return the error for the member `param`, which cannot be what it is."""
    return InvalidRequest(f"{param}: {why}", param=param)


def quoted(text: str) -> str:
    """Return as much of a client's word as an error may repeat."""
    return repr(text[:_SHOWN_CHARACTERS])


def is_object(text: str) -> bool:
    """Return whether `text` is the JSON text of an object."""
    try:
        return _object.decode(text) is not None
    except _UNREADABLE:
        return False
