"""Sessions at payment providers: written down before they are asked for, so that none is lost."""

from typing import Final

from grip import errors, failpoints
from grip.payments.port import Opened, PaymentProvider, Purchase
from grip.services.context import Context
from grip.services.selling import agreeing
from grip.store import orders, payments
from grip.store.engine import Connection
from grip.store.orders import Order
from grip.store.payments import Session

_UNHEARD_US: Final = 60 * 1_000_000
_GRACE_US: Final = 120 * 1_000_000


async def add(context: Context, connection: Connection, order: Order, *, lasts_us: int) -> Session:
    """Write down the session that an order is about to have, in the order's own transaction."""
    now_us = context.clock()
    session = Session(
        id=context.new_id("ses"),
        order_id=order.id,
        provider=order.provider,
        state=payments.CREATING,
        ref=None,
        url=None,
        created_us=now_us,
        expires_us=now_us + lasts_us,
        due_us=now_us + _UNHEARD_US,
    )
    await payments.open_session(connection, session)
    return session


async def open_at(context: Context, provider: PaymentProvider, session: Session) -> Opened:
    """Ask the provider for a session, and write down what it calls it.

    Raises what the provider's `open` does; PaymentProviderRefused ends the order.
    """
    async with context.database.read() as connection:
        order = await orders.find(connection, session.order_id)
    if order is None:
        raise errors.BooksBroken(f"{session.id}: its order {session.order_id} has gone")
    failpoints.hit("session.before_open")
    try:
        opened = await provider.open(_purchase(order, session))
    except (errors.PaymentProviderRefused, errors.InvalidRequest):
        await _close(context, session)
        raise
    failpoints.hit("session.after_open")
    async with context.database.write() as connection:
        locked = await orders.lock(connection, order.id)
        is_ours = await payments.change_session(
            connection,
            session,
            state=payments.OPEN,
            ref=opened.ref,
            url=opened.url,
            expires_us=opened.expires_us,
            due_us=opened.expires_us + _GRACE_US,
        )
        if is_ours and locked is not None and locked.status == orders.CREATED:
            await orders.change(connection, locked, status=orders.AWAITING)
    failpoints.hit("session.after_commit")
    return opened


async def _close(context: Context, session: Session) -> None:
    """Give an order up whose provider will not have it."""
    async with context.database.write() as connection:
        locked = await orders.lock(connection, session.order_id)
        await payments.change_session(connection, session, state=payments.CLOSED, due_us=None)
        if locked is not None and locked.status == orders.CREATED:
            await orders.change(connection, locked, status="failed")


def _purchase(order: Order, session: Session) -> Purchase:
    agreed = order.snapshot
    return Purchase(
        order_id=order.id,
        session_id=session.id,
        currency=order.currency,
        gross_minor=order.gross_minor,
        description=agreeing.in_words(order),
        email=agreed["email"],
        success_url=agreed["success_url"],
        cancel_url=agreed["cancel_url"],
        expires_us=session.expires_us,
    )
