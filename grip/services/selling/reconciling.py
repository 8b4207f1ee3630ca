"""`grip reconcile`: orders beside the provider's own books, the journal and the documents.

What stands on one side and not on the other is a difference, told and never mended. The provider's
books come from its API, or from an export of them.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from grip.money.currencies import CURRENCIES, major
from grip.payments.port import Charge
from grip.services.context import Context
from grip.store import orders
from grip.store.orders import Order
from grip.store.proofs import invariants
from grip.store.proofs import orders as order_invariants
from grip.store.snapshot import freeze

EARLIER_US: Final = 14 * 24 * 3600 * 1_000_000
"""How long before a span its payments may have been made: a bank transfer takes days."""

_BOOKS: Final = (
    order_invariants.order_credited(),
    order_invariants.order_reversed(),
    order_invariants.order_documents(),
    order_invariants.order_known(),
    order_invariants.document_numbers(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference: `what` kind it is, of which order and payment, and both sides in words."""

    what: str
    order_id: str | None
    payment_ref: str | None
    here: str
    there: str


async def own_books(context: Context) -> list[Difference]:
    """Return where orders, journal and documents differ: what `ledger verify` says of them."""
    found: list[Difference] = []
    async with context.database.read() as connection:
        await freeze(connection)
        for invariant in _BOOKS:
            told, _ = await invariants.violations(connection, invariant)
            found += [
                Difference(
                    what=invariant.name, order_id=None, payment_ref=None, here=sentence, there=""
                )
                for sentence in told
            ]
    return found


async def with_provider(
    context: Context, provider: str, charges: AsyncIterator[Charge], *, from_us: int, to_us: int
) -> list[Difference]:
    """Return where a provider's charges of a span of time differ from the orders it settled.

    `charges` begin `EARLIER_US` before it: those there that settled none of its orders are another
    span's.
    """
    async with context.database.read() as connection:
        here = await orders.settled_by(connection, provider, from_us, to_us)
    waiting = {order.payment_ref: order for order in here}
    found: list[Difference] = []
    async for charge in charges:
        order = waiting.pop(charge.payment_ref, None)
        if order is not None:
            found += _compared(order, charge)
        elif charge.created_us >= from_us:
            found += await _unknown(context, provider, charge)
    found += [
        Difference(
            what="not_there",
            order_id=order.id,
            payment_ref=order.payment_ref,
            here=_sum(order.gross_minor, order.currency),
            there="",
        )
        for order in waiting.values()
    ]
    return found


async def _unknown(context: Context, provider: str, charge: Charge) -> list[Difference]:
    """Return the difference of a charge that settled no order of the span."""
    async with context.database.read() as connection:
        order = await orders.by_payment(connection, provider, charge.payment_ref)
    if order is not None:
        # Settled in another span: at midnight, or late.
        return _compared(order, charge)
    if not charge.amount_minor - charge.refunded_minor:
        return []
    return [
        Difference(
            what="not_here",
            order_id=charge.order_id,
            payment_ref=charge.payment_ref,
            here="",
            there=_sum(charge.amount_minor, charge.currency),
        )
    ]


def _compared(order: Order, charge: Charge) -> list[Difference]:
    sides = (
        (
            "amount",
            _sum(order.gross_minor, order.currency),
            _sum(charge.amount_minor, charge.currency),
        ),
        (
            "returned",
            _sum(order.returned_minor, order.currency),
            _sum(charge.refunded_minor, charge.currency),
        ),
    )
    return [
        Difference(
            what=what, order_id=order.id, payment_ref=charge.payment_ref, here=here, there=there
        )
        for what, here, there in sides
        # Money that a dispute took is no refund in a provider's books.
        if here != there and not (what == "returned" and order.disputed)
    ]


def _sum(amount_minor: int, currency: str) -> str:
    if currency not in CURRENCIES:
        return f"{amount_minor} {currency}"
    return f"{major(amount_minor, currency)} {currency}"
