"""Tiers that payments lead to: what counts, at which rates, and what a refund may take."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from grip import errors
from grip.money.payments import FAILED, SUCCEEDED, Paid, Refund
from grip.services import audit, wallets
from grip.services.selling import agreeing
from grip.services.selling.agreeing import Terms
from grip.settings import Amount
from grip.store import tier_changes
from grip.store import wallets as rows
from grip.store.orders import Order
from grip.store.records import Wallet
from grip.store.tier_changes import TierChange
from tests.selling.conftest import SNAPSHOT, Till


def amount(value: str, currency: str) -> Amount:
    return Amount(value=Decimal(value), currency=currency)


def _with(till: Till, **settings: Any) -> None:
    till.context = replace(till.context, settings=replace(till.context.settings, **settings))


def _thresholds(till: Till, **over: Amount) -> None:
    """Let these tiers begin beyond these amounts, and no others."""
    tiers = till.context.settings.tiers
    _with(
        till,
        tiers={name: replace(tier, recharge_over=over.get(name)) for name, tier in tiers.items()},
    )


async def _pay(till: Till, wallet: Wallet, net: int, currency: str = "USD", **other: Any) -> Order:
    """Let an order be paid, without tax."""
    terms = {"net_minor": net, "tax_minor": 0, "gross_minor": net, "currency": currency}
    order = await till.order(wallet, **terms | other)
    return await till.tell(order, Paid(ref=f"of {order.id}", amount_minor=net, currency=currency))


async def _give_back(till: Till, order: Order, minor: int | None = None) -> Order:
    ref, amount_minor = f"re {order.id}", minor or order.gross_minor
    return await till.tell(order, Refund(ref=ref, amount_minor=amount_minor, state=SUCCEEDED))


async def _tier(till: Till, wallet: Wallet) -> str:
    return (await till.wallet(wallet)).tier


async def _changes(till: Till, wallet: Wallet) -> list[TierChange]:
    async with till.context.database.read() as connection:
        return (await tier_changes.load(connection, wallet.id))[::-1]


async def test_a_threshold_is_exceeded_or_it_is_not(till: Till):
    """To pay it exactly is not enough; a minor unit more is."""
    _thresholds(till, plus=amount("100", "USD"))
    ana = await till.customer()
    await _pay(till, ana, 10_000)
    before = await _tier(till, ana)
    await _pay(till, ana, 1)

    assert (before, await _tier(till, ana)) == ("free", "plus")


async def test_a_tier_that_payments_lead_to_is_in_the_audit_log(till: Till):
    """With what was before, and the order that led there."""
    _thresholds(till, plus=amount("100", "USD"))
    ana = await till.customer()
    order = await _pay(till, ana, 10_001)
    (row,) = [
        row
        for row in await audit.list_audit(till.context, subject=ana.id)
        if row.action == "wallet.tier"
    ]

    assert (row.actor, row.before) == ("test", {"tier": "free"})
    assert row.after == {"tier": "plus", "order_id": order.id}
    assert row.reason == f"payments of {ana.id}"


async def test_what_goes_back_to_a_threshold_goes_below_it(till: Till):
    """As strictly on the way down."""
    _thresholds(till, plus=amount("100", "USD"))
    ana = await till.customer()
    order = await _pay(till, ana, 10_002)
    await _give_back(till, order, 1)
    still = await _tier(till, ana)
    await till.tell(order, Refund(ref="re_2", amount_minor=1, state=SUCCEEDED))

    assert (still, await _tier(till, ana)) == ("plus", "free")


async def test_currencies_are_added_at_the_rates_of_each_order(till: Till):
    """One yen more than 2,000 CNY; a rate that changes later changes nothing."""
    ana = await till.customer()
    rates = {"USD": "1", "CNY": "0.14", "EUR": "1.12", "JPY": "0.007", "KWD": "3.5"}
    frozen = {"snapshot": SNAPSHOT | {"exchange": rates}}
    _thresholds(till, plus=amount("2000", "CNY"))
    _with(till, exchange={"CNY": "9", "EUR": "0.01", "JPY": "0.0001", "KWD": "0.1"})
    # 280 dollars are 2,000 CNY: 100 in dollars, 112 in euros, 35 in dinars, 33 in yen.
    await _pay(till, ana, 10_000, "USD", **frozen)
    await _pay(till, ana, 10_000, "EUR", **frozen)
    await _pay(till, ana, 10_000, "KWD", **frozen)
    await _pay(till, ana, 4_714, "JPY", **frozen)
    before = await _tier(till, ana)
    await _pay(till, ana, 1, "JPY", **frozen)

    assert (before, await _tier(till, ana)) == ("free", "plus")


async def test_a_threshold_in_a_currency_that_came_later_counts_at_todays_rate(till: Till):
    """Orders that were made before it count as others do: they are not lost."""
    _thresholds(till)
    ana = await till.customer()
    await _pay(till, ana, 10_000)
    _thresholds(till, plus=amount("90", "KWD"))
    _with(till, exchange={"KWD": "3.5"})
    await _pay(till, ana, 21_500)
    before = await _tier(till, ana)
    await _pay(till, ana, 1)

    assert (before, await _tier(till, ana)) == ("free", "plus")


async def test_nothing_is_sold_in_a_currency_without_a_rate(till: Till):
    """It would count for no tier, and nobody would know."""
    sold = Terms(price=amount("5000", "EUR"), credits=6_000_000)
    with pytest.raises(errors.InvalidRequest, match=r"set exchange\.EUR"):
        agreeing.of_package(till.context, "enterprise", sold)
    _with(till, exchange={"EUR": "1.1"})

    assert agreeing.of_package(till.context, "enterprise", sold).currency == "EUR"


async def test_every_change_is_kept_with_what_led_to_it(till: Till):
    """The order, or the operator; a replay leads to nothing."""
    _thresholds(till, plus=amount("100", "USD"), pro=amount("200", "USD"))
    ana = await till.customer()
    first = await _pay(till, ana, 10_001)
    await till.tell(first, Paid(ref=f"of {first.id}", amount_minor=10_001, currency="USD"))
    second = await _pay(till, ana, 10_001)
    await _give_back(till, second)
    await till.tell(second, Refund(ref=f"re {second.id}", amount_minor=10_001, state=FAILED))
    await wallets.set_tier(till.context, ana.id, "max", actor="eve", reason="a friend")

    assert [(one.before, one.after, one.cause) for one in await _changes(till, ana)] == [
        ("free", "plus", first.id),
        ("plus", "pro", second.id),
        ("pro", "plus", second.id),
        ("plus", "pro", second.id),
        ("pro", "max", ""),
    ]


async def test_a_refund_lowers_to_what_was_given_by_hand_and_no_further(till: Till):
    """However often payments moved it since."""
    _thresholds(till, pro=amount("100", "USD"))
    ana = await till.customer()
    await wallets.set_tier(till.context, ana.id, "plus", actor="eve", reason="a friend")
    order = await _pay(till, ana, 10_001)
    above = await _tier(till, ana)
    await _give_back(till, order)

    assert (above, await _tier(till, ana)) == ("pro", "plus")


async def test_a_tier_from_before_there_was_a_history_is_one_given_by_hand(till: Till):
    """No payment can have led there."""
    _thresholds(till, pro=amount("100", "USD"))
    ana = await till.customer()
    async with till.context.database.write() as connection:
        await rows.set_tier(connection, ana.id, old="free", new="plus")
    order = await _pay(till, ana, 10_001)
    above = await _tier(till, ana)
    await _give_back(till, order)

    assert (above, await _tier(till, ana)) == ("pro", "plus")


async def test_a_tier_that_was_taken_by_hand_comes_back_by_a_payment_alone(till: Till):
    """Not by a replay, and not by money that goes back."""
    _thresholds(till, plus=amount("100", "USD"))
    ana = await till.customer()
    order = await _pay(till, ana, 20_000)
    await wallets.set_tier(till.context, ana.id, "free", actor="eve", reason="abuse")
    await till.tell(order, Paid(ref=f"of {order.id}", amount_minor=20_000, currency="USD"))
    await _give_back(till, order, 1)
    before = await _tier(till, ana)
    await _pay(till, ana, 1)

    assert (before, await _tier(till, ana)) == ("free", "plus")


async def test_a_payment_lowers_no_tier(till: Till):
    """Not where the thresholds were raised since: what was reached is kept."""
    _thresholds(till, plus=amount("100", "USD"))
    ana = await till.customer()
    order = await _pay(till, ana, 10_001)
    _thresholds(till, plus=amount("1000", "USD"))
    await _pay(till, ana, 1)
    before = await _tier(till, ana)
    await _give_back(till, order)

    assert (before, await _tier(till, ana)) == ("plus", "free")
