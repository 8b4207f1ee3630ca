"""What providers really send, signed, in every order and some of it twice: one end, to the row.

The bodies are those of Stripe's events and of a bridge's, read by grip's own adapters.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations
from typing import Any

import pytest
import sqlalchemy as sa

from grip.payments import bridge_wire
from grip.payments.port import PaymentProvider, Purchase
from grip.payments.signatures import sign_standard
from grip.payments.standard import Addresses, StandardProvider
from grip.payments.stripe.adapter import StripeProvider
from grip.services import wallets
from grip.services.selling import listening
from grip.store.orders import Order
from grip.store.tables import payment_event, payment_fact, payment_order
from tests.conftest import FakeClock
from tests.selling.conftest import GROSS, Till
from tests.stripe_server import KEY, NOW_S, SECRET, StripeServer, delivered

Event = dict[str, Any]
Delivery = Callable[[tuple[str, int]], tuple[bytes, dict[str, str]]]
"""Of an order's id and number, what is delivered."""

ORDER = "ord_of_the_events"
BRIDGE = "whsec_" + "c2Fu" * 11

_OWN = {"id", "wallet_id", "created_us", "paid_us", "payment_ref", "actor", "snapshot"}
"""What is another one's in every order: ids and times."""


@pytest.fixture
def clock() -> FakeClock:
    """A clock at the time of the events."""
    return FakeClock(NOW_S * 1_000_000)


@pytest.fixture
def server() -> Iterator[StripeServer]:
    """An account of Stripe."""
    made = StripeServer()
    yield made
    made.stop()


