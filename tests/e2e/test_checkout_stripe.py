"""Buying credits through Stripe: its official library, against a server that speaks its wire."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from anyio.from_thread import BlockingPortal

from grip import errors
from grip.app import payment_providers
from grip.services.context import Context
from grip.services.selling import reconciling, refunds, sales
from grip.services.selling.reconciling import Difference
from grip.store.payments import RefundRow
from tests.e2e.conftest import Open
from tests.e2e.house import Customer
from tests.e2e.shop import OLD_SECRET, Shop, config, stripe_of_today

DONE = "https://shop.example/done"
GROWTH = 208_950
MONTH_US = 31 * 24 * 3600 * 1_000_000


def begin(shop: Shop, customer: Customer, **said: Any) -> Any:
    """Begin a checkout of the package growth at Stripe."""
    return shop.begin(customer, **{"provider": "stripe", "success_url": DONE} | said)


def session_of(shop: Shop, customer: Customer) -> str:
    """Return Stripe's name of the only session of a customer's only order."""
    (order,) = shop.orders(customer)
    (found,) = [
        name
        for name, session in shop.stripe.sessions.items()
        if session["client_reference_id"] == order.id
    ]
    return found


def buy(shop: Shop, *, amount: int | None = None) -> tuple[Customer, str]:
    """Let a customer pay; return them, and Stripe's name of the payment. Nothing is told yet."""
    ana = shop.customer()
    assert begin(shop, ana).status_code == 200
    return ana, shop.stripe.pay(session_of(shop, ana), amount=amount)


def events(shop: Shop, intent: str) -> list[dict[str, Any]]:
    """Return the events about a payment, its session among them."""
    return [event for event in shop.stripe.events if intent in json.dumps(event)]


def tell_all(shop: Shop, intent: str) -> None:
    """Post all events about a payment."""
    for event in events(shop, intent):
        assert shop.tell_event(event).status_code == 200, event


def give_back(shop: Shop, customer: Customer, amount_minor: int | None = None) -> RefundRow:
    """Refund the customer's only order, as `grip orders refund` does."""
    (order,) = shop.orders(customer)

    async def refund(context: Context) -> RefundRow:
        asked = await refunds.request(
            context, order.id, amount_minor=amount_minor, actor="eve", reason="unhappy"
        )
        providers = payment_providers(context.settings)
        try:
            return await refunds.submit(context, providers, asked)
        except errors.PaymentProviderUnavailable:
            return asked
        finally:
            await providers.close()

    done: RefundRow = shop.house.do(refund)
    return done


def test_a_checkout_at_stripe_is_credited_by_its_webhook(shop: Shop):
    """One line of the gross amount, which says what is bought; nothing before the webhook."""
    ana = shop.customer()
    begun = begin(shop, ana).json()
    session = session_of(shop, ana)
    (form,) = [
        form
        for method, path, _, form in shop.stripe.requests
        if method == "POST" and form.get("client_reference_id") == begun["order_id"]
    ]
    intent = shop.stripe.pay(session)
    before = shop.wallet(ana)["balance"]
    tell_all(shop, intent)

    assert begun["url"] == f"https://checkout.stripe.com/c/pay/{session}"
    assert form["line_items"]["0"]["price_data"]["product_data"]["name"] == (
        "Growth: 199000 credits + 9950 bonus. Net 199.00, VAT 19.00 % 37.81, total 236.81 USD"
    )
    assert "cancel_url" not in form
    assert (before, shop.wallet(ana)["balance"], shop.wallet(ana)["tier"]) == (0, GROWTH, "plus")
    assert len(shop.documents(ana)) == 1


def test_a_way_back_is_asked_for_before_stripe_is(shop: Shop):
    """Its page cannot be had without one, and an order that could not be opened has failed."""
    ana = shop.customer()
    answer = begin(shop, ana, success_url=None)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "success_url")
    assert [order.status for order in shop.orders(ana)] == ["failed"]


