"""Providers behind a bridge of the operator's own, which signs with Standard Webhooks."""

import base64
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from grip import errors
from grip.money.payments import Dispute, Ended, Expected, Fact, Paid, Refund, standing
from grip.payments.bridge_wire import KINDS
from grip.payments.port import Charge, Purchase
from grip.payments.standard import Addresses, StandardProvider
from tests.payments.bridge import API_KEY, Bridge
from tests.payments.conftest import NOW_US

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
DATA = {
    "order_id": "ord_1",
    "session_id": "cs_1",
    "checkout_id": "co_1",
    "payment_id": "pay_1",
    "id": "re_1",
    "refund_id": "ref_1",
    "dispute_id": "dp_1",
    "amount_minor": 4900,
    "currency": "USD",
}


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    """The bridge."""
    made = Bridge()
    yield made
    made.stop()


@pytest.fixture
async def standard(bridge: Bridge) -> AsyncIterator[StandardProvider]:
    """The adapter pointed at it."""
    made = StandardProvider(
        "bank",
        addresses=Addresses(
            checkout=f"{bridge.address}/checkout",
            refund=f"{bridge.address}/refunds",
            look=f"{bridge.address}/look",
            charges=f"{bridge.address}/charges",
        ),
        api_key=API_KEY,
        webhook_secrets=[SECRET],
        deadline_s=60,
    )
    yield made
    await made.close()


def reader() -> StandardProvider:
    """Return the adapter without a server."""
    addresses = Addresses(checkout="https://bridge.example.com/checkout")
    return StandardProvider("bank", addresses=addresses, api_key=API_KEY, webhook_secrets=[SECRET])


def sent(event: Any, event_id: str = "evt_1") -> tuple[bytes, dict[str, str]]:
    """Return an event as the official library signs it."""
    raw = json.dumps(event)
    signature = Webhook(SECRET).sign(event_id, datetime.fromtimestamp(NOW_US // 10**6, UTC), raw)
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": str(NOW_US // 10**6),
        "webhook-signature": signature,
    }
    return raw.encode(), headers


async def test_a_session_is_asked_for_under_grips_own_id(
    standard: StandardProvider, bridge: Bridge, purchase: Purchase
):
    """With the key of the bridge, and all that the page shows."""
    answer = {
        "id": "co_1",
        "url": "https://bank.example.com/pay/1",
        "expires_at": "2026-11-21T00:00:00Z",
    }
    bridge.answers["/checkout"] = [(201, answer)]
    opened = await standard.open(purchase)
    ((method, _, headers, body),) = bridge.requests

    assert (opened.ref, opened.url) == ("co_1", "https://bank.example.com/pay/1")
    assert opened.expires_us == 1_795_219_200_000_000
    assert (method, headers["idempotency-key"]) == ("POST", "cs_1")
    assert headers["authorization"] == f"Bearer {API_KEY}"
    assert body == {
        "order_id": "ord_1",
        "session_id": "cs_1",
        "amount_minor": 4900,
        "currency": "USD",
        "description": purchase.description,
        "email": "ada@example.com",
        "success_url": purchase.success_url,
        "cancel_url": purchase.cancel_url,
        "expires_at": "2026-11-18T12:06:40Z",
        "metadata": {"wallet": "wal_1"},
    }


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, {}),
        (429, {}),
        (409, {}),
        (401, {"said": API_KEY}),
        (302, {}),
        (200, b"<html>"),
        (200, []),
        (200, {"id": "co_1"}),
        (200, {"id": "co_1", "url": "javascript:alert(1)", "expires_at": "2026-11-21"}),
        (200, {"id": "co_1", "url": "https://b.example.com", "expires_at": "soon"}),
        (200, {"id": "co\x001", "url": "https://b.example.com", "expires_at": "2026-11-21"}),
    ],
)
async def test_what_may_come_right_is_unavailable(
    standard: StandardProvider, bridge: Bridge, purchase: Purchase, status: int, answer: Any
):
    """Redirects among it, which nobody follows; the key is never repeated."""
    bridge.answers["/checkout"] = [(status, answer)]
    with pytest.raises(errors.PaymentProviderUnavailable) as caught:
        await standard.open(purchase)
    assert API_KEY not in str(caught.value)
    assert len(bridge.requests) == 1


@pytest.mark.parametrize("status", [400, 402, 404, 422])
async def test_a_no_is_a_no(
    standard: StandardProvider, bridge: Bridge, purchase: Purchase, status: int
):
    """With the bridge's words for the operator, and without the key."""
    bridge.answers["/checkout"] = [(status, {"error": f"{API_KEY} too small"})]
    with pytest.raises(errors.PaymentProviderRefused) as caught:
        await standard.open(purchase)
    assert "too small" in caught.value.detail
    assert API_KEY not in str(caught.value)


