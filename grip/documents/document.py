"""What an invoice or a credit note says, whole: the value that is stored and drawn.

Amounts are integers in minor units of their currency, rates basis points, dates ISO texts.
Refuses nothing by itself: `grip.documents.checking` does.
"""

from typing import Literal

import msgspec

TEMPLATE = 1
"""The newest template. A document keeps the one that it was issued with."""


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """A seller or a customer as the law wants them named; `country` is ISO 3166 alpha-2."""

    name: str
    address: tuple[str, ...]
    city: str
    postcode: str
    country: str
    region: str = ""
    tax_id: str | None = None
    registration_id: str | None = None
    email: str | None = None


class Tax(msgspec.Struct, frozen=True, kw_only=True):
    """The one tax of a document.

    `name` is as it is printed (VAT, GST, sales tax), `category` one of EN 16931's, and `rate_bp`
    basis points: 1900 is 19 %. A rate of nothing has its reason in words and, for VAT, as a code of
    the list VATEX.
    """

    name: str
    category: Literal["S", "Z", "E", "AE", "G", "O"]
    rate_bp: int
    reason_code: str | None = None
    reason: str | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of something for `net_minor` in all; nothing is a bonus."""

    description: str
    quantity: int
    unit: str
    net_minor: int


class NationalTax(msgspec.Struct, frozen=True, kw_only=True):
    """The tax in the seller's currency: `rate` units of it for one, as `source` had it on `on`."""

    currency: str
    tax_minor: int
    rate: str
    source: str
    on: str


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice or a credit note; all amounts of both are zero or more.

    `refers_to` is number and date of the invoice that a credit note corrects, and `reason` why.
    """

    kind: Literal["invoice", "credit_note"]
    number: str
    issued_on: str
    supplied_on: str
    currency: str
    seller: Party
    customer: Party
    lines: tuple[Line, ...]
    tax: Tax
    net_minor: int
    tax_minor: int
    gross_minor: int
    paid_minor: int
    order_id: str | None = None
    refers_to: tuple[str, str] | None = None
    reason: str | None = None
    due_on: str | None = None
    notes: tuple[str, ...] = ()
    terms_url: str | None = None
    refund_policy_url: str | None = None
    template: int = TEMPLATE
    tax_in_national: NationalTax | None = None
