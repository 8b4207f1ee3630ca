"""An invoice or a credit note on its pages: what stands where, and in which words.

Owns the template. Its look is a promise: a document that was issued looks the same for ever, so a
change of anything here is a new template beside the old one (docs/adr/0011).
"""

from collections.abc import Iterator
from functools import partial
from itertools import zip_longest
from typing import Final

import msgspec

from grip.documents import words
from grip.documents.countries import COUNTRIES
from grip.documents.document import Document, Line, Party
from grip.documents.facturx import reason
from grip.documents.layout import BODY_PT, LEFT, RIGHT, SMALL_PT, STEP, TITLE_PT, Measuring, Pages
from grip.documents.texts import plain

_HALF: Final = 108.0
"""Where the right column begins."""
_COLUMN: Final = 78.0
_DATES: Final = (LEFT, LEFT + 44.0)
_DATE: Final = 42.0
_DESCRIPTION: Final = 62.0
_QUANTITY: Final = (115.0, 30.0)
_PRICE: Final = (147.0, 30.0)
_RATE: Final = (162.0, 13.0)
_NET: Final = (RIGHT, 26.0)
"""Where the columns of numbers end, and how wide they are."""
_TOTALS: Final = 108.0
_LABEL: Final = 40.0
_TOTAL: Final = (RIGHT, 40.0)
_HEADING: Final = (RIGHT, 80.0)


def arrange(document: Document, faces: Measuring) -> Pages:
    """Return the pages of a document that was checked."""
    pages = Pages(faces=faces)
    _head(pages, document)
    _parties(pages, document)
    _lines(pages, document)
    _totals(pages, document)
    _remarks(pages, document)
    return pages


def texts(document: Document) -> Iterator[str]:
    """Yield all that strangers wrote on a document, and all else that it may print."""
    yield from _strings(msgspec.to_builtins(document))
    yield COUNTRIES[document.seller.country]
    yield COUNTRIES[document.customer.country]


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


