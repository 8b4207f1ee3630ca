"""Doing what the facts of an order ask for: the one place where a payment becomes credits.

Webhooks, the operator's approval and the janitor write facts, and call `settle` in the same
transaction. It compares what the facts come to with what was done already, and does the difference:
so that no order, replay or crash can do a thing twice (reference: Standard Webhooks and Stripe both
deliver at least once, in any order).
"""

from typing import Any

from grip import errors
from grip.money import ledger, payments
from grip.money.payments import Standing
from grip.services import postings
from grip.services.context import Context
from grip.services.selling import invoices, tiers
from grip.store import audit, orders, wallets
from grip.store.engine import Connection
from grip.store.orders import Order


async def settle(
    context: Context, connection: Connection, order: Order, *, actor: str, reason: str
) -> Order:
    """Bring a locked order to what its facts say; return it as it stands then."""
    facts = await orders.facts_of(connection, order.id)
    seen = payments.standing(facts, order.expected)
    books = _Books(context, connection, actor)
    after = order
    if seen.paid_by is not None and order.paid_us is None:
        after = await books.pay(after, seen.paid_by)
    if after.paid_us is not None:
        after = await books.reverse(after, seen, step=f"order:{order.id}:{len(facts)}")
        more_minor = _kept(after) - _kept(order)
        if more_minor:
            await tiers.review(context, connection, after, more_minor=more_minor, actor=actor)
    after = await _change(
        connection, after, status=_status(after, seen), disputed=int(seen.disputed)
    )
    if _told(after) != _told(order):
        await audit.append(
            connection,
            at_us=context.clock(),
            actor=actor,
            action="order.settle",
            subject=order.id,
            before=_told(order),
            after=_told(after),
            reason=reason,
        )
    return after


class _Books:
    """What settling does in one transaction."""

    def __init__(self, context: Context, connection: Connection, actor: str) -> None:
        self._context = context
        self._connection = connection
        self._actor = actor

    async def pay(self, order: Order, payment_ref: str) -> Order:
        """Give what was bought, the bonus, and the invoice; once for ever per order."""
        name = f"order:{order.id}"
        await self._credit(order, self._posting(order, name, ledger.PURCHASE, order.credits))
        if order.bonus:
            # An effect of its own: either may pay a part of a debt.
            gift = self._posting(order, f"{name}:gift", ledger.BONUS, order.bonus)
            await self._credit(order, gift)
        paid = await orders.change(
            self._connection,
            order,
            status=orders.PAID,
            paid_us=self._context.clock(),
            payment_ref=payment_ref,
        )
        await invoices.issue_for_payment(self._context, self._connection, paid)
        return paid

    async def reverse(self, order: Order, seen: Standing, *, step: str) -> Order:
        """Take back what money has gone back for, or give it again where the money is back."""
        back = seen.reversed_credits - order.reversed_credits
        if back > 0:
            await self._take(order, self._posting(order, step, ledger.REVERSAL, back))
        elif back < 0:
            await self._credit(order, self._posting(order, step, ledger.REINSTATEMENT, -back))
        if seen.returned_minor != order.returned_minor:
            await invoices.issue_for_return(
                self._context, self._connection, order, seen.returned_minor, step
            )
        return await _change(
            self._connection,
            order,
            reversed_credits=seen.reversed_credits,
            returned_minor=seen.returned_minor,
            payment_ref=seen.paid_by or order.payment_ref,
        )

    async def _credit(self, order: Order, posting: postings.Posting) -> None:
        wallet = await wallets.lock(self._connection, order.wallet_id)
        await postings.credit(self._context, self._connection, wallet, posting)

    async def _take(self, order: Order, posting: postings.Posting) -> None:
        wallet = await wallets.lock(self._connection, order.wallet_id)
        await postings.take(self._context, self._connection, wallet, posting)

    def _posting(
        self, order: Order, effect: str, counterpart: ledger.Counterpart, amount: int
    ) -> postings.Posting:
        return postings.Posting(
            counterpart=counterpart,
            amount=amount,
            actor=self._actor,
            reason=f"order {order.id}",
            effect=effect,
        )


async def _change(connection: Connection, locked: Order, **values: Any) -> Order:
    """Change a locked order where it is not so already."""
    if all(getattr(locked, name) == value for name, value in values.items()):
        return locked
    return await orders.change(connection, locked, **values)


def _kept(order: Order) -> int:
    """Return what has been paid and not gone back, in minor units."""
    return 0 if order.paid_us is None else order.gross_minor - order.returned_minor


def _status(order: Order, seen: Standing) -> str:
    if order.paid_us is not None:
        if order.returned_minor >= order.gross_minor:
            return orders.REVERSED
        return orders.PARTLY if order.returned_minor else orders.PAID
    if seen.doubtful:
        return orders.RETURNED if order.status == orders.RETURNED else orders.REVIEW
    if seen.ended is not None:
        return seen.ended
    return order.status


def _told(order: Order) -> dict[str, Any]:
    return {
        "status": order.status,
        "payment_ref": order.payment_ref,
        "returned_minor": order.returned_minor,
        "reversed_credits": order.reversed_credits,
        "disputed": order.disputed,
    }


async def locked(connection: Connection, order_id: str) -> Order:
    """Return an order, locked; raises NotFound."""
    found = await orders.lock(connection, order_id)
    if found is None:
        raise unknown(order_id)
    return found


def unknown(order_id: str) -> errors.NotFound:
    """Return that there is no such order."""
    return errors.NotFound(
        f"there is no order {order_id!r}; `grip orders list` shows what there is"
    )
