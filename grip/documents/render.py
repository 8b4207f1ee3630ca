"""A document becomes bytes: the pages as PDF/A-3B, and inside of them the XML.

The same document gives the same bytes, in any process, on any day and with any build of zlib.
Takes some 0.1 s of one core, so call it from a thread; it shares nothing with other calls.
"""

import msgspec

from grip.documents import facturx, invoice, metadata, words
from grip.documents.checking import check
from grip.documents.document import Document
from grip.documents.drawing import draw
from grip.documents.sheet import Sheet, midnight


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """The file, and the XML in it; None where EN 16931 cannot say what the document says."""

    pdf: bytes
    xml: bytes | None


def render(document: Document) -> Rendered:
    """Return the bytes of a document; raises DocumentInvalid where it cannot be issued."""
    check(document)
    xml = None if facturx.obstacle(document) else facturx.write(document)
    made_on = midnight(document.issued_on)
    sheet = Sheet(invoice.texts(document), made_on=made_on)
    title = f"{words.title(document)} {document.number}"
    seller = document.seller.name
    draw(sheet, invoice.arrange(document, sheet), seller=seller, title=title)
    if xml is not None:
        sheet.attach(facturx.NAME, xml, "The same document for machines")
    sheet.set_lang("en")
    sheet.set_xmp_metadata(
        metadata.xmp(
            title=title,
            author=seller,
            made_on=made_on,
            attachment=None if xml is None else (facturx.NAME, facturx.PROFILE),
        )
    )
    return Rendered(pdf=sheet.finish(compress=False), xml=xml)
