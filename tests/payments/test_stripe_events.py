"""What Stripe's events mean, in every order, and what is refused of them."""

import hashlib
import hmac
import itertools
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grip import errors
from grip.money.payments import Dispute, Ended, Expected, Fact, Paid, Refund, Standing, standing
from grip.payments.port import Purchase, Told
from grip.payments.stripe.adapter import StripeProvider
from tests.payments.conftest import NOW_US
from tests.stripe_server import KEY, SECRET, StripeServer, delivered

EXPECTED = Expected(amount_minor=4900, currency="USD", credits=49_000)


def reader(key: str = KEY) -> StripeProvider:
    """Return the adapter; nothing is sent anywhere."""
    return StripeProvider("stripe", secret_key=key, webhook_secrets=[SECRET])


def told(events: Iterable[dict[str, Any]]) -> list[Told]:
    """Return what events say, each of them signed and delivered."""
    read = reader().read
    return [read(*delivered(event), NOW_US) for event in events]


def signed(raw: bytes) -> dict[str, str]:
    """Return the header of any bytes, which the library signs only where they are text."""
    at = str(NOW_US // 1_000_000)
    mac = hmac.digest(SECRET.encode(), f"{at}.".encode() + raw, hashlib.sha256).hex()
    return {"stripe-signature": f"t={at},v1={mac}"}


def in_every_order(events: list[dict[str, Any]]) -> set[Standing]:
    """Return how the order stands after each permutation, with each event delivered twice."""
    known = [each.facts for each in told(events)]
    found = set()
    for order in itertools.permutations(known):
        facts: list[Fact] = []
        for several in (*order, *order):
            facts += several
        found.add(standing(facts, EXPECTED))
    return found


async def paid(provider: StripeProvider, server: StripeServer, purchase: Purchase) -> str:
    """Open a session, and let the customer pay."""
    return server.pay((await provider.open(purchase)).ref)


async def test_a_payment_is_told_by_its_session_and_by_itself(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """The same fact by either event, with all that it takes to find the order."""
    opened = await provider.open(purchase)
    payment = server.pay(opened.ref)
    by_kind = {each.kind: each for each in told(server.events)}
    fact = Paid(ref=payment, amount_minor=4900, currency="USD")
    session = by_kind["checkout.session.completed"]

    assert session.facts == by_kind["payment_intent.succeeded"].facts == (fact,)
    assert (session.order_id, session.session_id) == ("ord_1", "cs_1")
    assert (session.session_ref, session.payment_ref) == (opened.ref, payment)
    assert by_kind["payment_intent.succeeded"].order_id == "ord_1"
    assert by_kind["payment_intent.succeeded"].payment_ref == payment
    assert by_kind["charge.succeeded"].facts == ()
    assert len({each.event_id for each in by_kind.values()}) == len(by_kind)


async def test_a_page_that_is_done_is_not_paid_yet(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """Row 9 of the list: credited when the money comes, or failed when it does not."""
    first = await provider.open(purchase)
    server.pay(first.ref, delayed=True)
    (completed,) = told(server.events)
    assert completed.facts == ()

    server.settle(first.ref, delayed=True)
    (ending,) = in_every_order(server.events)
    assert ending.paid_by == server.sessions[first.ref]["payment_intent"]


async def test_a_delayed_payment_may_fail(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """The session's own event ends it; the payment's alone does not, for a card may follow."""
    opened = await provider.open(purchase)
    server.pay(opened.ref, delayed=True)
    server.decline(opened.ref)
    by_kind = {each.kind: each.facts for each in told(server.events)}

    failed = by_kind["checkout.session.async_payment_failed"]
    assert failed == (Ended(ref=opened.ref, how="failed"),)
    assert by_kind["payment_intent.payment_failed"] == ()


async def test_a_late_payment_beats_the_end(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """Row 10 of the list."""
    opened = await provider.open(purchase)
    server.expire(opened.ref)
    payment = server.pay(opened.ref)
    (ending,) = in_every_order(server.events)
    assert (ending.paid_by, ending.ended) == (payment, "expired")


async def test_a_wrong_amount_is_doubtful(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """Row 11 of the list: nothing is paid by it."""
    opened = await provider.open(purchase)
    payment = server.pay(opened.ref, amount=49)
    (ending,) = in_every_order(server.events)
    assert (ending.paid_by, ending.doubtful) == (None, (payment,))


async def test_refunds_end_alike_in_every_order(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """Rows 13 and 14: by each refund's own id, and a late failure undoes one."""
    payment = await paid(provider, server, purchase)
    server.refund_status = "pending"
    first = server.give_back(payment, 900)
    server.move_refund(first, "succeeded")
    second = server.give_back(payment, 1000)
    server.move_refund(second, "failed")
    kept = [event for event in server.events if event["type"] != "charge.succeeded"]
    (ending,) = in_every_order(kept)

    assert (ending.paid_by, ending.returned_minor, ending.reversed_credits) == (payment, 900, 9000)


@pytest.mark.parametrize(("status", "ends"), [("won", (0, False)), ("lost", (4900, True))])
async def test_disputes_end_alike_in_every_order(
    provider: StripeProvider,
    server: StripeServer,
    purchase: Purchase,
    status: str,
    ends: tuple[int, bool],
):
    """Row 17: taken when the bank takes it, given back when it is won."""
    payment = await paid(provider, server, purchase)
    dispute = server.dispute(payment)
    server.close_dispute(dispute, status)
    kept = [event for event in server.events if event["type"] != "charge.succeeded"]
    (ending,) = in_every_order(kept)

    assert (ending.returned_minor, ending.disputed) == ends


async def test_an_inquiry_takes_nothing(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """A bank that only asks: disputed until it is closed, and the money stays."""
    payment = await paid(provider, server, purchase)
    dispute = server.dispute(payment, "warning_needs_response")
    (asked,) = in_every_order(server.events)
    server.close_dispute(dispute, "warning_closed")
    (closed,) = in_every_order(server.events)

    assert (asked.disputed, asked.returned_minor) == (True, 0)
    assert (closed.disputed, closed.returned_minor) == (False, 0)


async def test_the_last_word_on_a_dispute_is_enough(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """Whichever of its events were lost: what a dispute has done stands in the dispute."""
    payment = await paid(provider, server, purchase)
    dispute = server.dispute(payment)
    server.close_dispute(dispute, "won")
    *_, last = told(server.events)

    whats = {fact.what for fact in last.facts if isinstance(fact, Dispute)}
    assert whats == {"opened", "withdrawn", "reinstated"}
    assert last.payment_ref == payment


@pytest.mark.parametrize(
    ("kind", "status", "whats"),
    [
        ("charge.dispute.created", "needs_response", {"opened"}),
        ("charge.dispute.funds_withdrawn", "needs_response", {"opened", "withdrawn"}),
        ("charge.dispute.funds_reinstated", "under_review", {"opened", "reinstated"}),
        ("charge.dispute.closed", "lost", {"opened", "withdrawn"}),
        ("charge.dispute.closed", "won", {"opened", "reinstated"}),
        ("charge.dispute.closed", "prevented", {"opened", "reinstated"}),
    ],
)
def test_a_dispute_is_understood_without_its_transactions(
    server: StripeServer, kind: str, status: str, whats: set[str]
):
    """By the event's name and the dispute's status, as older versions of the API send it."""
    dispute = {
        "id": "dp_1",
        "object": "dispute",
        "amount": 4900,
        "charge": "ch_1",
        "currency": "usd",
        "status": status,
    }
    (found,) = told([server.event(kind, dispute)])

    assert {fact.what for fact in found.facts if isinstance(fact, Dispute)} == whats
    assert found.payment_ref == "ch_1"


def test_a_refund_of_an_older_api_is_read_too(server: StripeServer):
    """`charge.refund.updated`, and refunds within a charge."""
    refund = {"id": "re_1", "object": "refund", "amount": 5, "currency": "usd", "status": "new"}
    charge = {
        "id": "ch_1",
        "object": "charge",
        "refunds": {"object": "list", "data": [refund]},
        "metadata": {"order_id": "ord_1"},
    }
    made = [server.event("charge.refund.updated", refund), server.event("charge.refunded", charge)]
    fact = Refund(ref="re_1", amount_minor=5, state="pending")
    by_refund, by_charge = told(made)

    assert by_refund.facts == by_charge.facts == (fact,)
    assert (by_charge.payment_ref, by_charge.order_id) == ("ch_1", "ord_1")


@pytest.mark.parametrize("kind", ["customer.created", "invoice.paid", "payout.paid", "new.thing"])
def test_an_event_that_means_nothing_has_no_facts(server: StripeServer, kind: str):
    """It is answered with 200, else Stripe would send it for three days."""
    (found,) = told([server.event(kind, {"object": "customer", "id": 7})])
    assert (found.kind, found.facts) == (kind, ())


def test_sessions_of_other_business_mean_nothing(server: StripeServer):
    """Subscriptions of the same account, and an order that is free."""
    whole = {"object": "checkout.session", "id": "cs_9", "payment_status": "paid"}
    free = whole | {"mode": "payment", "payment_status": "no_payment_required"}
    made = [
        server.event("checkout.session.completed", whole | {"mode": "subscription"}),
        server.event("checkout.session.async_payment_failed", whole | {"mode": "setup"}),
        server.event("checkout.session.completed", free),
    ]
    assert [each.facts for each in told(made)] == [(), (), ()]


def test_test_money_credits_nothing_of_a_live_account(server: StripeServer):
    """Nor the other way about; a key that does not say which it is takes both."""
    event = server.event("payout.paid", {})
    live = event | {"livemode": True}
    with pytest.raises(errors.WebhookRefused):
        reader("sk_live_1").read(*delivered(event), NOW_US)
    with pytest.raises(errors.WebhookRefused):
        reader(KEY).read(*delivered(live), NOW_US)
    for one in (event, live):
        assert reader("sk_1").read(*delivered(one), NOW_US).kind == "payout.paid"


def test_an_event_is_read_only_with_its_signature(server: StripeServer):
    """And with a secret to check it by."""
    raw, headers = delivered(server.event("payout.paid", {}))
    with pytest.raises(errors.WebhookRefused):
        reader().read(raw, {}, NOW_US)
    with pytest.raises(errors.WebhookRefused):
        reader().read(raw + b" ", headers, NOW_US)
    nobody = StripeProvider("stripe", secret_key=KEY, webhook_secrets=[])
    with pytest.raises(errors.WebhookUnavailable):
        nobody.read(raw, headers, NOW_US)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
MEMBERS = [
    "id",
    "object",
    "mode",
    "status",
    "payment_status",
    "amount",
    "amount_total",
    "amount_received",
    "currency",
    "payment_intent",
    "charge",
    "metadata",
    "client_reference_id",
    "refunds",
    "balance_transactions",
]
WORDS = st.sampled_from(
    ["payment", "paid", "succeeded", "expired", "usd", "isk", "mga", "cs_1", "won"]
)
OBJECTS = st.dictionaries(st.sampled_from(MEMBERS), JSON | WORDS | st.just(4900), max_size=15)
KINDS = st.sampled_from(
    [
        "checkout.session.completed",
        "checkout.session.async_payment_failed",
        "payment_intent.succeeded",
        "charge.refunded",
        "refund.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
    ]
)


@settings(max_examples=300)
@given(
    kind=KINDS | JSON,
    of=OBJECTS | JSON,
    event_id=st.just("evt_1") | JSON,
    livemode=st.just(False) | JSON,
)
def test_garbage_of_every_kind_is_refused_by_name(kind: Any, of: Any, event_id: Any, livemode: Any):
    """Signed as it may be: it is read, or it is WebhookRefused, and nothing else."""
    event = {
        "id": event_id,
        "object": "event",
        "type": kind,
        "livemode": livemode,
        "data": {"object": of},
    }
    try:
        found = reader().read(*delivered(event), NOW_US)
    except errors.WebhookRefused:
        return
    for each in found.facts:
        assert each.ref.isprintable()


@given(raw=st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
def test_bytes_of_every_kind_are_refused_by_name(raw: bytes):
    """With a good signature, so that they reach the parser."""
    with pytest.raises(errors.WebhookRefused):
        reader().read(raw, signed(raw), NOW_US)


@pytest.mark.parametrize(
    "raw", [b"[" * 200_000, b'{"a":' * 100_000, b'{"id":1e400}', b"\xff", b"1" * 10_000]
)
def test_bodies_that_break_parsers_are_refused_by_name(raw: bytes):
    """Depth, numbers without end, and what is no text."""
    with pytest.raises(errors.WebhookRefused):
        reader().read(raw, signed(raw), NOW_US)


def test_a_megabyte_is_read(server: StripeServer):
    """Stripe's own limit is far below; the route has one of grip's."""
    event = server.event("payout.paid", {"description": "x" * 1_000_000})
    assert told([event])[0].facts == ()
    assert len(json.dumps(event)) > 1_000_000