def _head(pages: Pages, document: Document) -> None:
    pages.text(LEFT, words.title(document), size_pt=TITLE_PT, bold=True)
    pages.number(_HEADING, document.number, size_pt=12)
    pages.down(2.6)
    top = pages.y
    lowest = top
    for place, (label, value) in enumerate(_dates(document)):
        pages.y = top + STEP * 2.3 * (place // len(_DATES))
        _fact(pages, _DATES[place % len(_DATES)], _DATE, label, value)
        lowest = pages.y
    pages.y = top
    for label, value in _references(document):
        _fact(pages, _HALF, _COLUMN, label, value)
    pages.y = max(lowest, pages.y) + STEP * 0.4


def _dates(document: Document) -> Iterator[tuple[str, str]]:
    yield "Date of issue", words.day(document.issued_on)
    yield "Date of supply or payment", words.day(document.supplied_on)
    if document.due_on and document.paid_minor < document.gross_minor:
        yield "Due on", words.day(document.due_on)


def _references(document: Document) -> Iterator[tuple[str, str]]:
    if document.order_id:
        yield "Order", document.order_id
    if document.refers_to is not None:
        number, issued_on = document.refers_to
        yield "Refers to invoice", f"{number} of {words.day(issued_on)}"


def _fact(pages: Pages, x: float, width: float, label: str, value: str) -> None:
    pages.text(x, label, size_pt=SMALL_PT, quiet=True)
    pages.down(0.9)
    for line in pages.wrapped(value, width):
        pages.text(x, line)
        pages.down()
    pages.down(0.4)


def _parties(pages: Pages, document: Document) -> None:
    """Put both side by side, line by line: addresses may be longer than a page is."""
    pages.rule()
    pages.down(0.4)
    pages.text(LEFT, "From", size_pt=SMALL_PT, quiet=True)
    pages.text(_HALF, "Billed to", size_pt=SMALL_PT, quiet=True)
    pages.down(1.1)
    seller = _party(pages, document.seller, document.tax.name)
    customer = _party(pages, document.customer, document.tax.name)
    for pair in zip_longest(seller, customer):
        pages.need(1)
        for x, told in zip((LEFT, _HALF), pair, strict=True):
            if told is not None:
                text, size_pt, bold = told
                pages.text(x, text, size_pt=size_pt, bold=bold)
        pages.down()
    pages.down(1.4)


def _party(pages: Pages, party: Party, tax_name: str) -> Iterator[tuple[str, float, bool]]:
    """Yield the lines of a party: text, size, and whether it is bold."""
    blocks = (
        ([party.name], BODY_PT, True),
        (_address(party), BODY_PT, False),
        (_identities(party, tax_name), SMALL_PT, False),
    )
    for texts_of_block, size_pt, bold in blocks:
        for text in texts_of_block:
            for line in pages.wrapped(text, _COLUMN, size_pt=size_pt, bold=bold):
                yield line, size_pt, bold


def _address(party: Party) -> Iterator[str]:
    yield from party.address
    yield f"{party.postcode} {party.city}"
    yield party.region
    yield COUNTRIES[party.country]


def _identities(party: Party, tax_name: str) -> Iterator[str]:
    if party.tax_id:
        yield f"{'Tax' if tax_name == 'sales tax' else tax_name} ID: {party.tax_id}"
    if party.registration_id:
        yield f"Registration: {party.registration_id}"
    if party.email:
        yield party.email


def _lines(pages: Pages, document: Document) -> None:
    head = partial(_head_of_lines, pages, document)
    pages.need(6)
    head()
    for line in document.lines:
        _line(pages, line, document, head)
    pages.rule(strong=True)


def _head_of_lines(pages: Pages, document: Document) -> None:
    pages.text(LEFT, "Description", size_pt=SMALL_PT, quiet=True)
    columns = (
        (_QUANTITY, "Quantity"),
        (_PRICE, "Unit price"),
        (_RATE, document.tax.name),
        (_NET, f"Net, {document.currency}"),
    )
    for column, label in columns:
        pages.number(column, label, size_pt=SMALL_PT, quiet=True)
    pages.down()
    pages.rule(strong=True)
    pages.down(0.3)


def _line(pages: Pages, line: Line, document: Document, head: partial[None]) -> None:
    described = pages.wrapped(line.description, _DESCRIPTION)
    pages.need(min(len(described), 3) + 0.5, head)
    quantity = f"{words.count(line.quantity)} {plain(line.unit)}".rstrip()
    pages.number(_QUANTITY, quantity)
    pages.number(_PRICE, words.unit_price(line, document.currency))
    pages.number(_RATE, words.rate(document.tax.rate_bp))
    pages.number(_NET, words.amount(line.net_minor, document.currency))
    for place, text in enumerate(described):
        if place:
            pages.need(1, head)
        pages.text(LEFT, text)
        pages.down()
    pages.down(0.3)


def _totals(pages: Pages, document: Document) -> None:
    tax, currency = document.tax, document.currency
    pages.need(9)
    pages.down(0.4)
    _total(pages, "Net", document.net_minor, currency)
    taxed = f"{tax.name} {words.rate(tax.rate_bp)} on {words.amount(document.net_minor, currency)}"
    _total(pages, taxed, document.tax_minor, currency)
    national = document.tax_in_national
    if national is not None:
        _total(pages, f"{tax.name} in {national.currency}", national.tax_minor, national.currency)
    pages.rule(_TOTALS)
    pages.down(0.3)
    is_credit = document.kind == "credit_note"
    whole = "Total credited" if is_credit else "Total"
    _total(pages, whole, document.gross_minor, currency, bold=True)
    _total(pages, "Refunded" if is_credit else "Paid", document.paid_minor, currency)
    left = "Still to be refunded" if is_credit else "Amount due"
    _total(pages, left, document.gross_minor - document.paid_minor, currency, bold=True)


def _total(
    pages: Pages, label: str, amount_minor: int, currency: str, *, bold: bool = False
) -> None:
    pages.text(_TOTALS, label, most=_LABEL, bold=bold)
    told = f"{currency} {words.amount(amount_minor, currency)}"
    pages.number(_TOTAL, told, bold=bold)
    pages.down(1.15)


def _remarks(pages: Pages, document: Document) -> None:
    pages.down(1.2)
    for text in _sentences(document):
        for line in pages.wrapped(text, RIGHT - LEFT):
            pages.need(1)
            pages.text(LEFT, line)
            pages.down()
        pages.down(0.4)


def _sentences(document: Document) -> Iterator[str]:
    yield reason(document.tax)
    if document.reason:
        yield f"Reason: {document.reason}"
    yield words.terms(document)
    national = document.tax_in_national
    if national is not None:
        yield (
            f"Exchange rate: 1 {document.currency} = {national.rate} {national.currency}, "
            f"{national.source}, {words.day(national.on)}."
        )
    yield from document.notes
    if document.terms_url:
        yield f"Terms: {document.terms_url}"
    if document.refund_policy_url:
        yield f"Refund policy: {document.refund_policy_url}"