async def test_an_answer_without_end_is_cut_off(
    standard: StandardProvider, bridge: Bridge, purchase: Purchase
):
    """At eight megabytes."""
    bridge.answers["/checkout"] = [(200, b" " * (9 * 1024 * 1024))]
    with pytest.raises(errors.PaymentProviderUnavailable, match="has no end"):
        await standard.open(purchase)


async def test_a_bridge_that_is_away_is_unavailable(purchase: Purchase):
    """Nobody listens there."""
    addresses = Addresses(checkout="http://127.0.0.1:9/checkout")
    made = StandardProvider("bank", addresses=addresses, api_key="k", webhook_secrets=[SECRET])
    with pytest.raises(errors.PaymentProviderUnavailable):
        await made.open(purchase)
    await made.close()


async def test_no_secret_no_checkout(purchase: Purchase):
    """Row 1 of the list."""
    addresses = Addresses(checkout="https://bridge.example.com")
    made = StandardProvider("bank", addresses=addresses, api_key="k", webhook_secrets=[""])
    assert not made.can_open
    with pytest.raises(errors.WebhookUnavailable):
        await made.open(purchase)


async def test_a_refund_has_grips_own_id_and_exactly_its_amount(
    standard: StandardProvider, bridge: Bridge
):
    """An answer over another amount is none."""
    good = {"id": "re_1", "status": "pending", "amount_minor": 900}
    bridge.answers["/refunds"] = [
        (200, good),
        (200, good | {"amount_minor": 901}),
        (200, good | {"status": "odd"}),
    ]
    asked = ("ref_1", "pay_1", 900, "USD", "asked")

    assert await standard.refund(*asked) == Refund(ref="re_1", amount_minor=900, state="pending")
    _, _, headers, body = bridge.requests[0]
    assert headers["idempotency-key"] == "ref_1"
    assert body == {
        "refund_id": "ref_1",
        "payment_id": "pay_1",
        "amount_minor": 900,
        "currency": "USD",
        "reason": "asked",
    }
    for _ in range(2):
        with pytest.raises(errors.PaymentProviderUnavailable):
            await standard.refund(*asked)


async def test_looking_brings_the_events_so_far(standard: StandardProvider, bridge: Bridge):
    """Each of them once; another order's are no answer."""
    event = {"type": "payment.paid", "data": DATA}
    refund = {"type": "refund.pending", "data": DATA}
    elsewhere = {"type": "refund.failed", "data": DATA | {"id": "re_2", "refund_id": None}}
    answer = {
        "order_id": "ord_1",
        "checkout_id": "co_1",
        "payment_id": "pay_1",
        "events": [event, event, {"type": "payment.odd"}, refund, elsewhere],
    }
    bridge.answers["/look"] = [(200, answer), (200, answer | {"order_id": "ord_2"})]
    seen = await standard.look("ord_1", "co_1")

    assert seen.facts == (
        Paid(ref="pay_1", amount_minor=4900, currency="USD"),
        Refund(ref="re_1", amount_minor=4900, state="pending"),
        Refund(ref="re_2", amount_minor=4900, state="failed"),
    )
    assert seen.refund_ids == {"re_1": "ref_1"}
    assert (seen.session_ref, seen.payment_ref) == ("co_1", "pay_1")
    assert bridge.requests[0][3] == {"order_id": "ord_1", "checkout_id": "co_1"}
    with pytest.raises(errors.PaymentProviderUnavailable):
        await standard.look("ord_1", None)


async def test_charges_are_listed_over_all_pages(standard: StandardProvider, bridge: Bridge):
    """A cursor that comes again ends the listing with an error, not never."""
    row = {
        "payment_id": "pay_1",
        "order_id": "ord_1",
        "amount_minor": 4900,
        "currency": "usd",
        "refunded_minor": 0,
        "created_at": "2026-11-21T00:00:00Z",
    }
    pages = [{"charges": [row], "next": "2"}, {"charges": [row | {"payment_id": "pay_2"}]}]
    bridge.answers["/charges"] = [(200, page) for page in (*pages, pages[0], pages[0])]
    found = [charge async for charge in standard.charges(0, NOW_US)]

    assert [charge.payment_ref for charge in found] == ["pay_1", "pay_2"]
    assert found[0] == Charge(
        payment_ref="pay_1",
        order_id="ord_1",
        amount_minor=4900,
        currency="USD",
        refunded_minor=0,
        created_us=1_795_219_200_000_000,
    )
    assert [request[3].get("cursor") for request in bridge.requests] == [None, "2"]
    with pytest.raises(errors.PaymentProviderUnavailable, match="does not end"):
        _ = [charge async for charge in standard.charges(0, NOW_US)]


