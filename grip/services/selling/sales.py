"""Orders as operators make them, see them, and settle them by hand."""

from typing import Any

from grip import errors
from grip.clock import to_iso
from grip.money.currencies import major, minor
from grip.money.payments import Paid, standing
from grip.services import amounts, references
from grip.services.context import Context
from grip.services.selling import agreeing, settling, telling
from grip.services.selling.agreeing import Offer
from grip.store import audit, orders, payments, wallets
from grip.store.engine import Connection
from grip.store.orders import Order


async def create(context: Context, ref: str, offer: Offer, *, actor: str) -> Order:
    """Make an order that is to be settled by hand; raises NotFound, Ambiguous or Conflict."""
    async with context.database.write() as connection:
        found = await references.wallet(connection, ref)
        wallet = await wallets.lock(connection, found.id)
        written = await agreeing.order(
            context, connection, wallet, offer, provider=orders.MANUAL, actor=actor
        )
        # There is no page to be opened first.
        made = await orders.change(connection, written, status=orders.AWAITING)
        await audit.append(
            connection,
            at_us=context.clock(),
            actor=actor,
            action="order.create",
            subject=made.id,
            after=agreeing.describe(made),
        )
    return made


async def approve(
    context: Context, order_id: str, *, evidence: str, actor: str, reason: str
) -> Order:
    """Say that the money of an order came in by hand: the same that a webhook says, once.

    So is an order in review, whose payment was of another amount: it is settled as agreed. Raises
    Conflict where it is a provider's to say, or it has been settled.
    """
    why, seen = amounts.reason(reason), evidence.strip()
    if not seen:
        raise errors.InvalidRequest(
            "say by what evidence: a bank's reference, a receipt", param="evidence"
        )
    async with context.database.write() as connection:
        order = await settling.locked(connection, order_id)
        if order.paid_us is not None:
            raise errors.Conflict(f"the order {order.id} is settled already")
        if order.provider != orders.MANUAL and order.status != orders.REVIEW:
            raise errors.Conflict(
                f"the order {order.id} is paid through {order.provider}, whose webhook settles it"
            )
        ref = await _payment_of(connection, order)
        order = await orders.change(connection, order, evidence=seen)
        paid = Paid(ref=ref, amount_minor=order.gross_minor, currency=order.currency)
        return await telling.apply(
            context, connection, order, (paid,), source=f"by hand: {seen}", actor=actor, reason=why
        )


async def send_back(context: Context, order_id: str, *, actor: str, reason: str) -> Order:
    """Say that the payment of an order in review was sent back: nothing was credited for it.

    Raises Conflict where it is not in review.
    """
    why = amounts.reason(reason)
    async with context.database.write() as connection:
        order = await settling.locked(connection, order_id)
        if order.status != orders.REVIEW:
            raise errors.Conflict(f"the order {order.id} is {order.status}, not in review")
        after = await orders.change(connection, order, status=orders.RETURNED)
        await audit.append(
            connection,
            at_us=context.clock(),
            actor=actor,
            action="order.return",
            subject=order.id,
            before={"status": order.status},
            after={"status": after.status},
            reason=why,
        )
    return after


async def _payment_of(connection: Connection, order: Order) -> str:
    """Return the name of the payment that an operator approves: of one in review, what came."""
    if order.provider == orders.MANUAL:
        return order.id
    facts = await orders.facts_of(connection, order.id)
    return standing(facts, order.expected).doubtful[0]


async def find(context: Context, order_id: str) -> Order:
    """Return an order; raises NotFound."""
    async with context.database.read() as connection:
        order = await orders.find(connection, order_id.strip())
    if order is None:
        raise settling.unknown(order_id)
    return order


async def minor_of(context: Context, order_id: str, amount: str | None) -> int | None:
    """Return an amount of an order's currency in minor units, None for none; InvalidRequest."""
    if amount is None:
        return None
    order = await find(context, order_id)
    try:
        return minor(amount, order.currency)
    except ValueError as error:
        raise errors.InvalidRequest(str(error), param="amount") from None


async def list_orders(
    context: Context,
    *,
    wallet: str | None = None,
    status: str | None = None,
    limit: int | None = None,
) -> list[Order]:
    """Return orders, newest first; raises InvalidRequest for a status there is none of."""
    if status is not None and status not in orders.STATUSES:
        raise errors.InvalidRequest(
            f"an order is {', '.join(orders.STATUSES)}, never {status!r}", param="status"
        )
    async with context.database.read() as connection:
        wallet_id = None
        if wallet is not None:
            wallet_id = (await references.wallet(connection, wallet)).id
        return await orders.load(connection, wallet_id=wallet_id, status=status, limit=limit)


async def show(context: Context, order_id: str) -> dict[str, Any]:
    """Return an order with all that was told of it; raises NotFound."""
    order = await find(context, order_id)
    async with context.database.read() as connection:
        session = await payments.session_of(connection, order.id)
        events = await payments.events(connection, order_id=order.id)
        refunds = await payments.refunds_of(connection, order.id)
    return {
        **describe(order),
        "terms": agreeing.describe(order),
        "seller": order.snapshot["seller"],
        "customer": order.snapshot["customer"],
        "tax": order.snapshot["tax"],
        "evidence": order.evidence,
        "session": None
        if session is None
        else {"id": session.id, "state": session.state, "ref": session.ref},
        "events": [
            {
                "event_id": event.event_id,
                "kind": event.kind,
                "state": event.state,
                "detail": event.detail,
                "received_at": to_iso(event.received_us),
            }
            for event in events
        ],
        "refunds": [
            {
                "id": refund.id,
                "state": refund.state,
                "amount": major(refund.amount_minor, order.currency),
                "ref": refund.ref,
                "reason": refund.reason,
                "created_at": to_iso(refund.created_us),
            }
            for refund in refunds
        ],
    }


def describe(order: Order) -> dict[str, Any]:
    """Return an order as it is listed: amounts as people write them."""
    return {
        "id": order.id,
        "created_at": to_iso(order.created_us),
        "wallet_id": order.wallet_id,
        "provider": order.provider,
        "package": order.package,
        "status": order.status,
        "credits": order.credits,
        "bonus": order.bonus,
        "currency": order.currency,
        "net": major(order.net_minor, order.currency),
        "tax_amount": major(order.tax_minor, order.currency),
        "gross": major(order.gross_minor, order.currency),
        "returned": major(order.returned_minor, order.currency),
        "reversed_credits": order.reversed_credits,
        "disputed": order.disputed,
        "payment_ref": order.payment_ref,
        "paid_at": None if order.paid_us is None else to_iso(order.paid_us),
    }
