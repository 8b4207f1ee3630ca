"""The wire of providers that speak Standard Webhooks: what is sent, and what the words mean.

Owns the JSON of `docs/payments.md`, which the sandbox speaks too. Pure: no connections, no clock.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from grip import clock
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
from grip.payments.port import Charge, Opened, Purchase, Seen, Told
from grip.payments.reading import (
    Json,
    Unreadable,
    amount,
    child,
    currency,
    json_object,
    link,
    maybe_text,
    objects,
    text,
)

OPENED: Final = "opened"

_Reader: TypeAlias = Callable[[Json, str], Fact]


def _paid(data: Json, _: str) -> Fact:
    return Paid(
        ref=text(data, "payment_id"),
        amount_minor=amount(data, "amount_minor"),
        currency=currency(data),
    )


def _ended(data: Json, how: str) -> Fact:
    return Ended(ref=maybe_text(data, "session_id") or text(data, "checkout_id"), how=how)


def _refund(data: Json, state: str) -> Fact:
    return Refund(ref=text(data, "id"), amount_minor=amount(data, "amount_minor"), state=state)


def _dispute(data: Json, what: str) -> Fact:
    return Dispute(
        ref=text(data, "dispute_id"), amount_minor=amount(data, "amount_minor"), what=what
    )


_READERS: Final[Mapping[str, tuple[_Reader, str]]] = MappingProxyType(
    {
        "payment.paid": (_paid, ""),
        "payment.failed": (_ended, FAILED),
        "payment.expired": (_ended, EXPIRED),
        "payment.canceled": (_ended, CANCELED),
        "refund.pending": (_refund, PENDING),
        "refund.succeeded": (_refund, SUCCEEDED),
        "refund.canceled": (_refund, CANCELED),
        "refund.failed": (_refund, FAILED),
        "dispute.opened": (_dispute, OPENED),
        "dispute.withdrawn": (_dispute, WITHDRAWN),
        "dispute.reinstated": (_dispute, REINSTATED),
    }
)
KINDS: Final = frozenset(_READERS)
"""The types of events that mean something to grip."""


def told(raw: bytes, event_id: str) -> Told:
    """Return what a proven event says; one of an unknown type says nothing. Raises Unreadable."""
    event = json_object(raw)
    kind = text(event, "type")
    facts = _facts(event)
    data = _data(event)
    return Told(
        event_id=event_id,
        kind=kind,
        order_id=maybe_text(data, "order_id"),
        session_ref=maybe_text(data, "checkout_id"),
        payment_ref=maybe_text(data, "payment_id"),
        facts=facts,
        session_id=maybe_text(data, "session_id"),
        refund_ids=_refund_ids([event]),
    )


def event_body(kind: str, at_us: int, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event as it is sent: its type, its time, its data."""
    return {"type": kind, "timestamp": clock.to_iso(at_us), "data": dict(data)}


def checkout_body(purchase: Purchase) -> dict[str, Any]:
    """Return what `checkout_url` is asked for."""
    return {
        "order_id": purchase.order_id,
        "session_id": purchase.session_id,
        "amount_minor": purchase.gross_minor,
        "currency": purchase.currency,
        "description": purchase.description,
        "email": purchase.email,
        "success_url": purchase.success_url,
        "cancel_url": purchase.cancel_url,
        "expires_at": clock.to_iso(purchase.expires_us),
        "metadata": dict(purchase.metadata),
    }


def opened(answer: Json) -> Opened:
    """Return the session that `checkout_url` has opened."""
    return Opened(
        ref=text(answer, "id"), url=link(answer, "url"), expires_us=_time(answer, "expires_at")
    )


def refund_body(
    refund_id: str, payment_ref: str, amount_minor: int, currency_: str, reason: str
) -> dict[str, Any]:
    """Return what `refund_url` is asked for."""
    return {
        "refund_id": refund_id,
        "payment_id": payment_ref,
        "amount_minor": amount_minor,
        "currency": currency_,
        "reason": reason,
    }


def refunded(answer: Json, amount_minor: int) -> Refund:
    """Return the refund that `refund_url` has made; it has to be of the amount asked for."""
    kind = f"refund.{text(answer, 'status')}"
    if kind not in _READERS or amount(answer, "amount_minor") != amount_minor:
        raise Unreadable("the refund is of another amount, or of no known status")
    return Refund(ref=text(answer, "id"), amount_minor=amount_minor, state=_READERS[kind][1])


def seen(answer: Json, order_id: str) -> Seen:
    """Return what `look_url` knows: the events that it would have sent so far."""
    if maybe_text(answer, "order_id") != order_id:
        raise Unreadable("the answer is about another order")
    events = objects(answer, "events")
    facts = [fact for event in events for fact in _facts(event)]
    return Seen(
        session_ref=maybe_text(answer, "checkout_id"),
        payment_ref=maybe_text(answer, "payment_id"),
        facts=tuple(dict.fromkeys(facts)),
        refund_ids=_refund_ids(events),
    )


def charge(found: Json) -> Charge:
    """Return one row of what `charges_url` lists."""
    return Charge(
        payment_ref=text(found, "payment_id"),
        order_id=maybe_text(found, "order_id"),
        amount_minor=amount(found, "amount_minor"),
        currency=currency(found),
        refunded_minor=amount(found, "refunded_minor"),
        created_us=_time(found, "created_at"),
    )


def _facts(event: Json) -> tuple[Fact, ...]:
    known = _READERS.get(text(event, "type"))
    if known is None:
        return ()
    reader, word = known
    return (reader(child(event, "data"), word),)


def _refund_ids(events: Iterable[Json]) -> dict[str, str]:
    refunds = [_data(each) for each in events if str(each.get("type")).startswith("refund.")]
    pairs = [(maybe_text(data, "id"), maybe_text(data, "refund_id")) for data in refunds]
    return {ref: refund_id for ref, refund_id in pairs if ref and refund_id}


def _data(event: Json) -> Json:
    found = event.get("data")
    return found if isinstance(found, dict) else {}


def _time(of: Json, key: str) -> int:
    try:
        return clock.from_iso(text(of, key))
    except (ValueError, OverflowError):
        raise Unreadable(f"{key} is no time in ISO 8601") from None