@pytest.mark.parametrize("fault", ["lost", "garbage", "500"])
def test_a_session_whose_answer_was_lost_is_the_same_session(shop: Shop, fault: str):
    """Timeout after success: the customer hears 503, the janitor finds it; one at Stripe."""
    ana = shop.customer()
    shop.stripe.faults[:] = [fault] * 3
    refused = begin(shop, ana, key="one")
    shop.stripe.faults.clear()
    (created,) = shop.orders(ana)
    shop.janitor(later_s=120)
    again = begin(shop, ana, key="one")

    assert (refused.status_code, refused.json()["error"]["code"]) == (
        503,
        "payment_provider_unavailable",
    )
    assert created.status == "created"
    assert again.json()["url"].endswith(session_of(shop, ana))
    tell_all(shop, shop.stripe.pay(session_of(shop, ana)))
    assert shop.wallet(ana)["balance"] == GROWTH


def test_webhooks_in_any_order_and_number_credit_once(shop: Shop):
    """Backwards, twice, and four at the same instant."""
    ana, intent = buy(shop)
    shop.stripe.give_back(intent, 11_681)
    backwards = events(shop, intent)[::-1]
    for event in backwards:
        assert shop.tell_event(event).status_code == 200
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(shop.tell_event, backwards * 2))
    (order,) = shop.orders(ana)

    assert {answer.status_code for answer in answers} == {200}
    assert (order.status, order.returned_minor) == ("partially_reversed", 11_681)
    assert shop.wallet(ana)["balance"] == GROWTH - order.reversed_credits
    assert [document.kind for document in shop.documents(ana)] == ["credit_note", "invoice"]


@pytest.mark.parametrize("amount", [23_680, 23_682, 1])
def test_another_amount_is_for_an_operator_to_settle(shop: Shop, amount: int):
    """Row 11: nothing is credited, until somebody approves what came."""
    ana, intent = buy(shop, amount=amount)
    tell_all(shop, intent)
    (held,) = shop.orders(ana)
    before = shop.wallet(ana)["balance"], shop.documents(ana)
    why = {"evidence": "support 4711", "actor": "eve", "reason": "a cent is no matter"}
    shop.house.do(sales.approve, held.id, **why)
    (after,) = shop.orders(ana)
    tell_all(shop, intent)

    assert (held.status, before) == ("review", (0, []))
    assert (after.status, after.payment_ref, after.evidence) == ("paid", intent, "support 4711")
    assert shop.wallet(ana)["balance"] == GROWTH


def test_both_secrets_are_believed_while_one_is_rotated(shop: Shop):
    """The new one and the old one, and no third."""
    (ana, first), (ben, second), (eve, third) = buy(shop), buy(shop), buy(shop)
    answers = [
        shop.tell_event(events(shop, intent)[-1], secret).status_code
        for intent, secret in ((first, "whsec_of_the_tests"), (second, OLD_SECRET), (third, "x"))
    ]

    assert answers == [200, 200, 401]
    balances = [shop.wallet(customer)["balance"] for customer in (ana, ben, eve)]
    assert balances == [GROWTH, GROWTH, 0]


def test_a_refund_whose_answer_was_lost_is_one_refund(shop: Shop):
    """In part, then what is left; the janitor asks again with the same key."""
    ana, intent = buy(shop)
    tell_all(shop, intent)
    shop.stripe.faults[:] = ["none", "lost", "lost"]
    lost = give_back(shop, ana, 11_840)
    shop.stripe.faults.clear()
    held = shop.wallet(ana)
    shop.janitor(later_s=120)
    (part,) = shop.orders(ana)
    done = give_back(shop, ana)
    tell_all(shop, intent)
    (whole,) = shop.orders(ana)

    assert lost.state == "requested"
    assert held["balance"] == GROWTH
    assert held["held"] == part.reversed_credits > 0
    assert (part.status, part.returned_minor) == ("partially_reversed", 11_840)
    assert (done.state, whole.status) == ("succeeded", "reversed")
    refunded = [r["amount"] for r in shop.stripe.refunds.values() if r["payment_intent"] == intent]
    assert refunded == [11_840, 11_841]
    assert (shop.wallet(ana)["balance"], shop.wallet(ana)["held"]) == (0, 0)
    kinds = [document.kind for document in shop.documents(ana)]
    assert kinds == ["credit_note", "credit_note", "invoice"]
    assert sum(document.tax_minor for document in shop.documents(ana)[:2]) == 3_781


