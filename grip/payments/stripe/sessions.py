"""Checkout Sessions and charges: what is sent to open one, and what is read off the answers. Pure.

The session is over one line of the gross amount, so that the page can come to no other sum: no
promotion codes, no tax and no currency conversion of Stripe's own.
"""

from typing import Any, Final

from grip import errors
from grip.money.payments import FAILED, Ended, Fact
from grip.payments.port import Charge, Opened, Purchase, Seen
from grip.payments.reading import (
    Json,
    Unreadable,
    amount,
    currency,
    link,
    maybe_text,
    ref,
    seconds,
    text,
)
from grip.payments.stripe.amounts import from_stripe, to_stripe
from grip.payments.stripe.facts import intent_facts, metadata, session_facts

_DESCRIPTION_MAX: Final = 250
_DEAD_INTENTS: Final = frozenset({"requires_payment_method", "canceled"})


def session_params(purchase: Purchase) -> dict[str, Any]:
    """Return what opens the session; the same purchase gives the same, as its key demands.

    Raises InvalidRequest without an address to come back to, which Stripe's page cannot do without.
    """
    if not purchase.success_url:
        raise errors.InvalidRequest(
            "success_url: say where the customer comes back to", param="success_url"
        )
    marks = {
        **purchase.metadata,
        "order_id": purchase.order_id,
        "session_id": purchase.session_id,
    }
    what = purchase.description[:_DESCRIPTION_MAX]
    price = {
        "currency": purchase.currency.lower(),
        "unit_amount": to_stripe(purchase.gross_minor, purchase.currency),
        "product_data": {"name": what},
    }
    return {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "client_reference_id": purchase.order_id,
        "metadata": marks,
        "payment_intent_data": {"description": what, "metadata": marks},
        "success_url": purchase.success_url,
        "expires_at": purchase.expires_us // 1_000_000,
        "allow_promotion_codes": False,
        "automatic_tax": {"enabled": False},
        "adaptive_pricing": {"enabled": False},
        # An empty text would be refused.
        **({"cancel_url": purchase.cancel_url} if purchase.cancel_url else {}),
        **({"customer_email": purchase.email} if purchase.email else {}),
    }


def opened(session: Json, purchase: Purchase) -> Opened:
    """Return the open session, once it is proven to be the one that was asked for."""
    money = currency(session)
    asked = (purchase.order_id, purchase.currency, purchase.gross_minor)
    total = from_stripe(amount(session, "amount_total"), money)
    if (maybe_text(session, "client_reference_id"), money, total) != asked:
        raise Unreadable("the session is over another order or amount")
    if session.get("status") in {"complete", "expired"}:
        raise errors.PaymentProviderRefused("this checkout session has ended; begin another one")
    return Opened(
        ref=text(session, "id"),
        url=link(session, "url"),
        expires_us=seconds(session, "expires_at") * 1_000_000,
    )


def seen(session: Json, order_id: str) -> Seen:
    """Return what a session with its PaymentIntent says; another order's is no answer."""
    if maybe_text(session, "client_reference_id") != order_id:
        raise Unreadable("the session is another order's")
    intent = session.get("payment_intent")
    found: tuple[Fact, ...] = session_facts(session)
    if isinstance(intent, dict):
        found += intent_facts(intent) + _dead(session, intent)
    return Seen(
        session_ref=text(session, "id"),
        payment_ref=ref(session, "payment_intent"),
        facts=tuple(dict.fromkeys(found)),
    )


def charge(found: Json) -> Charge:
    """Return a charge as reconciling wants it, under the name of its PaymentIntent."""
    money = currency(found)
    return Charge(
        payment_ref=ref(found, "payment_intent") or text(found, "id"),
        order_id=maybe_text(metadata(found), "order_id"),
        amount_minor=from_stripe(amount(found, "amount_captured"), money),
        currency=money,
        refunded_minor=from_stripe(amount(found, "amount_refunded"), money),
        created_us=seconds(found, "created") * 1_000_000,
    )


def _dead(session: Json, intent: Json) -> tuple[Fact, ...]:
    """Return whether a delayed payment has failed: the page is done, and nothing is under way."""
    if session.get("status") != "complete" or session.get("payment_status") != "unpaid":
        return ()
    if intent.get("status") not in _DEAD_INTENTS:
        return ()
    return (Ended(ref=text(session, "id"), how=FAILED),)
