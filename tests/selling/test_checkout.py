"""Buying credits: agreed before anybody pays, opened once, and lost by no crash."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from grip import errors
from grip.money.payments import Paid
from grip.payments.build import Providers
from grip.services import wallets
from grip.services.context import Context
from grip.services.selling import agreeing, checkout, janitor, listening, refunds, sales
from grip.services.selling.agreeing import Links, Terms
from grip.services.selling.checkout import Begun, Wish
from grip.settings import Amount, Legal, Package
from grip.store import payments
from grip.store.records import Caller, Wallet
from tests.conftest import FakeClock
from tests.selling.bank import Bank, Shelf
from tests.selling.conftest import Till
from tests.selling.test_listening import SIGNED, told

LINKS = Links(success_url="https://shop.example/done", cancel_url="https://shop.example/no")


def caller(wallet: Wallet, **other: Any) -> Caller:
    """Return the key of a wallet's owner."""
    values: dict[str, Any] = dict.fromkeys(Caller.__dataclass_fields__)
    return Caller(**values | {"wallet_id": wallet.id, "key_id": "key_1", "is_owner": True} | other)


async def _begin(till: Till, bank: Bank, wallet: Wallet, **wish: Any) -> Begun:
    offer = agreeing.of_package(till.context, "growth")
    return await checkout.begin(
        till.context, bank, caller(wallet), Wish(offer=offer, links=LINKS, **wish)
    )


async def _ready(till: Till) -> Wallet:
    ana = await till.customer()
    await till.profile(ana)
    return ana


async def test_what_is_paid_for_what_is_told_before_it_is_paid(till: Till):
    """Net, tax and gross, credits and bonus, where to pay; and nothing is credited yet."""
    ana, bank = await _ready(till), Bank()
    begun = await _begin(till, bank, ana)
    shown = checkout.describe(begun)

    assert (shown["net"], shown["tax"], shown["gross"], shown["currency"]) == (
        *("199.00", "37.81", "236.81"),
        "USD",
    )
    assert (shown["credits"], shown["bonus"], shown["tax_name"]) == (199_000, 9_950, "VAT")
    assert shown["url"].startswith("https://pay.example/")
    order = await sales.find(till.context, begun.order.id)
    assert (order.status, (await till.wallet(ana)).balance) == ("awaiting_payment", 0)


async def test_a_checkout_is_settled_by_its_webhook(till: Till):
    """What was agreed is credited, whatever the profile says by then."""
    ana, bank = await _ready(till), Bank()
    begun = await _begin(till, bank, ana)
    await till.profile(ana, name="Ana Schmidt", country="AT", postcode="1010", city="Wien")
    paid = told(
        begun.order,
        session_ref=begun.opened.ref,
        facts=(_paid(begun),),
    )
    assert await listening.receive(till.context, bank, paid, SIGNED) == "applied"
    (invoice,) = await till.documents(begun.order)

    assert (await till.wallet(ana)).balance == 199_000 + 9_950
    assert invoice.content["customer"]["name"] == "Ana Müller"
    assert (invoice.gross_minor, invoice.tax_minor) == (23_681, 3_781)


async def test_the_same_key_is_the_same_checkout(till: Till):
    """Asked for twice, opened once; for another body it is refused."""
    ana, bank = await _ready(till), Bank()
    once = await _begin(till, bank, ana, idem_key="key_1:a", fingerprint="f")
    again = await _begin(till, bank, ana, idem_key="key_1:a", fingerprint="f")
    with pytest.raises(errors.IdempotencyKeyReused):
        await _begin(till, bank, ana, idem_key="key_1:a", fingerprint="g")

    assert (again.order.id, again.opened.url) == (once.order.id, once.opened.url)
    assert bank.asked["open"] == 1


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_session_that_a_crash_left_open_is_found_again(
    till: Till, clock: FakeClock, when: str
):
    """Row 7: the order is there before the provider is asked, and asked with the same key."""
    ana, bank = await _ready(till), Bank()
    bank.away = when
    with pytest.raises(errors.PaymentProviderUnavailable):
        await _begin(till, bank, ana)
    (order,) = await sales.list_orders(till.context)
    assert order.status == "created"
    bank.away = ""
    clock.advance(120)
    assert await janitor.run(till.context, Shelf(bank)) == 1
    async with till.context.database.read() as connection:
        session = await payments.session_of(connection, order.id)

    assert session is not None
    assert (session.state, session.ref) == ("open", f"cs_{session.id}")
    assert len(bank.sessions) == 1
    assert (await sales.find(till.context, order.id)).status == "awaiting_payment"
    assert await janitor.run(till.context, Shelf(bank)) == 0


