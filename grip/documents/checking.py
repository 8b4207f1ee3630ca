"""What a document must hold before it is drawn: the law's fields, sums that agree, sane lengths.

An invoice is issued in the transaction of its payment, so what it refuses has to be refused
before: `check_party` is for whoever stores a profile. Refuses documents, and mends none.
"""

import re
from collections.abc import Iterable
from datetime import date
from itertools import chain
from typing import Final

from grip.documents.countries import COUNTRIES
from grip.documents.document import TEMPLATE, Document, Line, Party, Tax
from grip.documents.texts import plain
from grip.errors import DocumentInvalid
from grip.money import currencies

NAME_MAX: Final = 200
ADDRESS_LINES_MAX: Final = 8
ADDRESS_LINE_MAX: Final = 120
TEXT_MAX: Final = 1_000
"""Characters of a note or a description."""
LINES_MAX: Final = 1_000
NOTES_MAX: Final = 20
_QUANTITY_MAX: Final = 10**15
_NUMBER: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z./_-]{0,39}")
_REASON_CODE: Final = re.compile(r"VATEX-[0-9A-Z]{2}-[0-9A-Z-]{1,20}")
_WHOLE_BP: Final = 10_000
_REMAINDER_MAX: Final = 99
"""Minor units: the last refund of an order takes what rounding left of its tax."""
_SLACK: Final = 1
"""Where a price includes its tax, taking that out of it may round the other way."""
_UNTAXED: Final = {"Z", "E", "AE", "G", "O"}


def check(document: Document) -> None:
    """Raise DocumentInvalid where a document cannot be issued; `param` is the field."""
    _check_frame(document)
    check_party(document.seller, "seller")
    check_party(document.customer, "customer")
    _check_tax(document.tax, document.seller, document.customer)
    for line in document.lines:
        _check_line(line)
    _check_sums(document)
    _check_texts(document)


def check_party(party: Party, param: str) -> None:
    """Raise DocumentInvalid where a party could not stand on an invoice."""
    _demand(bool(plain(party.name)), f"{param}.name", "needs a name that can be read")
    _demand(party.country in COUNTRIES, f"{param}.country", "is a country of ISO 3166, such as DE")
    _demand(
        any(plain(text) for text in (*party.address, party.city)),
        f"{param}.address",
        "needs a full address",
    )
    _demand(
        len(party.address) <= ADDRESS_LINES_MAX,
        f"{param}.address",
        f"has at most {ADDRESS_LINES_MAX} lines",
    )
    _check_length(party.name, NAME_MAX, f"{param}.name")
    _check_lengths(party.address, ADDRESS_LINE_MAX, f"{param}.address")
    for field in ("city", "postcode", "region", "tax_id", "registration_id", "email"):
        _check_length(getattr(party, field) or "", ADDRESS_LINE_MAX, f"{param}.{field}")


def _check_frame(document: Document) -> None:
    _demand(document.template == TEMPLATE, "template", "is none that this version of grip has")
    _demand(_NUMBER.fullmatch(document.number), "number", "is 1 to 40 letters, digits and ./_-")
    for param in ("issued_on", "supplied_on", "due_on"):
        _check_date(getattr(document, param), param)
    _demand(document.currency in currencies.CURRENCIES, "currency", "is none of ISO 4217")
    _demand(1 <= len(document.lines) <= LINES_MAX, "lines", f"are 1 to {LINES_MAX}")
    if document.kind == "credit_note":
        _demand(document.refers_to, "refers_to", "has to name the invoice that is credited")
    if document.refers_to is not None:
        number, issued_on = document.refers_to
        _demand(_NUMBER.fullmatch(number), "refers_to", "needs the number of an invoice")
        _check_date(issued_on, "refers_to")


