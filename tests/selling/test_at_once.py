"""Several nodes on one database that learn of one payment, or move one wallet, at one instant."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from grip import errors
from grip.ids import IdSource
from grip.money.payments import FAILED, SUCCEEDED, WITHDRAWN, Dispute, Paid, Refund
from grip.payments.port import Seen
from grip.services import wallets
from grip.services.context import Context
from grip.services.selling import (
    agreeing,
    checkout,
    listening,
    refunds,
    sales,
    settling,
    telling,
)
from grip.store import documents, payments
from grip.store.engine import Database
from grip.store.orders import Order
from tests.selling.bank import Bank, Shelf
from tests.selling.conftest import BONUS, CREDITS, GROSS, PAID, Till
from tests.selling.test_checkout import LINKS, caller
from tests.selling.test_listening import SIGNED, told

ALL = CREDITS + BONUS
SHORT = Paid(ref="pay_1", amount_minor=GROSS - 1, currency="USD")
WAITS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture
async def nodes(till: Till) -> AsyncIterator[list[Context]]:
    """Four nodes, each with connections of its own."""
    url = till.context.database.url
    made = [replace(till.context, database=Database(url), ids=IdSource()) for _ in range(4)]
    yield made
    for node in made:
        await node.database.close()


async def _all(*tasks: Awaitable[object]) -> list[BaseException]:
    """Do all of it at once; return what was refused, which may be conflicts alone."""
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    failed = [one for one in ended if isinstance(one, BaseException)]
    assert all(isinstance(one, errors.Conflict) for one in failed), failed
    return failed


def _hear(nodes: Iterable[Context], raw: bytes) -> list[Awaitable[object]]:
    return [listening.receive(node, Bank(), raw, SIGNED) for node in nodes]


async def _kinds(till: Till, order: Order) -> list[str]:
    return sorted(one.kind for one in await till.documents(order))


async def test_one_webhook_on_four_nodes_is_done_once(till: Till, nodes: list[Context]):
    """Delivered again before the first was answered."""
    ana = await till.customer()
    order = await till.order(ana)
    await _all(*_hear(nodes, told(order)))

    assert (await till.wallet(ana)).balance == ALL
    assert await _kinds(till, order) == ["invoice"]


async def test_two_events_of_one_payment_on_two_nodes_give_it_once(
    till: Till, nodes: list[Context]
):
    """The session's event and the payment's, each twice."""
    ana = await till.customer()
    order = await till.order(ana)
    other = told(order, event_id="evt_2", kind="payment_intent.succeeded")
    await _all(*_hear(nodes[:2], told(order)), *_hear(nodes[2:], other))

    assert (await till.wallet(ana)).balance == ALL
    assert await _kinds(till, order) == ["invoice"]


async def test_webhook_janitor_and_approval_at_once_give_it_once(till: Till, nodes: list[Context]):
    """An order in review, whose whole payment comes as the operator approves the short one."""
    ana = await till.customer()
    order = await till.tell(await till.order(ana), SHORT)
    assert order.status == "review"
    whole = replace(PAID, ref="pay_2")
    seen = Seen(session_ref=None, payment_ref="pay_2", facts=(whole,))
    refused = await _all(
        *_hear(nodes[:1], told(order, facts=(whole,))),
        listening.learn(nodes[1], "stripe", order.id, seen),
        sales.approve(nodes[2], order.id, evidence="bank 1", actor="eve", reason="it is there"),
    )

    assert len(refused) <= 1
    assert (await till.wallet(ana)).balance == ALL
    assert await _kinds(till, order) == ["invoice"]


async def test_a_refund_and_a_dispute_at_once_take_it_once(till: Till, nodes: list[Context]):
    """Refused, or both: no more goes back than was paid, and nothing stays held."""
    ana = await till.customer()
    order = await till.tell(await till.order(ana), PAID)
    bank = Bank()
    bank.refund_state = SUCCEEDED

    async def give_back() -> None:
        asked = await refunds.request(nodes[0], order.id, actor="eve", reason="unhappy")
        await refunds.submit(nodes[0], Shelf(bank), asked)

    taken = Dispute(ref="dp_1", amount_minor=GROSS, what=WITHDRAWN)
    raw = told(order, event_id="evt_2", order_id=None, payment_ref=PAID.ref, facts=(taken,))
    await _all(give_back(), *_hear(nodes[1:3], raw))
    after = await till.wallet(ana)

    assert (after.balance, after.held, after.debt) == (0, 0, 0)
    assert await _kinds(till, order) == ["credit_note", "invoice"]


async def test_payments_and_debits_of_one_wallet_at_once_lose_nothing(
    till: Till, nodes: list[Context]
):
    """Each waits for the wallet, and none for ever."""
    ana = await till.customer()
    made = [await till.order(ana) for _ in range(3)]
    await wallets.credit(till.context, ana.id, 100, actor="eve", reason="a gift")
    payments_ = [
        listening.receive(
            node, Bank(), told(order, event_id=order.id, facts=(_paid(order),)), SIGNED
        )
        for node, order in zip(nodes, made, strict=False)
    ]
    debits = [wallets.debit(nodes[3], ana.id, 10, actor="eve", reason="spent") for _ in range(10)]
    tier = wallets.set_tier(nodes[3], ana.id, "max", actor="eve", reason="a friend")
    await _all(*payments_, *debits, tier)
    after = await till.wallet(ana)

    assert (after.balance, after.tier) == (3 * ALL, "max")


def _paid(order: Order) -> Paid:
    return replace(PAID, ref=f"of {order.id}")


async def test_one_key_on_two_nodes_is_one_checkout(till: Till, nodes: list[Context]):
    """Asked for at the same instant."""
    ana, bank = await till.customer(), Bank()
    await till.profile(ana)
    wish = checkout.Wish(
        offer=agreeing.of_package(till.context, "growth"),
        links=LINKS,
        idem_key="key_1:a",
        fingerprint="f",
    )
    await _all(*(checkout.begin(node, bank, caller(ana), wish) for node in nodes))

    assert len(await sales.list_orders(till.context)) == len(bank.sessions) == 1


async def test_what_was_told_at_the_same_instant_as_the_payment_is_not_lost(
    till: Till, nodes: list[Context]
):
    """A refund that waits for a payment which is being written down is caught up with."""
    ana = await till.customer()
    order = await till.order(ana)
    back = Refund(ref="re_1", amount_minor=GROSS, state=SUCCEEDED)
    raw = told(order, event_id="evt_2", order_id=None, payment_ref=PAID.ref, facts=(back,))
    await _all(*_hear(nodes[:1], told(order)), *_hear(nodes[1:2], raw))
    async with till.context.database.read() as connection:
        overdue = await payments.overdue(connection, limit=9)
    for order_id in overdue:
        await listening.catch_up(till.context, order_id)

    assert (await till.wallet(ana)).balance == 0
    assert await _kinds(till, order) == ["credit_note", "invoice"]


async def _until_somebody_waits(database: Database) -> None:
    while True:
        async with database.read() as connection:
            if (await connection.execute(sa.text(WAITS))).scalar_one():
                return


async def test_series_are_locked_in_one_order_whatever_is_numbered_first(
    till: Till, nodes: list[Context]
):
    """A credit note that fails again takes both, as a payment does whose refund waited."""
    if till.context.database.is_sqlite:
        return  # one writes at a time
    ana = await till.customer()
    order = await till.tell(await till.order(ana), PAID)
    year = (await till.documents(order))[0].series[4:]

    async def undo() -> None:
        async with nodes[0].database.write() as connection:
            found = await settling.locked(connection, order.id)
            for state in (SUCCEEDED, FAILED):
                fact = Refund(ref="re_1", amount_minor=GROSS, state=state)
                found = await telling.apply(nodes[0], connection, found, (fact,), source="test")

    async with nodes[1].database.write() as connection:
        await documents.next_number(connection, f"INV-{year}")
        waits = asyncio.create_task(undo())
        await _until_somebody_waits(nodes[2].database)
        await documents.next_number(connection, f"CN-{year}")
        await connection.rollback()
    await waits

    assert await _kinds(till, order) == ["credit_note", "invoice", "invoice"]
