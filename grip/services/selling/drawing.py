"""Documents as PDF: drawn when they are asked for, and the same bytes for ever.

The first drawing is sealed by its hash; a later one that differs is refused, since a document that
has been sent cannot look otherwise.
"""

import asyncio
import hashlib

import msgspec

from grip import errors
from grip.documents.document import Document
from grip.services.context import Context
from grip.services.selling import papers
from grip.store import documents
from grip.store.documents import Stored


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """A document as PDF, its hash, and its XML where its tax has any."""

    pdf: bytes
    sha256: str
    xml: bytes | None


async def pdf_of(context: Context, ref: str) -> tuple[Stored, Drawn]:
    """Return a document and its PDF; raises NotFound, and BooksBroken where it looks otherwise."""
    found = await papers.find(context, ref)
    drawn = await asyncio.to_thread(_draw, found)
    async with context.database.write() as connection:
        sealed = await documents.seal(connection, found.id, drawn.sha256, context.clock())
    if sealed != drawn.sha256:
        raise errors.BooksBroken(
            f"{found.name} would not look as it did when it was first drawn; draw it with the grip "
            "that issued it"
        )
    return found, drawn


def _draw(stored: Stored) -> Drawn:
    # Loaded by the first who draws: a third of a second, and 55 MB.
    from grip.documents.render import render  # noqa: PLC0415

    rendered = render(msgspec.convert(stored.content, Document))
    return Drawn(
        pdf=rendered.pdf, sha256=hashlib.sha256(rendered.pdf).hexdigest(), xml=rendered.xml
    )
