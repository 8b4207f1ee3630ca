"""The rows of `payment_order`, and what was told of each.

An order's row is locked before its wallet's. What was agreed never changes; every other change
names the state that it starts from.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from grip import errors
from grip.money.payments import Dispute, Ended, Expected, Fact, Paid, Refund
from grip.store import rows
from grip.store.tables import payment_fact, payment_order

MANUAL: Final = "manual"
"""The provider of orders that are settled by hand."""

CREATED: Final = "created"
AWAITING: Final = "awaiting_payment"
PAID: Final = "paid"
PARTLY: Final = "partially_reversed"
REVERSED: Final = "reversed"
REVIEW: Final = "review"
RETURNED: Final = "returned"
STATUSES: Final = (
    *(CREATED, AWAITING, PAID, PARTLY, REVERSED),
    *("expired", "canceled", "failed", REVIEW, RETURNED),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order: what was agreed (`snapshot` has all of it), and what has been done about it."""

    id: str
    wallet_id: str
    provider: str
    package: str | None
    status: str
    credits: int
    bonus: int
    currency: str
    net_minor: int
    tax_minor: int
    gross_minor: int
    snapshot: dict[str, Any]
    actor: str
    created_us: int
    paid_us: int | None = None
    payment_ref: str | None = None
    returned_minor: int = 0
    reversed_credits: int = 0
    disputed: bool = False
    evidence: str | None = None
    idem_key: str | None = None
    fingerprint: str | None = None

    @property
    def expected(self) -> Expected:
        """What its payment has to be, and what that brings."""
        return Expected(
            amount_minor=self.gross_minor,
            currency=self.currency,
            credits=self.credits + self.bonus,
        )


async def insert(connection: AsyncConnection, order: Order) -> None:
    """Write a new order."""
    await connection.execute(sa.insert(payment_order).values(asdict(order)))


async def find(connection: AsyncConnection, order_id: str) -> Order | None:
    """Return an order, None where there is none of this id."""
    return await _one(connection, payment_order.c.id == order_id)


async def by_payment(connection: AsyncConnection, provider: str, payment_ref: str) -> Order | None:
    """Return the order that a provider's payment has settled, None where there is none."""
    return await _one(
        connection,
        payment_order.c.provider == provider,
        payment_order.c.payment_ref == payment_ref,
    )


async def by_idem_key(connection: AsyncConnection, idem_key: str) -> Order | None:
    """Return the order that an Idempotency-Key stands for, None where there is none."""
    return await _one(connection, payment_order.c.idem_key == idem_key)


async def lock(connection: AsyncConnection, order_id: str) -> Order | None:
    """Return an order as it stands, locked until the end of the transaction."""
    query = sa.select(payment_order).where(payment_order.c.id == order_id).with_for_update()
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else _record(row)


async def load(
    connection: AsyncConnection,
    *,
    wallet_id: str | None = None,
    status: str | None = None,
    limit: int | None = None,
) -> list[Order]:
    """Return orders, newest first."""
    query = (
        sa.select(payment_order)
        .order_by(payment_order.c.created_us.desc(), payment_order.c.id.desc())
        .limit(limit)
    )
    for column, value in (
        (payment_order.c.wallet_id, wallet_id),
        (payment_order.c.status, status),
    ):
        if value is not None:
            query = query.where(column == value)
    return [_record(row) for row in (await connection.execute(query)).mappings()]


async def paid_of(connection: AsyncConnection, wallet_id: str) -> list[Order]:
    """Return the orders of a wallet that have been paid, oldest first."""
    query = (
        sa.select(payment_order)
        .where(payment_order.c.wallet_id == wallet_id, payment_order.c.paid_us.is_not(None))
        .order_by(payment_order.c.paid_us, payment_order.c.id)
    )
    return [_record(row) for row in (await connection.execute(query)).mappings()]


async def settled_by(
    connection: AsyncConnection, provider: str, from_us: int, to_us: int
) -> list[Order]:
    """Return the orders that a provider's payments settled at [from, to), oldest first."""
    query = (
        sa.select(payment_order)
        .where(
            payment_order.c.provider == provider,
            payment_order.c.paid_us >= from_us,
            payment_order.c.paid_us < to_us,
        )
        .order_by(payment_order.c.paid_us, payment_order.c.id)
    )
    return [_record(row) for row in (await connection.execute(query)).mappings()]


async def change(connection: AsyncConnection, locked: Order, **values: Any) -> Order:
    """Change a locked order; raises BooksBroken where it is not as it was locked."""
    statement = (
        sa.update(payment_order)
        .where(
            payment_order.c.id == locked.id,
            payment_order.c.status == locked.status,
            payment_order.c.returned_minor == locked.returned_minor,
            payment_order.c.reversed_credits == locked.reversed_credits,
            payment_order.c.payment_ref.is_not_distinct_from(locked.payment_ref),
        )
        .values(values)
        .returning(*payment_order.c)
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        raise errors.BooksBroken(f"{locked.id}: a locked order changed; restore the database")
    return _record(row)


async def learn(
    connection: AsyncConnection, order_id: str, facts: Iterable[Fact], *, source: str, seen_us: int
) -> None:
    """Write down what was told of an order; what is known already stays as it is."""
    values = [
        {"order_id": order_id, **columns, "source": source, "seen_us": seen_us}
        for columns in plain(facts)
    ]
    if not values:
        return
    is_sqlite = connection.dialect.name == "sqlite"
    insert_ = sqlite.insert if is_sqlite else postgresql.insert
    for value in values:
        statement = insert_(payment_fact).values(value).on_conflict_do_nothing()
        await connection.execute(statement)


def plain(facts: Iterable[Fact]) -> list[dict[str, Any]]:
    """Return facts as they are stored."""
    return [_columns(fact) for fact in facts]


def facts_from(stored: Iterable[Mapping[str, Any]]) -> tuple[Fact, ...]:
    """Return the facts that were stored so."""
    return tuple(_fact(row) for row in stored)


async def facts_of(connection: AsyncConnection, order_id: str) -> list[Fact]:
    """Return all that was told of an order."""
    query = sa.select(payment_fact).where(payment_fact.c.order_id == order_id)
    return [_fact(row) for row in (await connection.execute(query)).mappings()]


def _columns(fact: Fact) -> dict[str, Any]:
    match fact:
        case Paid():
            kind, word, amount, currency = "paid", "", fact.amount_minor, fact.currency
        case Ended():
            kind, word, amount, currency = "ended", fact.how, 0, ""
        case Refund():
            kind, word, amount, currency = "refund", fact.state, fact.amount_minor, ""
        case _:
            kind, word, amount, currency = "dispute", fact.what, fact.amount_minor, ""
    return {
        "kind": kind,
        "ref": fact.ref,
        "word": word,
        "amount_minor": amount,
        "currency": currency,
    }


def _fact(row: Mapping[str, Any] | sa.RowMapping) -> Fact:
    ref, word, amount = row["ref"], row["word"], row["amount_minor"]
    match row["kind"]:
        case "paid":
            return Paid(ref=ref, amount_minor=amount, currency=row["currency"])
        case "ended":
            return Ended(ref=ref, how=word)
        case "refund":
            return Refund(ref=ref, amount_minor=amount, state=word)
        case _:
            return Dispute(ref=ref, amount_minor=amount, what=word)


async def _one(connection: AsyncConnection, *conditions: sa.ColumnElement[bool]) -> Order | None:
    query = sa.select(payment_order).where(*conditions)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else _record(row)


def _record(row: sa.RowMapping) -> Order:
    return rows.record(Order, {**row, "disputed": bool(row["disputed"])})
