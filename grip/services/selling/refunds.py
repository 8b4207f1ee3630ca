"""Refunds that are asked for here: their credits held first, their provider asked with a key.

Between the two grip may die: the row is there, and the janitor asks again with the same key, which
the provider answers with the same refund. None is ever given up on its own: only the provider's
word ends one.
"""

import asyncio
from typing import Final

import structlog

from grip import errors, failpoints
from grip.money import ledger, payments
from grip.money.currencies import major
from grip.money.payments import Refund
from grip.payments.build import Providers
from grip.services import amounts, postings
from grip.services.context import Context
from grip.services.selling import sales, settling, telling
from grip.store import audit, orders, wallets
from grip.store import payments as rows
from grip.store.engine import Connection
from grip.store.orders import Order
from grip.store.payments import RefundRow

_AGAIN_US: Final = 60 * 1_000_000
_PENDING_US: Final = 6 * 3600 * 1_000_000
"""When a refund is asked after whose end nobody has told: a bank takes days, a webhook is lost."""

log = structlog.get_logger(__name__)


async def give_back(
    context: Context,
    providers: Providers,
    order_id: str,
    *,
    amount_minor: int | None = None,
    actor: str,
    reason: str,
    may_owe: bool = False,
) -> tuple[RefundRow, Order]:
    """Write down a refund and ask its provider; return both as they stand then.

    Raises what `request` does, and what `Providers.get` does of a provider that cannot be used:
    nothing is written then. Whatever fails later is a RefundUnderWay, but for a provider that does
    not answer: the refund is requested, and goes on. Taken for a failure, it would be made twice.
    """
    order = await sales.find(context, order_id)
    if order.provider != orders.MANUAL:
        providers.get(order.provider)
    asked = await request(
        context,
        order.id,
        amount_minor=amount_minor,
        actor=actor,
        reason=reason,
        may_owe=may_owe,
    )
    try:
        try:
            done = await submit(context, providers, asked)
        except errors.PaymentProviderUnavailable:
            done = asked
        return done, await sales.find(context, order.id)
    except (Exception, asyncio.CancelledError) as error:
        raise _under_way_still(asked, error) from error


async def request(
    context: Context,
    order_id: str,
    *,
    amount_minor: int | None = None,
    actor: str,
    reason: str,
    may_owe: bool = False,
) -> RefundRow:
    """Write down a refund of a part or all of what is left, and hold its credits.

    Raises Conflict where the order is not paid, disputed, or has less left, and InsufficientCredits
    where the credits are spent: unless `may_owe`, when they become the wallet's debt.
    """
    why = amounts.reason(reason)
    async with context.database.write() as connection:
        order = await settling.locked(connection, order_id)
        under_way = await _under_way(connection, order)
        left = order.gross_minor - order.returned_minor - under_way
        amount = left if amount_minor is None else amount_minor
        _check(order, amount, left)
        due = _credits(order, under_way + amount) - _credits(order, under_way)
        refund = RefundRow(
            id=context.new_id("rf"),
            order_id=order.id,
            state=rows.REQUESTED,
            amount_minor=amount,
            hold_id=await _hold(context, connection, order, due, actor, may_owe=may_owe),
            ref=None,
            actor=actor,
            reason=why,
            created_us=context.clock(),
            due_us=context.clock() + _AGAIN_US,
        )
        await rows.insert_refund(connection, refund)
        await audit.append(
            connection,
            at_us=context.clock(),
            actor=actor,
            action="order.refund",
            subject=order.id,
            before={"status": order.status, "returned_minor": order.returned_minor},
            after={"refund": refund.id, "amount": major(amount, order.currency)},
            reason=why,
        )
        failpoints.hit("refund.before_commit")
    return refund


