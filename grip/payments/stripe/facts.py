"""What Stripe's objects say of a payment, whether an event brings them or an answer does.

Reads the object's own state, not the event's name, wherever the object has one: so a lost event is
made good by any later one. Pure.
"""

from collections.abc import Iterable
from typing import Final

from grip.money.payments import (
    CANCELED,
    EXPIRED,
    FAILED,
    PENDING,
    REINSTATED,
    SUCCEEDED,
    WITHDRAWN,
    Dispute,
    Ended,
    Fact,
    Paid,
    Refund,
)
from grip.payments.reading import Json, amount, currency, maybe_text, objects, ref, text
from grip.payments.stripe.amounts import from_stripe

OPENED: Final = "opened"

_REFUND_STATES: Final = {
    "pending": PENDING,
    "requires_action": PENDING,
    "succeeded": SUCCEEDED,
    "failed": FAILED,
    "canceled": CANCELED,
}
_GIVEN_BACK: Final = frozenset({"won", "warning_closed", "prevented"})
"""Ends of a dispute in which the money stays: inquiries that went no further are among them."""


def session_facts(session: Json) -> tuple[Fact, ...]:
    """Return whether a Checkout Session is paid, or has expired; one of another mode says nothing.

    `complete` alone is no payment: with delayed methods, its `payment_status` is `unpaid` still.
    """
    if session.get("mode") != "payment":
        return ()
    if session.get("payment_status") == "paid":
        money = currency(session)
        paid = ref(session, "payment_intent") or text(session, "id")
        minor = from_stripe(amount(session, "amount_total"), money)
        return (Paid(ref=paid, amount_minor=minor, currency=money),)
    if session.get("status") == "expired":
        return (Ended(ref=text(session, "id"), how=EXPIRED),)
    return ()


def failed_session(session: Json) -> tuple[Fact, ...]:
    """Return that a delayed payment failed, after which its session takes no other."""
    if session.get("mode") != "payment":
        return ()
    return (Ended(ref=text(session, "id"), how=FAILED),)


def intent_facts(intent: Json) -> tuple[Fact, ...]:
    """Return whether a PaymentIntent is paid.

    A declined attempt ends nothing: on Checkout's page, the customer takes another card.
    """
    if intent.get("status") != "succeeded":
        return ()
    money = currency(intent)
    minor = from_stripe(amount(intent, "amount_received"), money)
    return (Paid(ref=text(intent, "id"), amount_minor=minor, currency=money),)


def refund_fact(refund: Json) -> Refund:
    """Return how a refund stands; a state that is new to grip is pending."""
    minor = from_stripe(amount(refund, "amount"), currency(refund))
    state = _REFUND_STATES.get(str(refund.get("status")), PENDING)
    return Refund(ref=text(refund, "id"), amount_minor=minor, state=state)


def refund_ids(refunds: Iterable[Json]) -> dict[str, str]:
    """Return grip's own ids of refunds by Stripe's, for those that grip has made."""
    pairs = [(maybe_text(one, "id"), maybe_text(metadata(one), "refund_id")) for one in refunds]
    return {name: refund_id for name, refund_id in pairs if name and refund_id}


def charge_facts(charge: Json) -> tuple[Fact, ...]:
    """Return the refunds in a charge, where it has them.

    Newer versions of the API leave them out; `amount_refunded` is no fact, since a sum cannot be
    told apart from what its parts have said already.
    """
    found = charge.get("refunds")
    if not isinstance(found, dict):
        return ()
    return tuple(refund_fact(each) for each in objects(found, "data"))


def metadata(found: Json) -> Json:
    """Return an object's metadata, empty where it has none."""
    marks = found.get("metadata")
    return marks if isinstance(marks, dict) else {}


def dispute_facts(dispute: Json, moved: str | None = None) -> tuple[Fact, ...]:
    """Return what a dispute has done; `moved` is what the event's own name says.

    Money that is away shows in its balance transactions, and one that is lost has taken it.
    """
    status = maybe_text(dispute, "status") or ""
    whats = {OPENED} | ({moved} if moved else set()) | _movements(dispute)
    if status == "lost":
        whats.add(WITHDRAWN)
    if status in _GIVEN_BACK:
        whats.add(REINSTATED)
    name = text(dispute, "id")
    minor = from_stripe(amount(dispute, "amount"), currency(dispute))
    return tuple(Dispute(ref=name, amount_minor=minor, what=what) for what in sorted(whats))


def _movements(dispute: Json) -> set[str]:
    rows = dispute.get("balance_transactions")
    known = rows if isinstance(rows, list) else []
    found = [row.get("amount") for row in known if isinstance(row, dict)]
    whole = [each for each in found if isinstance(each, int)]
    away = {WITHDRAWN} if any(each < 0 for each in whole) else set()
    back = {REINSTATED} if any(each > 0 for each in whole) else set()
    return away | back
