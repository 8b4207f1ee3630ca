"""A form with files (multipart/form-data, RFC 7578): fields in memory, files where they lie.

Owns how a form is written for an upstream: the client's own parts in their order, with what must
differ replaced. Refuses to read forms off a connection (`web/forms.py` does), and to hold a file
in memory.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Final, Protocol

import msgspec

from grip.providers.json_object import JsonObject

_LINE: Final = b"\r\n"


class Upload(Protocol):
    """A body that is read from where it lies, from its beginning each time."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield it in pieces."""


class Stored(Protocol):
    """The content of a file."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield it in pieces."""

    def close(self) -> None:
        """Give it up."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part: its head as it goes to an upstream, its name, and what it holds."""

    name: str
    head: bytes
    content: bytes | Stored
    filename: str | None = None

    @property
    def size(self) -> int:
        """The length of its content in bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.size


class Form:
    """The parts of one form, in order; `boundary` stands in none of them."""

    def __init__(self, boundary: bytes, parts: tuple[Part, ...], digest: str) -> None:
        """Take what was read; `digest` is the SHA-256 of all parts, whatever the boundary."""
        self.parts = parts
        self.digest = digest
        self.content_type = f"multipart/form-data; boundary={boundary.decode('latin-1')}"
        self._boundary = boundary

    def files(self, *names: str) -> list[Part]:
        """Return the files under these names."""
        return [part for part in self.parts if part.filename is not None and part.name in names]

    def upload(self, changes: Mapping[str, bytes]) -> Upload:
        """Return the form as a body, with these fields' contents replaced."""
        return _Body(self._boundary, self.parts, changes)

    def close(self) -> None:
        """Give up all files."""
        for part in self.parts:
            if not isinstance(part.content, bytes):
                part.content.close()


class _Body:
    """A form as an `Upload`."""

    def __init__(
        self, boundary: bytes, parts: tuple[Part, ...], changes: Mapping[str, bytes]
    ) -> None:
        self._pieces: list[bytes | Stored] = []
        for part in parts:
            content = changes.get(part.name, part.content)
            self._pieces += (b"--" + boundary + _LINE + part.head + _LINE, content, _LINE)
        self._pieces.append(b"--" + boundary + b"--" + _LINE)

    @property
    def size(self) -> int:
        return sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in self._pieces)

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            async for chunk in piece.chunks():
                yield chunk


def fields(form: Form, wholes: frozenset[str], flags: frozenset[str]) -> JsonObject:
    """Return the text fields of a form as JSON; `wholes` become numbers, `flags` true and false.

    A value that is neither stays a text, and is refused where a number is read. A field that comes
    more than once is a list.
    """
    found: dict[str, list[object]] = {}
    for part in form.parts:
        if part.filename is None and isinstance(part.content, bytes):
            text = part.content.decode(errors="replace")
            found.setdefault(part.name, []).append(_value(part.name, text, wholes, flags))
    single = {name: values[0] if len(values) == 1 else values for name, values in found.items()}
    return JsonObject(msgspec.json.encode(single))


def _value(name: str, text: str, wholes: frozenset[str], flags: frozenset[str]) -> object:
    if name in wholes and text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        return int(text)
    if name in flags and text.lower() in _FLAGS:
        return _FLAGS[text.lower()]
    return text


_MAX_DIGITS: Final = 9
_FLAGS: Final = {"true": True, "false": False, "1": True, "0": False}