async def test_what_has_no_address_cannot_be_done():
    """And the error names the key."""
    made = reader()
    with pytest.raises(errors.PaymentProviderUnable, match=r"payments\.bank\.look_url"):
        await made.look("ord_1", None)
    with pytest.raises(errors.PaymentProviderUnable, match=r"payments\.bank\.refund_url"):
        await made.refund("ref_1", "pay_1", 1, "USD", "asked")
    with pytest.raises(errors.PaymentProviderUnable, match=r"payments\.bank\.charges_url"):
        _ = [charge async for charge in made.charges(0, 1)]


EVENTS: dict[str, Fact] = {
    "payment.paid": Paid(ref="pay_1", amount_minor=4900, currency="USD"),
    "payment.failed": Ended(ref="cs_1", how="failed"),
    "payment.expired": Ended(ref="cs_1", how="expired"),
    "payment.canceled": Ended(ref="cs_1", how="canceled"),
    "refund.pending": Refund(ref="re_1", amount_minor=4900, state="pending"),
    "refund.succeeded": Refund(ref="re_1", amount_minor=4900, state="succeeded"),
    "refund.canceled": Refund(ref="re_1", amount_minor=4900, state="canceled"),
    "refund.failed": Refund(ref="re_1", amount_minor=4900, state="failed"),
    "dispute.opened": Dispute(ref="dp_1", amount_minor=4900, what="opened"),
    "dispute.withdrawn": Dispute(ref="dp_1", amount_minor=4900, what="withdrawn"),
    "dispute.reinstated": Dispute(ref="dp_1", amount_minor=4900, what="reinstated"),
}


def test_each_event_is_its_fact():
    """And there are no others."""
    assert EVENTS.keys() == KINDS
    for kind, fact in EVENTS.items():
        told = reader().read(*sent({"type": kind, "data": DATA}, f"evt_{kind}"), now_us=NOW_US)
        assert told.facts == (fact,)
        assert (told.event_id, told.kind) == (f"evt_{kind}", kind)
        assert (told.order_id, told.session_id) == ("ord_1", "cs_1")
        assert (told.session_ref, told.payment_ref) == ("co_1", "pay_1")
        assert told.refund_ids == ({"re_1": "ref_1"} if kind.startswith("refund.") else {})


def test_events_end_alike_in_every_order():
    """Each set of four, replayed."""
    expected = Expected(amount_minor=4900, currency="USD", credits=49_000)
    for some in itertools.combinations(EVENTS.values(), 4):
        assert (
            len({standing((*order, *order), expected) for order in itertools.permutations(some)})
            == 1
        )


def test_an_unknown_event_means_nothing():
    """It is answered all the same."""
    told = reader().read(*sent({"type": "payment.noted"}), now_us=NOW_US)
    assert (told.kind, told.facts) == ("payment.noted", ())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
DATAS = st.dictionaries(st.sampled_from(sorted(DATA)), JSON | st.sampled_from([4900, "USD", "a"]))


@given(
    event=JSON
    | st.fixed_dictionaries({"type": st.sampled_from(sorted(KINDS)) | JSON, "data": DATAS | JSON})
)
def test_garbage_of_every_kind_is_refused_by_name(event: Any):
    """Signed as it may be."""
    try:
        told = reader().read(*sent(event), now_us=NOW_US)
    except errors.WebhookRefused:
        return
    assert all(each.ref.isprintable() for each in told.facts)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("amount_minor", 49.0),
        ("amount_minor", "4900"),
        ("amount_minor", -1),
        ("amount_minor", True),
        ("amount_minor", 10**30),
        ("currency", "US"),
        ("currency", "U$D"),
        ("payment_id", "a\u0000b"),
        ("payment_id", ""),
        ("payment_id", "x" * 256),
        ("payment_id", 7),
    ],
)
def test_a_payment_that_cannot_be_kept_is_refused(member: str, value: Any):
    """Floats, texts in place of numbers, and what a database could not hold."""
    with pytest.raises(errors.WebhookRefused):
        reader().read(
            *sent({"type": "payment.paid", "data": DATA | {member: value}}), now_us=NOW_US
        )