async def test_a_payment_whose_webhook_never_came_is_asked_after(till: Till, clock: FakeClock):
    """Row 8: the provider's own answer is as good as its webhook, and counts once."""
    ana, bank = await _ready(till), Bank()
    begun = await _begin(till, bank, ana)
    bank.seen[begun.order.id] = (_paid(begun),)
    clock.advance(2 * 3600)
    await janitor.run(till.context, Shelf(bank))
    await janitor.run(till.context, Shelf(bank))

    assert (await till.wallet(ana)).balance == 199_000 + 9_950


async def test_a_refund_that_a_crash_left_open_is_asked_for_again(till: Till, clock: FakeClock):
    """Row 15: with the same key; it is one refund."""
    ana, bank = await _ready(till), Bank()
    begun = await _begin(till, bank, ana)
    await till.tell(begun.order, _paid(begun))
    bank.refund_state = "succeeded"
    await refunds.request(till.context, begun.order.id, actor="eve", reason="unhappy")
    clock.advance(120)
    assert await janitor.run(till.context, Shelf(bank)) >= 1

    assert (len(bank.refunds), (await till.wallet(ana)).balance) == (1, 0)


async def test_a_refund_whose_end_was_never_told_is_asked_after(till: Till, clock: FakeClock):
    """Its webhook was lost: its credits are not held for ever."""
    ana, bank = await _ready(till), Bank()
    begun = await _begin(till, bank, ana)
    await till.tell(begun.order, _paid(begun))
    asked = await refunds.request(till.context, begun.order.id, actor="eve", reason="unhappy")
    asked = await refunds.submit(till.context, Shelf(bank), asked)
    clock.advance(3600)
    early = await janitor.run(till.context, Shelf(bank))
    before = await till.wallet(ana)
    bank.refunds[asked.id] = replace(bank.refunds[asked.id], state="succeeded")
    clock.advance(6 * 3600)
    await janitor.run(till.context, Shelf(bank))
    after = await till.wallet(ana)

    assert (asked.state, early, before.held) == ("pending", 0, 199_000 + 9_950)
    assert (after.balance, after.held, len(bank.refunds)) == (0, 0, 1)


async def test_nothing_is_sold_without_a_profile_or_to_a_member(till: Till):
    """An invoice needs somebody to go to, and a wallet is its owner's."""
    ana, bank = await till.customer(), Bank()
    with pytest.raises(errors.BillingProfileMissing):
        await _begin(till, bank, ana)
    offer = agreeing.of_package(till.context, "growth")
    with pytest.raises(errors.OwnerOnly):
        await checkout.begin(
            till.context, bank, caller(ana, is_owner=False), Wish(offer=offer, links=LINKS)
        )

    assert (await sales.list_orders(till.context), bank.asked["open"]) == ([], 0)


async def test_no_secret_no_checkout(till: Till):
    """Row 1: money would come, and no credits."""
    tables = {"sandbox": {"kind": "sandbox"}}
    with pytest.raises(errors.WebhookUnavailable):
        checkout.chosen(Providers(tables), None)
    with pytest.raises(errors.WebhookUnavailable):
        checkout.chosen(Providers({}), None)
    with pytest.raises(errors.InvalidRequest):
        checkout.chosen(Providers(tables), "stripe")


def _with(context: Context, **settings: Any) -> Context:
    return replace(context, settings=replace(context.settings, **settings))


