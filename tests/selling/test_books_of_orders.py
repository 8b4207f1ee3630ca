"""What `ledger verify` says of orders whose rows, transfers or documents were tampered with."""

import pytest
import sqlalchemy as sa

from grip.money.payments import SUCCEEDED, Refund
from grip.services import ledger
from grip.services.context import Context
from grip.store.orders import Order
from grip.store.proofs.invariant import Invariant
from grip.store.proofs.orders import order_credited, order_documents, order_reversed
from tests.selling.conftest import GROSS, PAID, Till

MOVED = (
    "UPDATE payment_order SET wallet_id = "
    "(SELECT id FROM wallet WHERE id <> payment_order.wallet_id)"
)
UNPAID = (
    "UPDATE payment_order SET paid_us = NULL, payment_ref = NULL, returned_minor = 0, "
    "reversed_credits = 0"
)
ORDERS = [
    ("UPDATE payment_order SET credits = credits + 1", {"order_credited"}),
    ("UPDATE payment_order SET bonus = bonus - 1", {"order_credited"}),
    ("UPDATE payment_order SET reversed_credits = reversed_credits - 1", {"order_reversed"}),
    ("UPDATE payment_order SET returned_minor = returned_minor + 1", {"order_documents"}),
    (
        "UPDATE payment_order SET (net_minor, gross_minor) = (net_minor + 1, gross_minor + 1)",
        {"order_documents"},
    ),
    (MOVED, {"order_credited", "order_reversed"}),
    (UNPAID, {"order_credited", "order_reversed", "order_documents"}),
    ("UPDATE document_series SET next_number = next_number + 1", {"document_numbers"}),
    ("DELETE FROM document_series", {"document_numbers"}),
]
GUARDED = [
    (
        "document",
        "UPDATE document SET gross_minor = gross_minor - 1 WHERE kind = 'credit_note'",
        {"order_documents"},
    ),
    ("document", "UPDATE document SET number = 7 WHERE kind = 'invoice'", {"document_numbers"}),
    (
        "document",
        "DELETE FROM document WHERE kind = 'credit_note'",
        {"order_documents", "document_numbers"},
    ),
    (
        "document",
        "UPDATE document SET order_id = 'ord_1'",
        {"order_documents", "order_known"},
    ),
    (
        "ledger_transfer",
        "UPDATE ledger_transfer SET amount = amount + 1 WHERE kind = 'purchase'",
        {"order_credited", "wallet_balance", "transfer_fingerprint"},
    ),
    (
        "ledger_transfer",
        "UPDATE ledger_transfer SET amount = amount - 1 WHERE kind = 'reversal'",
        {"order_reversed", "wallet_balance", "transfer_fingerprint"},
    ),
    (
        "ledger_transfer",
        "UPDATE ledger_transfer SET idem_key = replace(idem_key, 'order:ord_0', 'order:ord_9')",
        {"order_credited", "order_reversed", "order_known", "transfer_fingerprint"},
    ),
]


@pytest.fixture
async def sold(till: Till) -> Order:
    """An order that was paid, and of which a part went back."""
    ana, _ = await till.customer(), await till.customer("ben@example.com")
    back = Refund(ref="re_1", amount_minor=GROSS // 2, state=SUCCEEDED)
    return await till.tell(await till.order(ana), PAID, back)


@pytest.fixture
async def till(context: Context) -> Till:
    """A till whose books need not add up at its end."""
    return Till(context)


async def _change(context: Context, statement: str) -> None:
    async with context.database.write() as connection:
        assert (await connection.execute(sa.text(statement))).rowcount


async def _unguard(context: Context, table: str) -> None:
    async with context.database.write() as connection:
        for kind in ("no_update", "no_delete") if context.database.is_sqlite else ("no_change",):
            on = "" if context.database.is_sqlite else f" ON {table}"
            await connection.execute(sa.text(f"DROP TRIGGER {table}_{kind}{on}"))


async def _failed(context: Context) -> set[str]:
    report = await ledger.verify(context)
    return {check.name for check in report.checks if not check.ok}


@pytest.mark.parametrize(("statement", "names"), ORDERS)
async def test_an_order_that_was_tampered_with_is_found(
    sold: Order, context: Context, statement: str, names: set[str]
):
    """By the checks that rebuild it, and by no other."""
    assert await _failed(context) == set()
    await _change(context, statement)

    assert await _failed(context) == names


@pytest.mark.parametrize(("table", "statement", "names"), GUARDED)
async def test_what_was_written_for_ever_and_tampered_with_is_found(
    sold: Order, context: Context, table: str, statement: str, names: set[str]
):
    """Also by the guard that had to be dropped for it."""
    await _unguard(context, table)
    await _change(context, statement)

    assert await _failed(context) == names | {"append_only_guards"}


@pytest.mark.parametrize("invariant", [order_credited(), order_reversed(), order_documents()])
async def test_no_check_looks_through_everything_for_each_order(
    context: Context, invariant: Invariant
):
    """On SQLite, what is joined has an index of its own, else ten thousand orders are squared."""
    if not context.database.is_sqlite:
        return  # it hashes or merges
    query = str(invariant.query.compile(compile_kwargs={"literal_binds": True}))
    async with context.database.read() as connection:
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")
        steps = [str(row[-1]) for row in plan]

    assert any("LEFT-JOIN" in step for step in steps)
    assert [step for step in steps if "LEFT-JOIN" in step and "(order_id=?)" not in step] == []