def _refunded(server: StripeServer, session: str) -> None:
    """Paid, refunded in part, which fails in the end."""
    refund = server.give_back(server.pay(session), GROSS // 2)
    server.move_refund(refund, "failed")


def _disputed(server: StripeServer, session: str) -> None:
    """Paid, disputed, won."""
    server.close_dispute(server.dispute(server.pay(session)), "won")


def _late(server: StripeServer, session: str) -> None:
    """Expired, and paid all the same."""
    server.expire(session)
    server.pay(session)


def _wrong(server: StripeServer, session: str) -> None:
    """Paid with another amount."""
    server.pay(session, amount=GROSS - 1)


STRIPE = [
    (
        _refunded,
        "checkout.session.completed refund.created charge.refunded refund.failed",
        ("paid", GROSS),
    ),
    (
        _disputed,
        "payment_intent.succeeded charge.dispute.funds_withdrawn charge.dispute.funds_reinstated",
        ("paid", GROSS),
    ),
    (
        _late,
        "checkout.session.expired checkout.session.completed payment_intent.succeeded",
        ("paid", GROSS),
    ),
    (_wrong, "checkout.session.completed payment_intent.succeeded", ("review", 0)),
]


@pytest.mark.parametrize(("happens", "kinds", "ends"), STRIPE)
async def test_stripes_events_come_to_the_same_rows_in_every_order(
    till: Till,
    server: StripeServer,
    happens: Callable[[StripeServer, str], None],
    kinds: str,
    ends: tuple[str, int],
):
    """Row 22: Stripe promises no order, and gives each event at least once."""
    stripe = StripeProvider(
        "stripe", secret_key=KEY, webhook_secrets=[SECRET], api_base=server.address
    )
    happens(server, (await stripe.open(_purchase())).ref)
    found = [event for event in server.events if event["type"] in kinds.split()]
    events: list[Delivery] = [partial(_delivered, event) for event in found]
    assert len(events) == len(kinds.split())
    assert await _ends(till, stripe, events) == ends
    await stripe.close()


def _purchase() -> Purchase:
    return Purchase(
        order_id=ORDER,
        session_id="ses_of_the_events",
        currency="USD",
        gross_minor=GROSS,
        description="Growth",
        success_url="https://shop.example/done",
        cancel_url="",
        expires_us=(NOW_S + 3600) * 1_000_000,
        email=None,
    )


def _delivered(event: Event, ids: tuple[str, int]) -> tuple[bytes, dict[str, str]]:
    """Return an event as it is delivered of another order: with other ids of everything."""
    order_id, number = ids
    text = json.dumps(event).replace(ORDER, order_id)
    renamed: Event = json.loads(re.sub(r"_0{8}(?=\d{16})", f"_{number:08d}", text))
    return delivered(renamed)


PAYMENT = {"payment_id": "pay_1", "order_id": ORDER, "checkout_id": "co_1"}
REFUND = {"payment_id": "pay_1", "id": "re_1", "amount_minor": GROSS // 4}
DISPUTE = {"payment_id": "pay_1", "dispute_id": "dp_1", "amount_minor": GROSS}
PAID = ("payment.paid", PAYMENT | {"amount_minor": GROSS, "currency": "USD"})
BRIDGED = [
    (
        [
            PAID,
            ("refund.succeeded", REFUND),
            ("dispute.withdrawn", DISPUTE),
            ("dispute.reinstated", DISPUTE),
        ],
        ("partially_reversed", GROSS - GROSS // 4),
    ),
    ([("payment.failed", PAYMENT), ("payment.expired", PAYMENT)], ("expired", 0)),
]


@pytest.mark.parametrize(("told", "ends"), BRIDGED)
async def test_a_bridges_events_come_to_the_same_rows_in_every_order(
    till: Till, told: list[tuple[str, Event]], ends: tuple[str, int]
):
    """Row 22, where refunds and disputes name the payment alone."""
    addresses = Addresses(checkout="https://bridge.example.com/checkout")
    bridge = StandardProvider(
        "stripe", addresses=addresses, api_key="a key", webhook_secrets=[BRIDGE]
    )
    events: list[Delivery] = [partial(_bridged, kind, data) for kind, data in told]
    assert await _ends(till, bridge, events) == ends
    await bridge.close()


def _bridged(kind: str, data: Event, ids: tuple[str, int]) -> tuple[bytes, dict[str, str]]:
    order_id, number = ids
    of = {key: f"{value}_{number}" if key.endswith("id") else value for key, value in data.items()}
    if "order_id" in of:
        of["order_id"] = order_id
    raw = json.dumps(bridge_wire.event_body(kind, NOW_S * 1_000_000, of)).encode()
    return raw, dict(sign_standard(BRIDGE, f"evt_{kind}_{number}", NOW_S, raw))


async def _ends(till: Till, provider: PaymentProvider, events: list[Delivery]) -> tuple[str, int]:
    """Deliver events in every order, the first of them again; return how all of them end."""
    ends = []
    for number, shuffled in enumerate(permutations(events)):
        ana = await till.customer(f"ana{number}@example.com")
        order = await till.order(ana)
        for event in (*shuffled, shuffled[0]):
            await listening.receive(till.context, provider, *event((order.id, number)))
        ends.append(await _rows(till, order, number))
    assert all(end == ends[0] for end in ends), ends
    rows = ends[0]["order"]
    return rows["status"], sum(rows["documents"][:1])


async def _rows(till: Till, order: Order, number: int) -> dict[str, Any]:
    """Return all that is there of an order, without ids and times."""
    async with till.context.database.read() as connection:
        query = sa.select(payment_order).where(payment_order.c.id == order.id)
        found = dict((await connection.execute(query)).mappings().one())
        facts = sa.select(payment_fact).where(payment_fact.c.order_id == order.id)
        told = (await connection.execute(facts)).mappings().all()
        query = sa.select(payment_event).where(payment_event.c.order_id == order.id)
        events = (await connection.execute(query)).mappings().all()
    wallet = await wallets.get(till.context, order.wallet_id)
    documents = await till.documents(order)
    sign = [1 if one.kind == "invoice" else -1 for one in documents]
    ref = re.compile(rf"_{number:08d}(?=\d{{16}})|_{number}$")
    return {
        "order": {key: value for key, value in found.items() if key not in _OWN}
        | {
            "documents": (
                sum(one.gross_minor * way for one, way in zip(documents, sign, strict=True)),
                sum(one.tax_minor * way for one, way in zip(documents, sign, strict=True)),
            ),
            "payment": ref.sub("", found["payment_ref"] or ""),
        },
        "wallet": (wallet.balance, wallet.held, wallet.debt, wallet.tier),
        "facts": {
            (one["kind"], ref.sub("", one["ref"]), one["word"], one["amount_minor"]) for one in told
        },
        "events": sorted((one["kind"], one["state"]) for one in events),
    }
