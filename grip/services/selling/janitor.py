"""What a crash left open at payment providers: sessions and refunds that nobody has heard of since.

The provider is asked; grip never guesses (reference: Kill Bill's janitor). Any number of nodes: a
claim pushes the time of the next look on, and all that is done is done once by its keys.
"""

from typing import Final

import structlog

from grip import errors
from grip.payments.build import Providers
from grip.services.context import Context
from grip.services.selling import listening, refunds, sessions
from grip.store import orders, payments
from grip.store.payments import RefundRow, Session

_LEASE_US: Final = 300 * 1_000_000
_AT_ONCE: Final = 20
_HOUR_US: Final = 3600 * 1_000_000
_KEYS_LAST_US: Final = 20 * _HOUR_US
"""Providers forget idempotency keys after a day."""

_LOOKS: Final = 40
_PUT_OFF_US: Final = 6 * _HOUR_US

log = structlog.get_logger(__name__)


async def run(context: Context, providers: Providers) -> int:
    """Ask after what is due; return how much that was. Raises DatabaseUnavailable."""
    now_us = context.clock()
    async with context.database.write() as connection:
        due = {"now_us": now_us, "until_us": now_us + _LEASE_US, "limit": _AT_ONCE}
        open_sessions = await payments.claim_sessions(connection, **due)
        open_refunds = await payments.claim_refunds(connection, **due)
    async with context.database.read() as connection:
        waited_for = await payments.overdue(connection, limit=_AT_ONCE)
    for order_id in waited_for:
        await listening.catch_up(context, order_id)
    for session in open_sessions:
        await _session(context, providers, session)
    for refund in open_refunds:
        await _refund(context, providers, refund)
    return len(open_sessions) + len(open_refunds)


async def _session(context: Context, providers: Providers, session: Session) -> None:
    try:
        provider = providers.get(session.provider)
        age_us = context.clock() - session.created_us
        if session.ref is None and age_us < _KEYS_LAST_US:
            # The same key again: the provider says which session it is, or makes the one.
            await sessions.open_at(context, provider, session)
            return
        seen = await provider.look(session.order_id, session.ref)
        order = await listening.learn(context, session.provider, session.order_id, seen)
    except (errors.DatabaseUnavailable, errors.BooksBroken):
        raise
    except errors.GripError as error:
        log.warning("session.not_seen", session=session.id, error=str(error))
        return
    is_over = order.status not in {orders.AWAITING, orders.CREATED}
    async with context.database.write() as connection:
        found = await payments.session_of(connection, order.id)
        if found is None or found.due_us is None:
            return
        if is_over or session.looks >= _LOOKS:
            await payments.change_session(connection, found, state=payments.CLOSED, due_us=None)
        else:
            # A bank transfer may take days.
            due_us = context.clock() + _PUT_OFF_US
            await payments.change_session(connection, found, due_us=due_us)


async def _refund(context: Context, providers: Providers, refund: RefundRow) -> None:
    try:
        await refunds.submit(context, providers, refund)
    except (errors.DatabaseUnavailable, errors.BooksBroken):
        raise
    except errors.GripError as error:
        log.warning("refund.not_submitted", refund=refund.id, error=str(error))
