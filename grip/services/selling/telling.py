"""Writing down what was told of an order, and doing what it asks for: in one transaction."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from grip import errors
from grip.money import payments
from grip.money.payments import Fact, Refund
from grip.services import postings
from grip.services.context import Context
from grip.services.selling import settling
from grip.store import audit, orders, wallets
from grip.store import ledger as journal
from grip.store import payments as rows
from grip.store.engine import Connection
from grip.store.orders import Order
from grip.store.payments import RefundRow

_ENDED: Final = (payments.SUCCEEDED, payments.FAILED, payments.CANCELED)
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_REASON: Final = "told by the payment provider"


async def apply(
    context: Context,
    connection: Connection,
    order: Order,
    facts: tuple[Fact, ...],
    *,
    source: str,
    actor: str = "",
    reason: str = _REASON,
    refund_ids: Mapping[str, str] = _NONE,
) -> Order:
    """Write down facts of a locked order, end its refunds by them, and settle it.

    `refund_ids` are grip's own ids of refunds by the provider's names of them.
    """
    seen_us = context.clock()
    await _name_refunds(connection, order, refund_ids)
    await orders.learn(connection, order.id, facts, source=source, seen_us=seen_us)
    known = await orders.facts_of(connection, order.id)
    by = actor or f"payments:{order.provider}"
    await _end_refunds(context, connection, order, known, actor=by)
    return await settling.settle(context, connection, order, actor=by, reason=reason)


async def _name_refunds(
    connection: Connection, order: Order, refund_ids: Mapping[str, str]
) -> None:
    """Write down what the provider calls refunds whose answer has not come, or was lost."""
    for ref, refund_id in refund_ids.items():
        refund = await rows.find_refund(connection, refund_id)
        if refund is None or refund.order_id != order.id or refund.ref is not None:
            continue
        await rows.change_refund(connection, refund, state=payments.PENDING, ref=ref)


async def _end_refunds(
    context: Context, connection: Connection, order: Order, facts: Collection[Fact], *, actor: str
) -> None:
    """End the refunds of a locked order that its facts say are over, and let go of their holds."""
    told: dict[str, list[str]] = {}
    for fact in facts:
        if isinstance(fact, Refund):
            told.setdefault(fact.ref, []).append(fact.state)
    for refund in await rows.refunds_of(connection, order.id):
        words = told.get(refund.ref or "", [])
        if refund.ended_us is not None or not words:
            continue
        state = max(words, key=payments.REFUND_STATES.index)
        if state not in _ENDED:
            continue
        await _let_go(context, connection, order, refund)
        await rows.change_refund(
            connection, refund, state=state, due_us=None, ended_us=context.clock()
        )
        await audit.append(
            connection,
            at_us=context.clock(),
            actor=actor,
            action="order.refund_end",
            subject=order.id,
            before={"refund": refund.id, "state": refund.state},
            after={"refund": refund.id, "state": state},
            reason=refund.reason,
        )


async def _let_go(
    context: Context, connection: Connection, order: Order, refund: RefundRow
) -> None:
    """Give a refund's hold back: what it takes is taken by settling, at the same moment."""
    if refund.hold_id is None:
        return
    held = await journal.find(connection, refund.hold_id)
    if held is None:
        raise errors.BooksBroken(f"{refund.id}: its hold is not in the journal")
    wallet = await wallets.lock(connection, order.wallet_id)
    await postings.void(context, connection, wallet, held, actor=refund.actor)
