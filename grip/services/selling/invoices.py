"""Invoices and credit notes: written in the transaction of what they stand for, never changed.

All that stands on one comes from the order's snapshot, so that a profile that changes later changes
none. A number is taken from its series in the same transaction: rolled back, it is taken by the
next (Directive 2006/112/EC art. 226: sequential numbers, in one or more series).
"""

from typing import Any, Final

from grip import errors
from grip.clock import to_iso
from grip.money.currencies import share
from grip.services.context import Context
from grip.store import documents
from grip.store.documents import Stored
from grip.store.engine import Connection
from grip.store.orders import Order

INVOICE: Final = "invoice"
CREDIT_NOTE: Final = "credit_note"
TEMPLATE: Final = 1
"""The version of how documents look; a new one is for new documents alone."""

_SERIES: Final = {INVOICE: "INV", CREDIT_NOTE: "CN"}
_PAID: Final = "paid"


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
    tax = _tax_back(order, returned_minor) - _tax_back(order, order.returned_minor)
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


def _tax_back(order: Order, returned_minor: int) -> int:
    return share(order.tax_minor, returned_minor, order.gross_minor)


async def _issue(
    context: Context,
    connection: Connection,
    order: Order,
    *,
    kind: str,
    cause: str,
    minor: tuple[int, int, int],
    notes: list[str],
    refers_to: Stored | None = None,
) -> Stored:
    now_us = context.clock()
    issued_on = to_iso(now_us)[:10]
    series = f"{_SERIES[kind]}-{issued_on[:4]}-"
    net, tax, gross = minor
    number = await documents.next_number(connection, series)
    content = _content(order, kind, minor, notes) | {
        "number": f"{series}{number:06d}",
        "issued_on": issued_on,
        "supplied_on": to_iso(order.paid_us or now_us)[:10],
        "refers_to": None if refers_to is None else _reference(refers_to),
    }
    stored = Stored(
        id=context.new_id("inv"),
        series=series,
        number=number,
        kind=kind,
        wallet_id=order.wallet_id,
        order_id=order.id,
        cause=cause,
        currency=order.currency,
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
    order: Order, kind: str, minor: tuple[int, int, int], notes: list[str]
) -> dict[str, Any]:
    """Return what stands on a document, but for its number and its days."""
    agreed, (net, tax, gross) = order.snapshot, minor
    quantity = share(order.credits, gross, order.gross_minor)
    taxed = agreed["tax"]
    return {
        "kind": kind,
        "currency": order.currency,
        "seller": agreed["seller"],
        "customer": agreed["customer"],
        "lines": [
            {
                "description": agreed["title"],
                "quantity": quantity,
                "unit": "credits",
                "net_minor": net,
            }
        ],
        "tax": {
            name: taxed[name] for name in ("name", "category", "rate_bp", "reason_code", "reason")
        },
        "net_minor": net,
        "tax_minor": tax,
        "gross_minor": gross,
        "paid_minor": gross,
        "order_id": order.id,
        "notes": notes,
        "terms_url": agreed["terms_url"],
        "refund_policy_url": agreed["refund_policy_url"],
        "template": TEMPLATE,
    }