async def test_what_could_not_be_credited_is_not_sold(till: Till):
    """Row 12: judged before the session is opened."""
    ana = await _ready(till)
    whole = Package(
        title="All", price=Amount(value=Decimal(1000000), currency="USD"), credits=9_000_000_000
    )
    till.context = _with(till.context, packages={"growth": whole})
    await sales.create(
        till.context, ana.id, agreeing.of_package(till.context, "growth"), actor="eve"
    )
    await wallets.credit(till.context, ana.id, 5, actor="eve", reason="a gift")
    with pytest.raises(errors.Conflict, match="at most"):
        await _begin(till, Bank(), ana)


def _paid(begun: Begun) -> Paid:
    order = begun.order
    return Paid(ref="pay_1", amount_minor=order.gross_minor, currency=order.currency)


async def test_an_amount_of_choice_buys_at_the_rate_of_credits(till: Till):
    """Within bounds, in the checkout's currency."""
    offer = agreeing.of_amount(till.context, Amount(value=Decimal("5.01"), currency="USD"))

    assert (offer.credits, offer.bonus, offer.net_minor) == (5_010, 0, 501)
    for value, currency in (("4.99", "USD"), ("10000.01", "USD"), ("50", "EUR"), ("5.001", "USD")):
        with pytest.raises(errors.InvalidRequest):
            agreeing.of_amount(till.context, Amount(value=Decimal(value), currency=currency))


async def test_a_contract_is_sold_by_an_operator_alone(till: Till):
    """With terms of its own."""
    with pytest.raises(errors.Conflict, match="by contract"):
        agreeing.of_package(till.context, "enterprise")
    with pytest.raises(errors.InvalidRequest, match="by contract"):
        agreeing.of_package(till.context, "enterprise", Terms())
    till.context = _with(till.context, exchange={"EUR": "1.1"})
    price = Amount(value=Decimal(5000), currency="EUR")
    offer = agreeing.of_package(
        till.context, "enterprise", Terms(price=price, credits=6_000_000, bonus=1)
    )

    assert (offer.credits, offer.bonus, offer.net_minor, offer.currency) == (
        *(6_000_000, 1, 500_000),
        "EUR",
    )


async def test_a_manual_order_is_settled_once_with_evidence(till: Till):
    """Row 20: the same function as a webhook, and an audit row."""
    ana = await _ready(till)
    till.context = _with(till.context, legal=Legal(terms_url="https://shop.example/terms"))
    offer = agreeing.of_package(till.context, "starter")
    made = await sales.create(till.context, ana.id, offer, actor="eve")
    after = await sales.approve(
        till.context, made.id, evidence="bank 4711", actor="eve", reason="it is there"
    )
    with pytest.raises(errors.Conflict, match="settled already"):
        await sales.approve(till.context, made.id, evidence="again", actor="eve", reason="again")

    assert (after.status, after.evidence) == ("paid", "bank 4711")
    assert (await till.wallet(ana)).balance == 49_000
    (invoice,) = await till.documents(after)
    assert invoice.content["terms_url"] == "https://shop.example/terms"


async def test_an_order_in_review_is_approved_or_sent_back(till: Till):
    """Row 11: another amount came; nothing is credited until an operator says what it is."""
    ana, bank = await _ready(till), Bank()
    short = [await _begin(till, bank, ana) for _ in range(2)]
    for number, begun in enumerate(short):
        amount = begun.order.gross_minor - 1
        order = await till.tell(
            begun.order, Paid(ref=f"pay_{number}", amount_minor=amount, currency="USD")
        )
        assert (order.status, (await till.wallet(ana)).balance) == ("review", 0)
    first, second = (begun.order.id for begun in short)
    returned = await sales.send_back(till.context, first, actor="eve", reason="sent back")
    approved = await sales.approve(
        till.context, second, evidence="a cent", actor="eve", reason="near enough"
    )
    with pytest.raises(errors.Conflict, match="not in review"):
        await sales.send_back(till.context, second, actor="eve", reason="too late")

    assert (returned.status, approved.status) == ("returned", "paid")
    assert approved.payment_ref == "pay_1"
    assert (await till.wallet(ana)).balance == 199_000 + 9_950
