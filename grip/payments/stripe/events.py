"""Stripe's events: which object each carries, and which facts lie in it. Pure.

An event that is not in the table means nothing to grip, and is no error: whoever subscribes to
more than grip needs gets 200 for it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from grip.errors import WebhookRefused
from grip.money.payments import REINSTATED, WITHDRAWN, Fact
from grip.payments.port import Told
from grip.payments.reading import Json, Unreadable, child, json_object, maybe_text, ref, text
from grip.payments.stripe import facts

_Reader: TypeAlias = Callable[[Json], tuple[Fact, ...]]


def _refund(refund: Json) -> tuple[Fact, ...]:
    return (facts.refund_fact(refund),)


def _withdrawn(dispute: Json) -> tuple[Fact, ...]:
    return facts.dispute_facts(dispute, WITHDRAWN)


def _reinstated(dispute: Json) -> tuple[Fact, ...]:
    return facts.dispute_facts(dispute, REINSTATED)


READERS: Final[Mapping[str, _Reader]] = MappingProxyType(
    {
        "checkout.session.completed": facts.session_facts,
        "checkout.session.async_payment_succeeded": facts.session_facts,
        "checkout.session.async_payment_failed": facts.failed_session,
        "checkout.session.expired": facts.session_facts,
        "payment_intent.succeeded": facts.intent_facts,
        "payment_intent.payment_failed": facts.intent_facts,
        "charge.refunded": facts.charge_facts,
        "charge.refund.updated": _refund,
        "refund.created": _refund,
        "refund.updated": _refund,
        "refund.failed": _refund,
        "charge.dispute.created": facts.dispute_facts,
        "charge.dispute.updated": facts.dispute_facts,
        "charge.dispute.funds_withdrawn": _withdrawn,
        "charge.dispute.funds_reinstated": _reinstated,
        "charge.dispute.closed": facts.dispute_facts,
    }
)


def read(raw: bytes, *, is_live: bool | None) -> Told:
    """Return what an event says whose signature holds.

    Raises WebhookRefused where it cannot be read, or belongs to the other world: an event of test
    mode must not credit what live money pays for, nor the other way about.
    """
    try:
        event = json_object(raw)
        if is_live is not None and event.get("livemode") is not is_live:
            raise WebhookRefused("it is of test mode, and the key is live, or the other way about")
        return _told(event)
    except Unreadable as error:
        raise WebhookRefused(f"it cannot be read: {error}") from None


def _told(event: Json) -> Told:
    kind = text(event, "type")
    reader = READERS.get(kind)
    if reader is None or event.get("object") != "event":
        return _meaningless(event, kind)
    found = child(child(event, "data"), "object")
    of = maybe_text(found, "object")
    marks = facts.metadata(found)
    return Told(
        event_id=text(event, "id"),
        kind=kind,
        order_id=maybe_text(found, "client_reference_id") or maybe_text(marks, "order_id"),
        session_ref=text(found, "id") if of == "checkout.session" else None,
        payment_ref=_payment(found, of),
        facts=reader(found),
        session_id=maybe_text(marks, "session_id"),
        refund_ids=facts.refund_ids([found] if of == "refund" else []),
    )


def _payment(found: Json, of: str | None) -> str | None:
    if of == "payment_intent":
        return text(found, "id")
    by_charge = maybe_text(found, "id") if of == "charge" else ref(found, "charge")
    return ref(found, "payment_intent") or by_charge


def _meaningless(event: Json, kind: str) -> Told:
    return Told(
        event_id=text(event, "id"),
        kind=kind,
        order_id=None,
        session_ref=None,
        payment_ref=None,
        facts=(),
    )