def test_a_refund_of_the_dashboard_counts(shop: Shop):
    """Its credits and its credit note, though nobody asked here; a late failure undoes it."""
    ana, intent = buy(shop)
    tell_all(shop, intent)
    refund = shop.stripe.give_back(intent, 23_681)
    tell_all(shop, intent)
    back = shop.wallet(ana)["balance"], shop.orders(ana)[0].status
    shop.stripe.move_refund(refund, "failed")
    tell_all(shop, intent)

    assert back == (0, "reversed")
    assert (shop.wallet(ana)["balance"], shop.orders(ana)[0].status) == (GROWTH, "paid")


def test_a_dispute_is_withdrawn_and_reinstated(shop: Shop):
    """Row 17: the credits go with the money, come with it; and meanwhile nothing is refunded."""
    ana, intent = buy(shop)
    tell_all(shop, intent)
    dispute = shop.stripe.dispute(intent)
    tell_all(shop, intent)
    away = shop.wallet(ana)["balance"], shop.orders(ana)[0].status
    with pytest.raises(errors.Conflict, match="disputed"):
        give_back(shop, ana)
    shop.stripe.close_dispute(dispute, "won")
    tell_all(shop, intent)

    assert away == (0, "reversed")
    assert (shop.wallet(ana)["balance"], shop.orders(ana)[0].status) == (GROWTH, "paid")


def reconciled(shop: Shop) -> list[Difference]:
    """Lay the orders beside Stripe's own books."""

    async def look(context: Context) -> list[Difference]:
        providers = payment_providers(context.settings)
        now_us = context.clock()
        span = {"from_us": now_us - MONTH_US, "to_us": now_us + 1_000_000}
        try:
            charges = providers.get("stripe").charges(**span)
            return [
                *await reconciling.own_books(context),
                *await reconciling.with_provider(context, "stripe", charges, **span),
            ]
        finally:
            await providers.close()

    found: list[Difference] = shop.house.do(look)
    return found


def test_what_stripe_knows_and_grip_does_not_is_a_difference(shop: Shop):
    """A payment whose webhook never came, until the janitor asks; a refund that was not told."""
    known = reconciled(shop)
    ana, intent = buy(shop)
    unheard = [one for one in reconciled(shop) if one not in known]
    shop.janitor(later_s=2 * 3600)
    heard = [one for one in reconciled(shop) if one not in known]
    shop.stripe.give_back(intent, 100)
    returned = [one for one in reconciled(shop) if one not in known]

    assert [(one.what, one.payment_ref) for one in unheard] == [("not_here", intent)]
    assert (heard, shop.wallet(ana)["balance"]) == ([], GROWTH)
    assert [(one.what, one.here, one.there) for one in returned] == [
        ("returned", "0.00 USD", "1.00 USD")
    ]
    tell_all(shop, intent)


def test_a_webhook_that_cannot_be_kept_is_sent_again(
    postgres_server: str, portal: BlockingPortal, own_house: Open, own_url: str, tmp_path: Path
):
    """Row 5: 503 while the database is away, and credited by the repetition."""
    if own_url.startswith("sqlite"):
        pytest.skip("a file does not go away")
    name = own_url.rpartition("/")[2].partition("?")[0]
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608 - a name of the tests' own
    with (
        stripe_of_today() as stripe,
        own_house(config=config(tmp_path, stripe.address)) as house,
    ):
        shop = Shop(house, stripe)
        ana, intent = buy(shop)
        event = events(shop, intent)[-1]
        portal.call(_run, postgres_server, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false', cut)
        away = shop.tell_event(event)
        portal.call(_run, postgres_server, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        back = shop.tell_event(event)

        assert (away.status_code, away.json()["error"]["code"]) == (503, "service_unavailable")
        assert (back.status_code, shop.wallet(ana)["balance"]) == (200, GROWTH)


async def _run(server: str, *statements: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
