"""Webhooks: kept as they came, done once, and put aside where they do not fit."""

import asyncio
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from grip import errors
from grip.money.payments import REINSTATED, SUCCEEDED, WITHDRAWN, Dispute, Refund
from grip.payments.port import Told
from grip.services.selling import listening, sales
from grip.store import payments
from grip.store.orders import Order
from grip.store.payments import Session
from tests.selling.bank import Bank, post
from tests.selling.conftest import BONUS, CREDITS, GROSS, PAID, Till

ALL = CREDITS + BONUS
SIGNED = {"signature": "good"}


def told(order: Order, **other: Any) -> bytes:
    values: dict[str, Any] = {
        "event_id": "evt_1",
        "kind": "checkout.session.completed",
        "order_id": order.id,
        "session_ref": None,
        "payment_ref": None,
        "facts": (PAID,),
    }
    return post(Told(**values | other))


async def _session(till: Till, order: Order, ref: str | None) -> Session:
    session = Session(
        id=f"ses_{order.id}",
        order_id=order.id,
        provider="stripe",
        state="open" if ref else "creating",
        ref=ref,
        url=None,
        created_us=1,
        expires_us=2,
        due_us=2,
    )
    async with till.context.database.write() as connection:
        await payments.open_session(connection, session)
    return session


async def _receive(till: Till, raw: bytes, headers: dict[str, str] | None = None) -> str:
    return await listening.receive(till.context, Bank(), raw, headers or SIGNED)


async def test_a_webhook_is_done_once(till: Till):
    """Row 4: replayed, and four times at once."""
    ana = await till.customer()
    order = await till.order(ana)
    states = await asyncio.gather(*(_receive(till, told(order)) for _ in range(4)))
    states.append(await _receive(till, told(order)))

    assert states == ["applied"] * 5
    assert (await till.wallet(ana)).balance == ALL
    async with till.context.database.read() as connection:
        (event,) = await payments.events(connection)
    assert (event.state, event.body) == ("applied", told(order))


async def test_two_kinds_of_event_for_one_payment_give_it_once(till: Till):
    """Row 4: AutoGPT made $100 of $50."""
    ana = await till.customer()
    order = await till.order(ana)
    await _receive(till, told(order))
    await _receive(till, told(order, event_id="evt_2", kind="payment_intent.succeeded"))

    assert (await till.wallet(ana)).balance == ALL


async def test_an_unsigned_webhook_leaves_nothing(till: Till):
    """Row 3: not even its body."""
    ana = await till.customer()
    order = await till.order(ana)
    with pytest.raises(errors.WebhookRefused):
        await _receive(till, told(order), {"signature": "forged"})
    async with till.context.database.read() as connection:
        assert await payments.events(connection) == []

    assert (await till.wallet(ana)).balance == 0


async def test_an_event_of_one_provider_settles_no_order_of_another(till: Till):
    """Row 2 (new-api#4353): put aside, uncredited."""
    ana = await till.customer()
    order = await till.order(ana, provider="other")

    assert await _receive(till, told(order)) == "quarantined"
    assert (await till.wallet(ana)).balance == 0


async def test_an_event_of_another_session_settles_nothing(till: Till):
    """Row 2: the provider's name of the session must be the order's own."""
    ana = await till.customer()
    order = await till.order(ana)
    await _session(till, order, "cs_1")

    assert await _receive(till, told(order, session_ref="cs_2")) == "quarantined"
    assert await _receive(till, told(order, session_ref="cs_1", event_id="evt_2")) == "applied"
    assert (await till.wallet(ana)).balance == ALL


async def test_a_session_whose_name_was_never_learnt_learns_it(till: Till):
    """Row 7: grip died after it was made; the event brings the name."""
    ana = await till.customer()
    order = await till.order(ana)
    session = await _session(till, order, None)
    raw = told(order, session_ref="cs_9", session_id=session.id)
    foreign = told(order, session_ref="cs_8", session_id="ses_other", event_id="evt_2")

    assert await _receive(till, foreign) == "quarantined"
    assert await _receive(till, raw) == "applied"
    async with till.context.database.read() as connection:
        found = await payments.session_of(connection, order.id)
    assert found is not None
    assert found.ref == "cs_9"


async def test_an_event_without_an_order_finds_it_by_its_payment(till: Till):
    """As disputes come, which name the charge alone."""
    ana = await till.customer()
    order = await till.order(ana)
    await _receive(till, told(order))
    nameless = told(order, event_id="evt_2", order_id=None, payment_ref="pay_1", facts=())
    lost = told(order, event_id="evt_3", order_id=None, payment_ref="pay_7")

    assert await _receive(till, nameless) == "ignored"
    assert await _receive(till, lost) == "waiting"
    assert await _receive(till, told(order, event_id="evt_4", order_id="ord_x")) == "quarantined"


async def test_what_is_told_of_a_payment_before_the_payment_waits_for_it(till: Till):
    """Row 22: refunds and disputes name the charge alone, and may come first."""
    back = Refund(ref="re_1", amount_minor=GROSS, state=SUCCEEDED)
    taken = Dispute(ref="dp_1", amount_minor=GROSS, what=WITHDRAWN)
    given = Dispute(ref="dp_1", amount_minor=GROSS, what=REINSTATED)
    ends = set()
    for number, facts in enumerate(permutations([PAID, back, taken, given])):
        ana = await till.customer(f"ana{number}@example.com")
        order = await till.order(ana)
        payment = f"pay_{number}"
        for fact in facts:
            is_payment = fact == PAID
            await _receive(
                till,
                told(
                    order,
                    event_id=f"evt_{number}_{fact!r}",
                    order_id=order.id if is_payment else None,
                    payment_ref=payment,
                    facts=(replace(PAID, ref=payment) if is_payment else fact,),
                ),
            )
        wallet = await till.wallet(ana)
        stands = await sales.find(till.context, order.id)
        ends.add((stands.status, stands.disputed, wallet.balance, wallet.debt))

    assert ends == {("reversed", False, 0, 0)}
