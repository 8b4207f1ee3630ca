"""What a payment does, whoever tells of it, in whatever order, and however often."""

import asyncio
from itertools import permutations

import pytest

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
from grip.services import wallets
from grip.services.selling import settling
from grip.store import orders
from grip.store.orders import Order
from tests.selling.conftest import BONUS, CREDITS, GROSS, PAID, TAX, Till

ALL = CREDITS + BONUS


def refund(state: str, amount: int = GROSS // 2, ref: str = "re_1") -> Refund:
    return Refund(ref=ref, amount_minor=amount, state=state)


def dispute(what: str) -> Dispute:
    return Dispute(ref="dp_1", amount_minor=GROSS, what=what)


EVENT_SETS: list[list[Fact]] = [
    [Ended(ref="cs_1", how=EXPIRED), PAID, PAID],
    [PAID, refund(PENDING), refund(SUCCEEDED), refund(SUCCEEDED)],
    [PAID, refund(SUCCEEDED), refund(SUCCEEDED, GROSS - GROSS // 2, "re_2")],
    [PAID, refund(SUCCEEDED), refund(FAILED)],
    [PAID, dispute("opened"), dispute(WITHDRAWN), dispute(REINSTATED)],
    [PAID, refund(SUCCEEDED), dispute(WITHDRAWN)],
    [PAID, Paid(ref="pay_2", amount_minor=GROSS, currency="USD")],
    [Paid(ref="pay_3", amount_minor=GROSS - 1, currency="USD"), Ended(ref="cs_1", how=FAILED)],
]


@pytest.mark.parametrize("told", EVENT_SETS, ids=lambda told: f"{len(told)}-{told[-1]!r}"[:50])
async def test_every_order_of_events_comes_to_the_same(till: Till, told: list[Fact]):
    """The order, the wallet, and what its documents come to (reference: events come in any)."""
    ends = set()
    for number, shuffled in enumerate(permutations(told)):
        wallet = await till.customer(f"ana{number}@example.com")
        order = await till.tell(await till.order(wallet, provider=f"p{number}"), *shuffled)
        stands = await till.wallet(wallet)
        documents = await till.documents(order)
        sums = sum(
            one.gross_minor if one.kind == "invoice" else -one.gross_minor for one in documents
        )
        ends.add(
            (
                *(order.status, order.payment_ref, order.returned_minor, order.reversed_credits),
                *(order.disputed, stands.balance, stands.debt, stands.tier, sums),
            )
        )
        assert sums == (GROSS - order.returned_minor if order.paid_us else 0)
        assert (
            stands.balance - stands.debt == (ALL if order.paid_us else 0) - order.reversed_credits
        )

    assert len(ends) == 1


async def test_a_payment_gives_credits_and_bonus_once(till: Till):
    """However often it is told (rows 4 and 6 of reference/billing.md: credited in one step)."""
    ana = await till.customer()
    order = await till.tell(await till.order(ana), PAID, PAID, PAID)

    assert (order.status, order.payment_ref) == ("paid", "pay_1")
    assert (await till.wallet(ana)).balance == ALL
    assert [one.name[-6:] for one in await till.documents(order)] == ["000001"]


async def test_two_that_tell_the_same_at_once_give_it_once(till: Till):
    """Two webhooks at the same instant, on two connections."""
    ana = await till.customer()
    order = await till.order(ana)
    await asyncio.gather(*(till.tell(order, PAID) for _ in range(4)))

    assert (await till.wallet(ana)).balance == ALL
    assert len(await till.documents(order)) == 1


async def test_credits_that_are_spent_already_become_a_debt(till: Till):
    """Row 16: the wallet goes to zero, and the next purchase pays the rest first."""
    ana = await till.customer()
    order = await till.tell(await till.order(ana), PAID)
    await wallets.debit(till.context, ana.id, ALL - 1_000, actor="test", reason="spent")
    await till.tell(order, dispute(WITHDRAWN))
    owing = await till.wallet(ana)
    next_order = await till.order(ana)
    await till.tell(next_order, Paid(ref="pay_9", amount_minor=GROSS, currency="USD"))

    assert (owing.balance, owing.debt, owing.available) == (0, ALL - 1_000, 0)
    after = await till.wallet(ana)
    assert (after.balance, after.debt) == (1_000, 0)


async def test_a_partial_refund_takes_its_tax_and_the_last_one_what_is_left(till: Till):
    """Row 13: three refunds of odd amounts are the order's tax to the cent."""
    ana = await till.customer()
    parts = (3_333, 3_333, GROSS - 6_666)
    told = [refund(SUCCEEDED, part, f"re_{number}") for number, part in enumerate(parts)]
    order = await till.tell(await till.order(ana), PAID, *told)
    notes = [one for one in await till.documents(order) if one.kind == "credit_note"]

    assert [one.gross_minor for one in notes] == list(parts)
    assert sum(one.tax_minor for one in notes) == TAX
    assert all(one.content["refers_to"][0].startswith("INV-") for one in notes)
    assert (order.status, (await till.wallet(ana)).balance) == ("reversed", 0)


async def test_what_is_rolled_back_takes_no_number(till: Till):
    """Numbers have no gaps (art. 226): the next payment takes the one that was not used."""

    class Failed(Exception):
        pass

    ana = await till.customer()
    orders_made: list[Order] = [await till.order(ana) for _ in range(3)]
    for number, order in enumerate(orders_made):
        paid = Paid(ref=f"pay_{number}", amount_minor=GROSS, currency="USD")
        with pytest.raises(Failed):
            async with till.context.database.write() as connection:
                found = await settling.locked(connection, order.id)
                await orders.learn(connection, found.id, [paid], source="test", seen_us=1)
                await settling.settle(till.context, connection, found, actor="t", reason="t")
                raise Failed
        await till.tell(order, paid)

    names = [(await till.documents(order))[0].name[-6:] for order in orders_made]
    assert names == ["000001", "000002", "000003"]


async def test_payments_raise_the_tier_and_refunds_lower_it(till: Till):
    """119 USD without tax are 714 CNY: plus; three of them, pro; what went back does not count."""
    ana = await till.customer()
    tiers = []
    made = []
    for number in range(3):
        order = await till.order(ana)
        paid = Paid(ref=f"pay_{number}", amount_minor=GROSS, currency="USD")
        made.append(await till.tell(order, paid))
        tiers.append((await till.wallet(ana)).tier)
    for number, order in enumerate(made):
        await till.tell(order, refund(SUCCEEDED, GROSS, f"re_{number}"))
        tiers.append((await till.wallet(ana)).tier)

    assert tiers == ["plus", "plus", "pro", "plus", "plus", "free"]


async def test_a_tier_that_was_given_by_hand_stays(till: Till):
    """A refund takes what payments gave, not what the operator did."""
    ana = await till.customer()
    await wallets.set_tier(till.context, ana.id, "max", actor="eve", reason="a friend")
    order = await till.tell(await till.order(ana), PAID, refund(SUCCEEDED, GROSS))

    assert (order.status, (await till.wallet(ana)).tier) == ("reversed", "max")


async def test_a_tier_by_invitation_is_never_reached_by_paying(till: Till):
    """Enterprise is the operator's to give."""
    ana = await till.customer()
    big = {"net_minor": 10**8, "tax_minor": 0, "gross_minor": 10**8, "credits": 10**8}
    order = await till.order(ana, **big)
    await till.tell(order, Paid(ref="pay_big", amount_minor=10**8, currency="USD"))

    assert (await till.wallet(ana)).tier == "max"


async def test_a_refund_that_fails_after_its_success_is_undone(till: Till):
    """Row 14: credits and invoice come again, and the credit note stays as it was issued."""
    ana = await till.customer()
    order = await till.tell(await till.order(ana), PAID, refund(SUCCEEDED))
    before = await till.documents(order)
    order = await till.tell(order, refund(FAILED))
    after = await till.documents(order)

    assert (order.status, (await till.wallet(ana)).balance) == ("paid", ALL)
    assert after[:2] == before
    assert [(one.kind, one.gross_minor) for one in after] == [
        ("invoice", GROSS),
        ("credit_note", GROSS // 2),
        ("invoice", GROSS // 2),
    ]
    assert after[2].content["refers_to"][0] == before[0].name


@pytest.mark.parametrize("how", [FAILED, EXPIRED, CANCELED])
async def test_a_payment_that_is_said_to_have_failed_after_all_stays(till: Till, how: str):
    """Row 19 (Lago#5947): a signal that may be wrong voids nothing; only money that went back."""
    ana = await till.customer()
    order = await till.tell(await till.order(ana), PAID, Ended(ref="cs_1", how=how))

    assert (order.status, (await till.wallet(ana)).balance) == ("paid", ALL)
    assert len(await till.documents(order)) == 1
