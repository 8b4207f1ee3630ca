"""Checkout: an order and its session, written down together, then opened at the provider.

The answer shows net, tax and gross, credits, terms and refund policy before anybody pays. Refuses
to begin where no webhook could ever be verified: money would come, and no credits.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from grip import errors, failpoints
from grip.clock import to_iso
from grip.payments.build import Providers
from grip.payments.port import Opened, PaymentProvider
from grip.services.context import Context
from grip.services.selling import agreeing, sessions
from grip.services.selling.agreeing import Links, Offer
from grip.store import orders, payments, wallets
from grip.store.engine import Connection
from grip.store.orders import Order
from grip.store.payments import Session
from grip.store.records import Caller

LASTS_US: Final = 3600 * 1_000_000
"""How long a payment page is open."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer asks to buy, under which Idempotency-Key."""

    offer: Offer
    links: Links
    idem_key: str | None = None
    fingerprint: str | None = None


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A checkout that has begun: where the customer pays, and for what."""

    order: Order
    opened: Opened
    session_id: str


def chosen(providers: Providers, name: str | None) -> PaymentProvider:
    """Return the provider that a customer named, or the only one that there is.

    Raises InvalidRequest, and WebhookUnavailable where nobody could tell of a payment.
    """
    if name is not None:
        if name not in providers.names:
            raise errors.InvalidRequest(
                f"provider: there is {_or(providers.names)}, not {name!r}", param="provider"
            )
        return _able(providers.usable(name))
    if not providers.names:
        raise errors.WebhookUnavailable(
            "nothing can be bought here: ask the operator for an order",
            detail="the configuration has no [payments.NAME]",
        )
    if len(providers.names) > 1:
        raise errors.InvalidRequest(
            f"provider: say which, {_or(providers.names)}", param="provider"
        )
    return _able(providers.usable(providers.names[0]))


async def begin(context: Context, provider: PaymentProvider, caller: Caller, wish: Wish) -> Begun:
    """Begin a checkout of the caller's wallet, which is its owner's to do.

    The same Idempotency-Key is the same checkout. Raises OwnerOnly, IdempotencyKeyReused, what
    agreeing raises, and what the provider does: the order then fails, or where nobody knows is left
    to the janitor.
    """
    if not caller.is_owner:
        raise errors.OwnerOnly("credits are bought with a key of the wallet's owner")
    async with context.database.write() as connection:
        wallet = await wallets.lock(connection, caller.wallet_id)
        order = await _before(connection, wish)
        if order is None:
            order = await agreeing.order(
                context,
                connection,
                wallet,
                wish.offer,
                provider=provider.name,
                actor=f"key:{caller.key_id}",
                links=wish.links,
                idem_key=wish.idem_key,
                fingerprint=wish.fingerprint,
            )
            session = await sessions.add(context, connection, order, lasts_us=LASTS_US)
        else:
            session = await _session_of(connection, order)
        failpoints.hit("order.before_commit")
    opened = _opened(session) or await sessions.open_at(context, provider, session)
    return Begun(order=order, opened=opened, session_id=session.id)


def describe(begun: Begun) -> dict[str, Any]:
    """Return what a customer is answered, before they pay."""
    return {
        "id": begun.session_id,
        "object": "checkout.session",
        "url": begun.opened.url,
        "expires_at": to_iso(begun.opened.expires_us),
        "provider": begun.order.provider,
        **agreeing.describe(begun.order),
    }


async def _before(connection: Connection, wish: Wish) -> Order | None:
    """Return the order that an Idempotency-Key stands for already."""
    if wish.idem_key is None:
        return None
    found = await orders.by_idem_key(connection, wish.idem_key)
    if found is not None and found.fingerprint != wish.fingerprint:
        raise errors.IdempotencyKeyReused(
            "this Idempotency-Key stands for another checkout; use a fresh one"
        )
    return found


async def _session_of(connection: Connection, order: Order) -> Session:
    session = await payments.session_of(connection, order.id)
    if session is None or session.state == payments.CLOSED:
        raise errors.Conflict(f"the checkout of the order {order.id} is over: begin another one")
    return session


def _opened(session: Session) -> Opened | None:
    if session.ref is None or session.url is None:
        return None
    return Opened(ref=session.ref, url=session.url, expires_us=session.expires_us)


def _able(provider: PaymentProvider) -> PaymentProvider:
    if not provider.can_open:
        raise errors.WebhookUnavailable(
            "nothing can be bought at the moment: ask the operator",
            detail=f"[payments.{provider.name}] has no secret for its webhook",
        )
    return provider


def _or(names: Sequence[str]) -> str:
    return " or ".join(names) or "none"
