"""Webhooks: what a payment provider tells, kept as it came, and done in the same transaction.

The answer to a webhook comes after the commit. What cannot be matched with an order is put aside
for the operator, never guessed at.
"""

from collections.abc import Mapping

import structlog

from grip import failpoints
from grip.payments.port import PaymentProvider, Seen, Told
from grip.services.context import Context
from grip.services.selling import settling, telling
from grip.store import orders, payments
from grip.store.engine import Connection
from grip.store.orders import Order
from grip.store.payments import Event

log = structlog.get_logger(__name__)


async def receive(
    context: Context, provider: PaymentProvider, raw: bytes, headers: Mapping[str, str]
) -> str:
    """Take a webhook, and do what it says; return what became of it.

    Raises WebhookRefused and WebhookUnavailable, and then nothing is kept of it; raises what the
    books raise, and then it must be sent again.
    """
    told = provider.read(raw, headers, context.clock())
    async with context.database.write() as connection:
        order, why = await _order_of(connection, provider.name, told)
        state = _state(order, why, told)
        event = Event(
            provider=provider.name,
            event_id=told.event_id,
            kind=told.kind,
            order_id=None if order is None else order.id,
            state=state,
            payment_ref=told.payment_ref,
            facts=orders.plain(told.facts),
            detail=why or None,
            body=raw,
            received_us=context.clock(),
        )
        is_new = await payments.keep_event(connection, event)
        if is_new and order is not None and state == payments.APPLIED:
            await _adopt(connection, order, told.session_ref)
            source = f"{provider.name}:{told.event_id}"
            order = await telling.apply(
                context,
                connection,
                order,
                told.facts,
                source=source,
                refund_ids=told.refund_ids,
            )
            await _catch_up(context, connection, order)
        failpoints.hit("webhook.before_commit")
    failpoints.hit("webhook.after_commit")
    if state == payments.QUARANTINED:
        log.error("payment.quarantined", provider=provider.name, event_id=told.event_id, why=why)
    return state


async def learn(context: Context, provider: str, order_id: str, seen: Seen) -> Order:
    """Do what a provider said when it was asked after an order; return the order as it stands."""
    async with context.database.write() as connection:
        order = await settling.locked(connection, order_id)
        await _adopt(connection, order, seen.session_ref)
        order = await telling.apply(
            context,
            connection,
            order,
            seen.facts,
            source=f"{provider}:asked",
            refund_ids=seen.refund_ids,
        )
        return await _catch_up(context, connection, order)


async def catch_up(context: Context, order_id: str) -> None:
    """Do what was told of a paid order's payment, and waits still: told at the same instant."""
    async with context.database.write() as connection:
        await _catch_up(context, connection, await settling.locked(connection, order_id))


def _state(order: Order | None, why: str, told: Told) -> str:
    if not told.facts:
        return payments.IGNORED
    if order is None and told.order_id is None and told.payment_ref is not None:
        # Of a payment that nobody has told of yet: events come in any order.
        return payments.WAITING
    return payments.QUARANTINED if why else payments.APPLIED


async def _catch_up(context: Context, connection: Connection, order: Order) -> Order:
    """Do what was told of an order's payment before the payment itself was."""
    if order.payment_ref is None:
        return order
    waiting = await payments.take_waiting(
        connection, order.provider, order.payment_ref, order_id=order.id
    )
    for event in waiting:
        source = f"{event.provider}:{event.event_id}"
        facts = orders.facts_from(event.facts)
        order = await telling.apply(context, connection, order, facts, source=source)
    return order


async def _order_of(connection: Connection, provider: str, told: Told) -> tuple[Order | None, str]:
    """Return the order that an event is about, locked, and why it is put aside if it is."""
    session = None
    if told.session_ref is not None:
        session = await payments.session_by_ref(connection, provider, told.session_ref)
    order_id = told.order_id or (None if session is None else session.order_id)
    if order_id is None and told.payment_ref is not None:
        paid = await orders.by_payment(connection, provider, told.payment_ref)
        order_id = None if paid is None else paid.id
    if order_id is None:
        return None, "" if not told.facts else "it names no order of this gateway"
    order = await orders.lock(connection, order_id)
    if order is None:
        return None, f"there is no order {order_id}"
    if order.provider != provider:
        return order, f"the order {order.id} is one of {order.provider}"
    own = await payments.session_of(connection, order.id)
    if _is_foreign(own, told):
        return order, f"the session {told.session_ref} is not that of the order {order.id}"
    return order, ""


def _is_foreign(own: payments.Session | None, told: Told) -> bool:
    """Return whether an event names another session than the order's own."""
    if own is None or told.session_ref is None:
        return False
    if own.ref is not None:
        return own.ref != told.session_ref
    return told.session_id is not None and told.session_id != own.id


async def _adopt(connection: Connection, order: Order, session_ref: str | None) -> None:
    """Write down the provider's name of a session that grip died over before it was learnt."""
    session = await payments.session_of(connection, order.id)
    if session is None or session.ref is not None or session_ref is None:
        return
    await payments.change_session(connection, session, ref=session_ref)