async def submit(context: Context, providers: Providers, refund: RefundRow) -> RefundRow:
    """Ask the provider for a refund, once however often it is asked; return it as it stands then.

    Raises PaymentProviderUnavailable where nobody knows yet: the janitor goes on.
    """
    async with context.database.read() as connection:
        order = await orders.find(connection, refund.order_id)
    if order is None or order.payment_ref is None:
        raise errors.BooksBroken(f"{refund.id}: its order {refund.order_id} is not paid")
    failpoints.hit("refund.before_ask")
    if order.provider == orders.MANUAL:
        answer = Refund(ref=refund.id, amount_minor=refund.amount_minor, state=payments.SUCCEEDED)
    else:
        answer = await _ask(providers, order, refund)
    failpoints.hit("refund.after_ask")
    done = await _answered(context, refund, answer)
    failpoints.hit("refund.after_commit")
    return done


def _under_way_still(refund: RefundRow, error: BaseException) -> errors.RefundUnderWay:
    what = str(error) if isinstance(error, errors.GripError) else type(error).__name__
    return errors.RefundUnderWay(
        f"{refund.id} of {refund.order_id} is {rows.REQUESTED}: the gateway goes on with it, so do "
        f"not ask for it again; grip orders show {refund.order_id} tells what became of it",
        metadata={"refund_id": refund.id},
        detail=f"this failed: {what}",
    )


async def _ask(providers: Providers, order: Order, refund: RefundRow) -> Refund:
    try:
        return await providers.get(order.provider).refund(
            refund.id,
            order.payment_ref or "",
            refund.amount_minor,
            order.currency,
            refund.reason,
        )
    except (
        errors.PaymentProviderRefused,
        errors.PaymentProviderUnable,
        errors.AmountUnpayable,
    ) as error:
        log.warning("refund.refused", refund=refund.id, error=str(error))
        return Refund(ref=refund.id, amount_minor=refund.amount_minor, state=payments.FAILED)


async def _answered(context: Context, refund: RefundRow, answer: Refund) -> RefundRow:
    """Write down the provider's name of a refund and its word, and do what that asks for."""
    async with context.database.write() as connection:
        order = await settling.locked(connection, refund.order_id)
        row = await rows.find_refund(connection, refund.id)
        if row is None:
            raise errors.BooksBroken(f"{refund.id}: it has gone; restore the database")
        if row.ended_us is None:
            due_us = context.clock() + _PENDING_US
            values = {"state": payments.PENDING, "ref": answer.ref, "due_us": due_us}
            await rows.change_refund(connection, row, **values)
        await telling.apply(context, connection, order, (answer,), source=f"refund:{refund.id}")
        return await rows.find_refund(connection, refund.id) or row


async def _under_way(connection: Connection, order: Order) -> int:
    refunds = await rows.refunds_of(connection, order.id)
    return sum(refund.amount_minor for refund in refunds if refund.ended_us is None)


def _check(order: Order, amount_minor: int, left_minor: int) -> None:
    if order.paid_us is None:
        raise errors.Conflict(f"the order {order.id} is not paid: it is {order.status}")
    if order.disputed:
        raise errors.Conflict(
            f"the order {order.id} is disputed: what goes back is for the provider to say"
        )
    if not 0 < amount_minor <= left_minor:
        raise errors.Conflict(
            f"the order {order.id} has {major(left_minor, order.currency)} {order.currency} left "
            f"to give back, not {major(amount_minor, order.currency)}"
        )


def _credits(order: Order, more_minor: int) -> int:
    return payments.reversed_credits(order.expected, order.returned_minor + more_minor)


async def _hold(
    context: Context,
    connection: Connection,
    order: Order,
    due: int,
    actor: str,
    *,
    may_owe: bool,
) -> str | None:
    """Hold the credits of a refund, as far as they are there; return the hold, None for nothing."""
    wallet = await wallets.lock(connection, order.wallet_id)
    if due > wallet.available and not may_owe:
        raise errors.InsufficientCredits(
            f"the refund takes {due} credits back, and the wallet has {wallet.available}; give "
            "back less, or say that the rest may become its debt",
            metadata={"required": due, "available": wallet.available, "held": wallet.held},
        )
    held = min(due, wallet.available)
    if not held:
        return None
    posting = postings.Posting(
        counterpart=ledger.REFUND, amount=held, actor=actor, reason=f"refund of {order.id}"
    )
    return await postings.hold(context, connection, wallet, posting)
