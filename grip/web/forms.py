"""Reading a form off ASGI: fields into memory, files into spools, all within bounds.

Owns which forms are taken. Heads of parts are written anew, since two readers may disagree on an
odd one: what goes on to an upstream is what was understood here.
"""

import hashlib
from typing import Any, Final

from litestar.types import Receive, Scope
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    content_disposition_quote,
    parse_options_header,
)

from grip import errors
from grip.providers.form import Form, Part
from grip.web.request import header
from grip.web.spool import Spool

_TYPE: Final = "multipart/form-data"
_MAX_PARTS: Final = 256
_MAX_FIELDS_BYTES: Final = 1024 * 1024
"""What the fields of a form may be together: they are kept in memory."""


def is_form(scope: Scope) -> bool:
    """Return whether the body announces itself as a form."""
    found = header(scope, b"content-type") or b""
    return found.lower().startswith(_TYPE.encode())


async def read_form(scope: Scope, receive: Receive, max_bytes: int) -> Form:
    """Return the form in a request; the caller closes it.

    Raises RequestTooLarge, InvalidRequest, or ServiceUnavailable where files find no room.
    """
    announced = header(scope, b"content-length") or b"0"
    if announced.isdigit() and int(announced) > max_bytes:
        raise _too_large(max_bytes)
    boundary = _boundary(scope)
    reader = _Reader(boundary)
    try:
        await _feed(reader, receive, max_bytes)
        return reader.form()
    except MultipartError as error:
        reader.close()
        raise _broken(error) from None
    except OSError as error:
        reader.close()
        raise errors.ServiceUnavailable(
            "the gateway has no room for the file at the moment; retry later", detail=str(error)
        ) from error
    except BaseException:
        reader.close()
        raise


async def _feed(reader: "_Reader", receive: Receive, max_bytes: int) -> None:
    size, more = 0, True
    while more:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise errors.InvalidRequest("the client left before its body was complete")
        data: bytes = message.get("body", b"")
        size += len(data)
        if size > max_bytes:
            raise _too_large(max_bytes)
        await reader.take(data)
        more = message.get("more_body", False)


class _Reader:
    """Puts the parts of one form together."""

    def __init__(self, boundary: str) -> None:
        self._boundary = boundary
        self._parser = PushMultipartParser(boundary, max_segment_count=_MAX_PARTS, strict=True)
        self._parts: list[Part] = []
        self._digest = hashlib.sha256()
        self._fields_bytes = 0
        self._segment: MultipartSegment | None = None
        self._content: bytearray | Spool = bytearray()
        self._part_digest = hashlib.sha256()

    async def take(self, data: bytes) -> None:
        """Read on; raises MultipartError, InvalidRequest or OSError."""
        if not data:
            return
        for event in self._parser.parse(data):
            if isinstance(event, MultipartSegment):
                self._begin(event)
            elif event is None:
                self._end()
            else:
                await self._add(bytes(event))

    def form(self) -> Form:
        """Return what was read; raises MultipartError where it is not all there."""
        self._parser.close()
        return Form(self._boundary.encode("latin-1"), tuple(self._parts), self._digest.hexdigest())

    def close(self) -> None:
        """Give up what was read."""
        if isinstance(self._content, Spool):
            self._content.close()
        for part in self._parts:
            if isinstance(part.content, Spool):
                part.content.close()

    def _begin(self, segment: MultipartSegment) -> None:
        if not segment.name:
            raise errors.InvalidRequest("each part of the form needs a name")
        self._segment = segment
        self._content = bytearray() if segment.filename is None else Spool()
        self._part_digest = hashlib.sha256()

    async def _add(self, data: bytes) -> None:
        self._part_digest.update(data)
        if isinstance(self._content, Spool):
            await self._content.write(data)
            return
        self._fields_bytes += len(data)
        if self._fields_bytes > _MAX_FIELDS_BYTES:
            raise errors.RequestTooLarge(
                f"the fields of the form are over {_MAX_FIELDS_BYTES} bytes; a file needs a "
                "filename"
            )
        self._content += data

    def _end(self) -> None:
        segment, content = self._segment, self._content
        if segment is None or not segment.name:
            raise errors.InvalidRequest("the form has a part without a head")
        head = _head(segment)
        self._digest.update(b"%d\0" % len(head) + head + self._part_digest.digest())
        self._parts.append(
            Part(
                name=segment.name,
                filename=segment.filename,
                head=head,
                content=content if isinstance(content, Spool) else bytes(content),
            )
        )
        self._segment, self._content = None, bytearray()


def _head(segment: MultipartSegment) -> bytes:
    """Return the lines of a part's head: what RFC 7578 knows of it, and nothing else."""
    quote = content_disposition_quote
    lines = f"Content-Disposition: form-data; name={quote(segment.name)}"
    if segment.filename is not None:
        lines += f"; filename={quote(segment.filename)}"
    kind = segment.header("Content-Type")
    if kind is not None:
        lines += f"\r\nContent-Type: {kind}"
    return lines.encode() + b"\r\n"


def _boundary(scope: Scope) -> str:
    _, options = parse_options_header((header(scope, b"content-type") or b"").decode("latin-1"))
    boundary = str(options.get("boundary", ""))
    if not boundary.isascii() or not boundary.isprintable() or not 0 < len(boundary) <= _MAX_EDGE:
        raise errors.InvalidRequest("the form names no boundary that can be used")
    return boundary


def _broken(error: MultipartError) -> errors.GripError:
    if isinstance(error, ParserLimitReached):
        return errors.RequestTooLarge(f"the form is too large: {error}")
    return errors.InvalidRequest(f"the body is no form that can be read: {error}")


def _too_large(max_bytes: int) -> errors.RequestTooLarge:
    return errors.RequestTooLarge(f"the form is over the limit of {max_bytes} bytes")


_MAX_EDGE: Final = 200
