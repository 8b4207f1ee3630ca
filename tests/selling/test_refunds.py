"""Refunds that are asked for here: held first, and ended by their provider's word."""

import pytest

from grip import errors
from grip.money.payments import FAILED, PENDING, SUCCEEDED, Dispute, Refund
from grip.services import wallets
from grip.services.selling import refunds
from grip.store import payments
from grip.store.orders import Order
from grip.store.payments import RefundRow
from grip.store.records import Wallet
from tests.selling.bank import Bank, Shelf
from tests.selling.conftest import BONUS, CREDITS, GROSS, PAID, Till

ALL = CREDITS + BONUS


async def _paid(till: Till) -> tuple[Wallet, Order]:
    ana = await till.customer()
    return ana, await till.tell(await till.order(ana), PAID)


async def _request(till: Till, order: Order, amount: int | None = None) -> RefundRow:
    return await refunds.request(
        till.context, order.id, amount_minor=amount, actor="eve", reason="unhappy"
    )


async def test_a_refund_holds_its_credits_until_the_provider_has_spoken(till: Till):
    """Held at once, taken when the money is gone, with a credit note."""
    ana, order = await _paid(till)
    bank = Bank()
    refund = await _request(till, order, GROSS // 2)
    held = await till.wallet(ana)
    refund = await refunds.submit(till.context, Shelf(bank), refund)
    pending = await till.wallet(ana)
    order = await till.tell(
        order, Refund(ref=refund.ref or "", amount_minor=GROSS // 2, state=SUCCEEDED)
    )
    # The provider's webhook, which tells what ends the refund, is the same fact again.
    async with till.context.database.read() as connection:
        ended = await payments.find_refund(connection, refund.id)

    assert (held.balance, held.held) == (ALL, ALL // 2)
    assert (pending.balance, pending.held, refund.state) == (ALL, ALL // 2, "pending")
    assert ended is not None
    after = await till.wallet(ana)
    assert (after.balance, after.held, order.status) == (ALL - ALL // 2, 0, "partially_reversed")
    assert (ended.state, [one.kind for one in await till.documents(order)]) == (
        "succeeded",
        ["invoice", "credit_note"],
    )


async def test_a_refund_that_is_done_at_once_is_over(till: Till):
    """Some providers answer so."""
    ana, order = await _paid(till)
    bank = Bank()
    bank.refund_state = SUCCEEDED
    refund = await refunds.submit(till.context, Shelf(bank), await _request(till, order))
    after = await till.wallet(ana)

    assert (refund.state, after.balance, after.held) == ("succeeded", 0, 0)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_provider_that_is_away_is_asked_again_with_the_same_key(till: Till, when: str):
    """Row 15: a call that broke may have been heard; it is one refund all the same."""
    ana, order = await _paid(till)
    bank = Bank()
    bank.refund_state, bank.away = SUCCEEDED, when
    refund = await _request(till, order)
    with pytest.raises(errors.PaymentProviderUnavailable):
        await refunds.submit(till.context, Shelf(bank), refund)
    assert (await till.wallet(ana)).held == ALL
    bank.away = ""
    refund = await refunds.submit(till.context, Shelf(bank), refund)
    again = await refunds.submit(till.context, Shelf(bank), refund)

    assert (refund.state, again.state, len(bank.refunds)) == ("succeeded", "succeeded", 1)
    assert (await till.wallet(ana)).balance == 0


async def test_a_refund_that_fails_gives_its_credits_free_again(till: Till):
    """Nothing went back; and a later one may."""
    ana, order = await _paid(till)
    bank = Bank()
    bank.refund_state = FAILED
    refund = await refunds.submit(till.context, Shelf(bank), await _request(till, order))
    after = await till.wallet(ana)

    assert (refund.state, after.balance, after.held) == ("failed", ALL, 0)
    assert len(await till.documents(order)) == 1
    await _request(till, order)


async def test_a_provider_that_makes_no_refunds_at_all_leaves_nothing_held(
    till: Till, monkeypatch: pytest.MonkeyPatch
):
    """Such as a bridge without `refund_url`: it is a refund that failed."""
    ana, order = await _paid(till)
    bank = Bank()

    async def unable(*_: object) -> Refund:
        raise errors.PaymentProviderUnable("set payments.bank.refund_url")

    monkeypatch.setattr(bank, "refund", unable)
    refund = await refunds.submit(till.context, Shelf(bank), await _request(till, order))
    after = await till.wallet(ana)

    assert (refund.state, after.balance, after.held) == ("failed", ALL, 0)


async def test_no_more_is_refunded_than_was_paid(till: Till):
    """What is under way counts; so does what went back before."""
    _, order = await _paid(till)
    await _request(till, order, GROSS - 100)
    for amount in (101, GROSS, 0, -5):
        with pytest.raises(errors.Conflict):
            await _request(till, order, amount)
    await _request(till, order, 100)


async def test_a_disputed_order_is_not_refunded(till: Till):
    """Row 18: the provider says what goes back."""
    _, order = await _paid(till)
    await till.tell(order, Dispute(ref="dp_1", amount_minor=GROSS, what="opened"))

    with pytest.raises(errors.Conflict, match="disputed"):
        await _request(till, order)


async def test_credits_that_are_spent_are_not_refunded_unless_they_may_be_owed(till: Till):
    """Row 16: the operator says so."""
    ana, order = await _paid(till)
    await wallets.debit(till.context, ana.id, ALL - 1_000, actor="test", reason="spent")
    with pytest.raises(errors.InsufficientCredits):
        await _request(till, order)
    refund = await refunds.request(
        till.context, order.id, actor="eve", reason="unhappy", may_owe=True
    )
    bank = Bank()
    bank.refund_state = SUCCEEDED
    await refunds.submit(till.context, Shelf(bank), refund)
    after = await till.wallet(ana)

    assert (after.balance, after.held, after.debt) == (0, 0, ALL - 1_000)


async def test_the_providers_word_may_come_before_its_answer(till: Till):
    """A webhook overtakes the call: nothing is taken twice, and nothing stays owed."""
    ana, order = await _paid(till)
    bank = Bank()
    refund = await _request(till, order)
    await till.tell(order, Refund(ref=f"re_{refund.id}", amount_minor=GROSS, state=SUCCEEDED))
    bank.refund_state = PENDING
    refund = await refunds.submit(till.context, Shelf(bank), refund)
    after = await till.wallet(ana)

    assert (refund.state, after.balance, after.held, after.debt) == ("succeeded", 0, 0, 0)


async def test_a_manual_order_is_refunded_by_hand(till: Till):
    """The operator has sent the money back."""
    ana = await till.customer()
    order = await till.tell(await till.order(ana, provider="manual"), PAID)
    refund = await refunds.submit(till.context, Shelf(), await _request(till, order))

    assert (refund.state, (await till.wallet(ana)).balance) == ("succeeded", 0)


async def test_an_order_that_is_not_paid_has_nothing_to_refund(till: Till):
    """It says how it stands."""
    order = await till.order(await till.customer())
    with pytest.raises(errors.Conflict, match="awaiting_payment"):
        await _request(till, order)