def _check_tax(tax: Tax, seller: Party, customer: Party) -> None:
    _demand(0 <= tax.rate_bp <= _WHOLE_BP, "tax.rate_bp", "is between nothing and the whole")
    if tax.category in _UNTAXED:
        _demand(tax.rate_bp == 0, "tax.rate_bp", f"is nothing in category {tax.category}")
    else:
        _demand(tax.rate_bp > 0, "tax.rate_bp", "of nothing needs a category that says why")
    if tax.category in _UNTAXED - {"Z"}:
        _demand(tax.reason or tax.reason_code, "tax.reason", "has to say why no tax is due")
    if tax.reason_code is not None:
        told = _REASON_CODE.fullmatch(tax.reason_code)
        _demand(told, "tax.reason_code", "is none of the list VATEX, such as VATEX-EU-AE")
    if tax.category == "O":
        _demand(
            seller.registration_id or seller.tax_id, "seller.registration_id", "has to be there"
        )
    else:
        _demand(seller.tax_id, "seller.tax_id", f"has to be there in category {tax.category}")
    if tax.category == "AE":
        _demand(
            customer.tax_id or customer.registration_id,
            "customer.tax_id",
            "has to be there under reverse charge",
        )


def _check_line(line: Line) -> None:
    _demand(bool(plain(line.description)), "lines.description", "has to say what was sold")
    _demand(1 <= line.quantity <= _QUANTITY_MAX, "lines.quantity", "is one or more")
    _demand(0 <= line.net_minor <= currencies.MAX_MINOR, "lines.net_minor", "is zero or more")


def _check_sums(document: Document) -> None:
    net, tax, gross = document.net_minor, document.tax_minor, document.gross_minor
    _demand(sum(line.net_minor for line in document.lines) == net, "net_minor", "is not their sum")
    _demand(tax >= 0, "tax_minor", "is zero or more")
    _demand(gross == net + tax, "gross_minor", "is not net and tax")
    _demand(gross <= currencies.MAX_MINOR, "gross_minor", "is more than an amount can be")
    _demand(0 <= document.paid_minor <= gross, "paid_minor", "is between nothing and the whole")
    due = currencies.share(net, document.tax.rate_bp, _WHOLE_BP)
    slack = _REMAINDER_MAX if document.kind == "credit_note" else _SLACK
    slack *= bool(document.tax.rate_bp)
    _demand(abs(tax - due) <= slack, "tax_minor", "is not the rate of the net amount")
    national = document.tax_in_national
    if national is not None:
        _demand(national.currency in currencies.CURRENCIES, "tax_in_national", "has no currency")
        _demand(
            national.currency != document.currency, "tax_in_national", "is in the same currency"
        )
        _demand(0 <= national.tax_minor <= currencies.MAX_MINOR, "tax_in_national", "is no amount")
        _check_date(national.on, "tax_in_national")


def _check_texts(document: Document) -> None:
    tax, national = document.tax, document.tax_in_national
    _demand(len(document.notes) <= NOTES_MAX, "notes", f"are at most {NOTES_MAX}")
    _check_lengths(document.notes, TEXT_MAX, "notes")
    _check_lengths(
        chain.from_iterable((line.description,) for line in document.lines), TEXT_MAX, "lines"
    )
    _check_lengths((line.unit for line in document.lines), 20, "lines.unit")
    _check_lengths((tax.name, tax.reason_code or ""), 40, "tax")
    _check_lengths((tax.reason or "", document.reason or ""), TEXT_MAX, "reason")
    _check_lengths(
        (document.terms_url or "", document.refund_policy_url or ""), TEXT_MAX, "terms_url"
    )
    _check_length(document.order_id or "", NAME_MAX, "order_id")
    if national is not None:
        _check_lengths((national.rate, national.source), NAME_MAX, "tax_in_national")


def _check_lengths(texts: Iterable[str], most: int, param: str) -> None:
    for text in texts:
        _check_length(text, most, param)


def _check_length(text: str, most: int, param: str) -> None:
    _demand(len(text) <= most, param, f"is longer than {most} characters")


def _check_date(text: str | None, param: str) -> None:
    if text is None:
        return
    try:
        told = date.fromisoformat(text).isoformat() == text
    except ValueError:
        told = False
    _demand(told, param, "is no date such as 2026-11-21")


def _demand(held: object, param: str, sentence: str) -> None:
    if not held:
        raise DocumentInvalid(f"the document cannot be made: `{param}` {sentence}", param=param)
