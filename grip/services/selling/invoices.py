"""Invoices and credit notes: written in the transaction of what they stand for, never changed.

All that stands on one comes from the order's snapshot, so that a profile that changes later changes
none. A number is taken from its series in the same transaction: rolled back, it is taken by the
next (Directive 2006/112/EC art. 226: sequential numbers, in one or more series).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from grip import errors
from grip.clock import to_iso
from grip.documents.checking import check
from grip.documents.document import TEMPLATE, Document
from grip.money.currencies import share
from grip.money.tax import returned
from grip.services.context import Context
from grip.store import documents
from grip.store.documents import Stored
from grip.store.engine import Connection
from grip.store.orders import Order

INVOICE: Final = "invoice"
CREDIT_NOTE: Final = "credit_note"
_SERIES: Final = {INVOICE: "INV", CREDIT_NOTE: "CN"}
_PAID: Final = "paid"
_TAX: Final = ("name", "category", "rate_bp", "reason_code", "reason")
_DAY_US: Final = 24 * 3600 * 1_000_000

Minor = tuple[int, int, int]
"""Net, tax and gross in minor units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a wallet is billed for a period: `agreed` has both sides and the tax, as an order's."""

    wallet_id: str
    credits: int
    currency: str
    agreed: Mapping[str, Any]
    supplied_on: str
    due_days: int


def rehearse(order: Order) -> None:
    """Raise DocumentInvalid where the invoice of an order could not be issued, before it is paid.

    A payment that comes in is never refused for what stands on its invoice.
    """
    minor = (order.net_minor, order.tax_minor, order.gross_minor)
    content = _content(order.snapshot, order.currency, order.credits, minor) | {
        "kind": INVOICE,
        "number": "INV-0000-000000",
        "issued_on": to_iso(order.created_us)[:10],
        "supplied_on": to_iso(order.created_us)[:10],
        "paid_minor": order.gross_minor,
        "order_id": order.id,
    }
    check(msgspec.convert(content, Document))


async def issue_for_payment(context: Context, connection: Connection, order: Order) -> Stored:
    """Write the invoice of an order that has just been paid."""
    return await _issue(
        context,
        connection,
        order,
        kind=INVOICE,
        cause=f"order:{order.id}:{_PAID}",
        minor=(order.net_minor, order.tax_minor, order.gross_minor),
        notes=[],
    )


async def issue_for_return(
    context: Context, connection: Connection, order: Order, returned_minor: int, step: str
) -> Stored:
    """Write the credit note of what has gone back since the last one, or take one back.

    Its tax is what is left of the order's tax after all that went back before: the last one takes
    what rounding left.
    """
    first = await documents.by_cause(connection, order.wallet_id, f"order:{order.id}:{_PAID}")
    if first is None:
        raise errors.BooksBroken(f"{order.id}: it was paid, and has no invoice")
    gross = returned_minor - order.returned_minor
    tax = returned(order.tax_minor, returned_minor, order.gross_minor) - returned(
        order.tax_minor, order.returned_minor, order.gross_minor
    )
    if gross > 0:
        return await _issue(
            context,
            connection,
            order,
            kind=CREDIT_NOTE,
            cause=step,
            minor=(gross - tax, tax, gross),
            notes=[f"Credit for the invoice {first.name}: money was returned."],
            refers_to=first,
        )
    return await _issue(
        context,
        connection,
        order,
        kind=INVOICE,
        cause=step,
        minor=(tax - gross, -tax, -gross),
        notes=[
            f"A return of money for the invoice {first.name} failed: it is due again, and paid."
        ],
        refers_to=first,
    )


async def issue_on_account(
    context: Context, connection: Connection, bill: Bill, *, period: str
) -> Stored:
    """Write the invoice of what was posted on account in a period: due, and not paid yet."""
    now_us = context.clock()
    taxed = bill.agreed["tax"]
    minor = (taxed["net_minor"], taxed["tax_minor"], taxed["gross_minor"])
    content = _content(bill.agreed, bill.currency, bill.credits, minor) | {
        "kind": INVOICE,
        "paid_minor": 0,
        "due_on": to_iso(now_us + bill.due_days * _DAY_US)[:10],
        "supplied_on": bill.supplied_on,
        "notes": [f"Credits posted on account in {period}."],
    }
    return await _store(
        context,
        connection,
        content,
        kind=INVOICE,
        cause=f"account:{period}",
        wallet_id=bill.wallet_id,
        currency=bill.currency,
        minor=minor,
    )


async def _issue(
    context: Context,
    connection: Connection,
    order: Order,
    *,
    kind: str,
    cause: str,
    minor: Minor,
    notes: list[str],
    refers_to: Stored | None = None,
) -> Stored:
    gross = minor[2]
    quantity = share(order.credits, gross, order.gross_minor)
    content = _content(order.snapshot, order.currency, quantity, minor) | {
        "kind": kind,
        "paid_minor": gross,
        "order_id": order.id,
        "supplied_on": to_iso(order.paid_us or context.clock())[:10],
        "notes": [] if kind == CREDIT_NOTE else notes,
        "reason": " ".join(notes) if kind == CREDIT_NOTE else None,
        "refers_to": None if refers_to is None else _reference(refers_to),
    }
    return await _store(
        context,
        connection,
        content,
        kind=kind,
        cause=cause,
        wallet_id=order.wallet_id,
        order_id=order.id,
        currency=order.currency,
        minor=minor,
    )


async def _store(
    context: Context,
    connection: Connection,
    content: dict[str, Any],
    *,
    kind: str,
    cause: str,
    wallet_id: str,
    currency: str,
    minor: Minor,
    order_id: str | None = None,
) -> Stored:
    """Number a document, and write it: what it says was judged before anybody paid."""
    now_us = context.clock()
    issued_on = to_iso(now_us)[:10]
    series = f"{_SERIES[kind]}-{issued_on[:4]}-"
    if kind == CREDIT_NOTE:
        # Who takes numbers of both series locks them in one order, or two wait for each other.
        await documents.lock_series(connection, f"{_SERIES[INVOICE]}-{issued_on[:4]}-")
    number = await documents.next_number(connection, series)
    content |= {"number": f"{series}{number:06d}", "issued_on": issued_on, "template": TEMPLATE}
    net, tax, gross = minor
    stored = Stored(
        id=context.new_id("inv"),
        series=series,
        number=number,
        kind=kind,
        wallet_id=wallet_id,
        order_id=order_id,
        cause=cause,
        currency=currency,
        net_minor=net,
        tax_minor=tax,
        gross_minor=gross,
        content=content,
        issued_us=now_us,
    )
    await documents.insert(connection, stored)
    return stored


def _reference(document: Stored) -> list[str]:
    return [document.name, document.content["issued_on"]]


def _content(
    agreed: Mapping[str, Any], currency: str, quantity: int, minor: Minor
) -> dict[str, Any]:
    """Return what stands on any document of what was agreed."""
    net, tax, gross = minor
    taxed = agreed["tax"]
    line = {"description": agreed["title"], "quantity": quantity, "unit": "credits"}
    return {
        "currency": currency,
        "seller": agreed["seller"],
        "customer": agreed["customer"],
        "lines": [line | {"net_minor": net}],
        "tax": {name: taxed[name] for name in _TAX},
        "net_minor": net,
        "tax_minor": tax,
        "gross_minor": gross,
        "terms_url": agreed["terms_url"] or None,
        "refund_policy_url": agreed["refund_policy_url"] or None,
    }
