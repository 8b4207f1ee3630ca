"""Stripe, through its official library, against a server that speaks its wire and breaks it."""

import asyncio
import dataclasses
from typing import Any

import pytest
import stripe
from stripe._api_version import _ApiVersion

from grip import errors
from grip.money.payments import Dispute, Ended, Paid, Refund
from grip.payments.port import Purchase
from grip.payments.stripe.adapter import StripeProvider
from grip.payments.stripe.client import API_VERSION
from tests.payments.conftest import NOW_US
from tests.stripe_server import KEY, NOW_S, SECRET, StripeServer, delivered


def posted(server: StripeServer, path: str = "/v1/checkout/sessions") -> list[dict[str, Any]]:
    """Return the idempotency keys and forms that came."""
    return [
        {"key": headers["idempotency-key"], **form}
        for method, where, headers, form in server.requests
        if method == "POST" and where == path
    ]


async def test_a_session_is_over_one_line_of_the_gross_amount(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """Named after the order on session and payment, with all that could change the sum off."""
    opened = await provider.open(purchase)
    (form,) = posted(server)

    assert opened.ref in server.sessions
    assert opened.url == f"https://checkout.stripe.com/c/pay/{opened.ref}"
    assert opened.expires_us == purchase.expires_us
    marks = {"wallet": "wal_1", "order_id": "ord_1", "session_id": "cs_1"}
    price = {
        "currency": "usd",
        "unit_amount": "4900",
        "product_data": {"name": purchase.description},
    }
    assert form == {
        "key": "cs_1",
        "mode": "payment",
        "line_items": {"0": {"quantity": "1", "price_data": price}},
        "client_reference_id": "ord_1",
        "metadata": marks,
        "payment_intent_data": {"description": purchase.description, "metadata": marks},
        "success_url": purchase.success_url,
        "cancel_url": purchase.cancel_url,
        "expires_at": str(NOW_S + 3600),
        "allow_promotion_codes": "false",
        "automatic_tax": {"enabled": "false"},
        "adaptive_pricing": {"enabled": "false"},
        "customer_email": "ada@example.com",
    }


async def test_addresses_that_nobody_gave_are_left_out_or_asked_for(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """Stripe refuses empty ones, and a page without a way back to success."""
    await provider.open(dataclasses.replace(purchase, cancel_url=""))
    with pytest.raises(errors.InvalidRequest, match="success_url"):
        await provider.open(dataclasses.replace(purchase, success_url=""))
    (form,) = posted(server)

    assert "cancel_url" not in form


async def test_the_version_of_the_api_is_pinned_and_nothing_is_told_about_the_machine(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """A newer library that would speak another version fails here first."""
    await provider.open(purchase)
    headers = server.requests[0][2]

    assert headers["stripe-version"] == API_VERSION == _ApiVersion.CURRENT
    assert "platform" not in headers["x-stripe-client-user-agent"]
    assert "telemetry_id" not in headers["x-stripe-client-user-agent"]
    assert "x-stripe-client-telemetry" not in headers


async def test_the_same_purchase_opens_the_same_session(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """So that whoever died before writing its id down finds it again."""
    assert await provider.open(purchase) == await provider.open(purchase)
    assert len(server.sessions) == 1


async def test_another_purchase_under_the_same_id_is_refused(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """Stripe keeps the first body with the key."""
    await provider.open(purchase)
    with pytest.raises(errors.PaymentProviderRefused):
        await provider.open(dataclasses.replace(purchase, gross_minor=1))
    assert len(server.sessions) == 1


@pytest.mark.parametrize("fault", ["500", "429", "lost", "cut", "garbage", "array"])
async def test_an_answer_that_is_none_may_be_asked_for_again(
    provider: StripeProvider, server: StripeServer, purchase: Purchase, fault: str
):
    """Nobody knows what came of it; asked again, there is one session."""
    server.faults = [fault]
    with pytest.raises(errors.PaymentProviderUnavailable) as caught:
        await provider.open(purchase)
    opened = await provider.open(purchase)

    assert list(server.sessions) == [opened.ref]
    assert KEY not in str(caught.value)


async def test_a_timeout_after_success_leaves_one_session(
    provider: StripeProvider,
    server: StripeServer,
    purchase: Purchase,
    monkeypatch: pytest.MonkeyPatch,
):
    """The deadline, which here is over once all is done, is for the whole exchange."""
    server.faults = ["hang"]
    deadlines: list[asyncio.Timeout] = []

    def timeout(delay: float | None) -> asyncio.Timeout:
        deadlines.append(asyncio.Timeout(delay and asyncio.get_running_loop().time() + delay))
        return deadlines[-1]

    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "timeout", timeout)
        first = asyncio.create_task(provider.open(purchase))
        assert await asyncio.to_thread(server.hangs.wait, 60)
        deadlines[0].reschedule(asyncio.get_running_loop().time())
        with pytest.raises(errors.PaymentProviderUnavailable, match=r"no answer in 60 s"):
            await first
    server.release.set()
    opened = await provider.open(purchase)

    assert list(server.sessions) == [opened.ref]


@pytest.mark.parametrize("fault", ["500", "lost"])
async def test_the_library_tries_again_with_the_same_key(
    server: StripeServer, purchase: Purchase, fault: str, monkeypatch: pytest.MonkeyPatch
):
    """Once, and no session is made twice."""
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0)
    provider = StripeProvider(
        "stripe", secret_key=KEY, webhook_secrets=[SECRET], api_base=server.address
    )
    server.faults = [fault]
    opened = await provider.open(purchase)
    await provider.close()

    assert [each["key"] for each in posted(server)] == ["cs_1", "cs_1"]
    assert list(server.sessions) == [opened.ref]


async def test_a_call_that_runs_already_is_asked_for_later(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """Stripe answers 409 while the first of them is under way."""
    server.keys["cs_1"] = None
    with pytest.raises(errors.PaymentProviderUnavailable):
        await provider.open(purchase)


async def test_a_wrong_key_is_named_and_not_repeated(server: StripeServer, purchase: Purchase):
    """To the customer it is the provider that is away."""
    key = "sk_test_of_somebody_else"
    provider = StripeProvider(
        "stripe", secret_key=key, webhook_secrets=[SECRET], api_base=server.address, retries=0
    )
    with pytest.raises(errors.PaymentProviderUnavailable) as caught:
        await provider.open(purchase)
    await provider.close()

    assert "Invalid API Key" in caught.value.detail
    assert key not in str(caught.value)


async def test_no_secret_no_checkout(server: StripeServer, purchase: Purchase):
    """Row 1 of the list: a page to pay on, while nothing that it leads to could be believed."""
    provider = StripeProvider(
        "stripe", secret_key=KEY, webhook_secrets=["", " "], api_base=server.address
    )
    assert not provider.can_open
    with pytest.raises(errors.WebhookUnavailable):
        await provider.open(purchase)
    assert not server.requests


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("amount_total", 4901),
        ("currency", "eur"),
        ("client_reference_id", "ord_2"),
        ("url", "javascript:alert(1)"),
        ("url", None),
        ("id", 7),
        ("expires_at", "soon"),
    ],
)
async def test_a_session_that_was_not_asked_for_is_not_shown(
    provider: StripeProvider, server: StripeServer, purchase: Purchase, member: str, value: object
):
    """What a session is over is compared before anybody is sent there."""
    opened = await provider.open(purchase)
    kept = server.keys["cs_1"]
    assert kept is not None
    server.keys["cs_1"] = (kept[0], 200, server.sessions[opened.ref] | {member: value})
    with pytest.raises(errors.PaymentProviderUnavailable):
        await provider.open(purchase)


async def test_yen_have_no_cents_and_dinars_three_decimals(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """Stripe takes dinars only with a last decimal of 0, and is not asked for others."""
    yen = dataclasses.replace(purchase, currency="JPY", gross_minor=4900)
    dinars = dataclasses.replace(purchase, session_id="cs_2", currency="KWD", gross_minor=4910)
    for each, amount in ((yen, 4900), (dinars, 4910)):
        opened = await provider.open(each)
        assert server.sessions[opened.ref]["amount_total"] == amount
        payment = server.pay(opened.ref)
        seen = await provider.look("ord_1", opened.ref)
        assert seen.facts == (Paid(ref=payment, amount_minor=amount, currency=each.currency),)
    with pytest.raises(errors.AmountUnpayable, match=r"4\.911"):
        await provider.open(dataclasses.replace(dinars, gross_minor=4911))


async def test_looking_tells_what_became_of_a_session(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """Open it is nothing, paid it is a payment; refunds and disputes come along."""
    opened = await provider.open(purchase)
    assert (await provider.look("ord_1", opened.ref)).facts == ()

    payment = server.pay(opened.ref)
    paid = Paid(ref=payment, amount_minor=4900, currency="USD")
    refund = server.give_back(payment, 900)
    dispute = server.dispute(payment)
    seen = await provider.look("ord_1", opened.ref)

    assert (seen.session_ref, seen.payment_ref) == (opened.ref, payment)
    assert set(seen.facts) == {
        paid,
        Refund(ref=refund, amount_minor=900, state="succeeded"),
        Dispute(ref=dispute, amount_minor=4900, what="opened"),
        Dispute(ref=dispute, amount_minor=4900, what="withdrawn"),
    }


async def test_looking_tells_expired_from_failed_from_under_way(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """A delayed payment is neither paid nor failed until it is."""
    first = await provider.open(purchase)
    second = await provider.open(dataclasses.replace(purchase, session_id="cs_2"))
    server.expire(first.ref)
    server.pay(second.ref, delayed=True)

    assert (await provider.look("ord_1", first.ref)).facts == (Ended(ref=first.ref, how="expired"),)
    assert (await provider.look("ord_1", second.ref)).facts == ()
    server.decline(second.ref)
    assert (await provider.look("ord_1", second.ref)).facts == (
        Ended(ref=second.ref, how="failed"),
    )


async def test_an_order_is_found_by_its_id_where_no_session_was_written_down(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """By the mark on its payment."""
    assert (await provider.look("ord_1", None)).facts == ()
    opened = await provider.open(purchase)
    payment = server.pay(opened.ref)
    server.give_back(payment, 100)
    seen = await provider.look("ord_1", None)

    assert seen.payment_ref == payment
    assert [type(fact).__name__ for fact in seen.facts] == ["Paid", "Refund"]
    assert (await provider.look("ord_2", None)).facts == ()


async def test_another_orders_session_is_no_answer(provider: StripeProvider, purchase: Purchase):
    """Row 2 of the list, at the look."""
    opened = await provider.open(purchase)
    with pytest.raises(errors.PaymentProviderUnavailable):
        await provider.look("ord_2", opened.ref)


async def test_a_session_that_stripe_does_not_know_is_refused(provider: StripeProvider):
    """That is an answer, and another try brings the same."""
    with pytest.raises(errors.PaymentProviderRefused):
        await provider.look("ord_1", "cs_unknown")


async def test_a_refund_is_made_once_however_often_it_is_asked_for(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """Also after Stripe has forgotten its idempotency key: row 15 of the list."""
    payment = server.pay((await provider.open(purchase)).ref)
    asked = ("ref_1", payment, 900, "USD", "the customer asked")
    server.faults = ["none", "lost"]
    with pytest.raises(errors.PaymentProviderUnavailable):
        await provider.refund(*asked)
    made = await provider.refund(*asked)
    server.keys.clear()

    assert await provider.refund(*asked) == made
    assert [refund["amount"] for refund in server.refunds.values()] == [900]
    assert made.state == "succeeded"
    (form,) = posted(server, "/v1/refunds")
    assert form["key"] == "ref_1"
    assert form["metadata"] == {"refund_id": "ref_1", "reason": "the customer asked"}


async def test_a_refund_of_grips_own_is_told_from_one_made_elsewhere(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """By its webhook and by a look, even where the answer to its making was lost."""
    opened = await provider.open(purchase)
    payment = server.pay(opened.ref)
    foreign = server.give_back(payment, 100)
    server.faults = ["none", "lost"]
    with pytest.raises(errors.PaymentProviderUnavailable):
        await provider.refund("ref_1", payment, 900, "USD", "asked")
    (ours,) = set(server.refunds) - {foreign}
    made = [event for event in server.events if event["type"] == "refund.created"]
    told = [provider.read(*delivered(event), NOW_US) for event in made]

    assert [each.refund_ids for each in told] == [{}, {ours: "ref_1"}]
    assert (await provider.look("ord_1", opened.ref)).refund_ids == {ours: "ref_1"}


async def test_a_refund_that_stripe_cannot_make_exactly_is_not_asked_for(
    provider: StripeProvider, server: StripeServer
):
    """Of dinars, as with their payment."""
    with pytest.raises(errors.AmountUnpayable):
        await provider.refund("ref_1", "pi_1", 4911, "KWD", "asked")
    assert not server.requests


async def test_a_refund_above_what_is_left_is_refused(
    provider: StripeProvider, server: StripeServer, purchase: Purchase
):
    """With Stripe's own words for the operator."""
    payment = server.pay((await provider.open(purchase)).ref)
    with pytest.raises(errors.PaymentProviderRefused) as caught:
        await provider.refund("ref_1", payment, 4901, "USD", "too much")
    assert "greater than unrefunded" in caught.value.detail
    assert "greater" not in caught.value.message


@pytest.mark.parametrize(
    ("status", "state"),
    [("pending", "pending"), ("requires_action", "pending"), ("failed", "failed")],
)
async def test_a_refund_that_is_not_done_yet_says_so(
    provider: StripeProvider, server: StripeServer, purchase: Purchase, status: str, state: str
):
    """Its end comes by webhook."""
    payment = server.pay((await provider.open(purchase)).ref)
    server.refund_status = status
    made = await provider.refund("ref_1", payment, 900, "USD", "asked")
    assert made.state == state


async def test_charges_are_listed_over_all_pages(
    provider: StripeProvider,
    server: StripeServer,
    purchase: Purchase,
    monkeypatch: pytest.MonkeyPatch,
):
    """From one time up to another; what failed or was never captured is none."""
    monkeypatch.setattr("grip.payments.stripe.adapter._PAGE", 2)
    payments = []
    for number in range(5):
        server.now_s = NOW_S + number
        session = f"cs_{number}"
        opened = await provider.open(dataclasses.replace(purchase, session_id=session))
        payments.append(server.pay(opened.ref))
    server.give_back(payments[2], 900)
    failed = next(one for one in server.charges.values() if one["payment_intent"] == payments[3])
    failed["status"] = "failed"
    from_us, to_us = NOW_US + 1, NOW_US + 4_000_000
    found = [charge async for charge in provider.charges(from_us, to_us)]

    assert [charge.payment_ref for charge in found] == [payments[2], payments[1]]
    assert [charge.refunded_minor for charge in found] == [900, 0]
    assert {charge.order_id for charge in found} == {"ord_1"}
    assert found[0].created_us == NOW_US + 2_000_000
    assert (found[0].amount_minor, found[0].currency) == (4900, "USD")
