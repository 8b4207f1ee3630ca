"""Sessions at payment providers, what providers sent, and refunds that were asked for here."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from grip import errors
from grip.store import due, rows
from grip.store.tables import (
    checkout_session,
    payment_event,
    payment_order,
    payment_refund,
)

CREATING: Final = "creating"
OPEN: Final = "open"
CLOSED: Final = "closed"

APPLIED: Final = "applied"
IGNORED: Final = "ignored"
QUARANTINED: Final = "quarantined"
WAITING: Final = "waiting"
"""It is about a payment of which nobody has told yet."""

REQUESTED: Final = "requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A page at a provider; without `ref` nobody has learnt whether it exists."""

    id: str
    order_id: str
    provider: str
    state: str
    ref: str | None
    url: str | None
    created_us: int
    expires_us: int
    due_us: int | None
    looks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A webhook as it came, and what was made of it."""

    provider: str
    event_id: str
    kind: str
    order_id: str | None
    payment_ref: str | None
    state: str
    detail: str | None
    facts: list[dict[str, Any]]
    body: bytes
    received_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRow:
    """A refund that was asked for here; `hold_id` holds its credits until it has ended."""

    id: str
    order_id: str
    state: str
    amount_minor: int
    hold_id: str | None
    ref: str | None
    actor: str
    reason: str
    created_us: int
    due_us: int | None
    tries: int = 0
    ended_us: int | None = None


async def open_session(connection: AsyncConnection, session: Session) -> None:
    """Write a session, before its provider is asked for it."""
    await connection.execute(sa.insert(checkout_session).values(asdict(session)))


async def session_of(connection: AsyncConnection, order_id: str) -> Session | None:
    """Return the session of an order, None where it has none."""
    return await _session(connection, checkout_session.c.order_id == order_id)


async def session_by_ref(connection: AsyncConnection, provider: str, ref: str) -> Session | None:
    """Return the session that a provider calls so, None where there is none."""
    return await _session(
        connection, checkout_session.c.provider == provider, checkout_session.c.ref == ref
    )


async def change_session(connection: AsyncConnection, session: Session, **values: Any) -> bool:
    """Change a session that is still in its state; returns whether it was."""
    statement = (
        sa.update(checkout_session)
        .where(
            checkout_session.c.id == session.id,
            checkout_session.c.state == session.state,
            checkout_session.c.ref.is_not_distinct_from(session.ref),
        )
        .values(values)
    )
    return (await connection.execute(statement)).rowcount == 1


async def claim_sessions(
    connection: AsyncConnection, *, now_us: int, until_us: int, limit: int
) -> list[Session]:
    """Take sessions that are due to be asked after; who dies over one leaves it until then."""
    statement = due.taken(
        checkout_session, "id", "looks", now_us=now_us, until_us=until_us, limit=limit
    ).returning(*checkout_session.c)
    return [rows.record(Session, row) for row in (await connection.execute(statement)).mappings()]


async def keep_event(connection: AsyncConnection, event: Event) -> bool:
    """Write down what a provider sent; returns whether it is new."""
    is_sqlite = connection.dialect.name == "sqlite"
    insert_ = sqlite.insert if is_sqlite else postgresql.insert
    statement = insert_(payment_event).values(asdict(event)).on_conflict_do_nothing()
    return (await connection.execute(statement)).rowcount == 1


async def take_waiting(
    connection: AsyncConnection, provider: str, payment_ref: str, *, order_id: str
) -> list[Event]:
    """Take the events that waited for a payment, which is the order's."""
    taken = (
        sa.update(payment_event)
        .where(
            payment_event.c.provider == provider,
            payment_event.c.payment_ref == payment_ref,
            payment_event.c.state == WAITING,
        )
        .values(state=APPLIED, order_id=order_id, detail=None)
        .returning(*payment_event.c)
    )
    return [rows.record(Event, row) for row in (await connection.execute(taken)).mappings()]


async def overdue(connection: AsyncConnection, *, limit: int) -> list[str]:
    """Return paid orders of whose payment something was told that waits still."""
    query = (
        sa.select(payment_order.c.id)
        .join(
            payment_event,
            sa.and_(
                payment_event.c.provider == payment_order.c.provider,
                payment_event.c.payment_ref == payment_order.c.payment_ref,
                payment_event.c.state == WAITING,
            ),
        )
        .distinct()
        .limit(limit)
    )
    return list((await connection.execute(query)).scalars())


async def events(
    connection: AsyncConnection, *, order_id: str | None = None, limit: int | None = None
) -> list[Event]:
    """Return what providers sent, newest first, of one order or of all."""
    query = (
        sa.select(payment_event)
        .order_by(payment_event.c.received_us.desc(), payment_event.c.event_id)
        .limit(limit)
    )
    if order_id is not None:
        query = query.where(payment_event.c.order_id == order_id)
    return [rows.record(Event, row) for row in (await connection.execute(query)).mappings()]


async def insert_refund(connection: AsyncConnection, refund: RefundRow) -> None:
    """Write a refund, before its provider is asked for it."""
    await connection.execute(sa.insert(payment_refund).values(asdict(refund)))


async def find_refund(connection: AsyncConnection, refund_id: str) -> RefundRow | None:
    """Return a refund, None where there is none of this id."""
    query = sa.select(payment_refund).where(payment_refund.c.id == refund_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else rows.record(RefundRow, row)


async def refunds_of(connection: AsyncConnection, order_id: str) -> list[RefundRow]:
    """Return the refunds of an order that were asked for here, oldest first."""
    query = (
        sa.select(payment_refund)
        .where(payment_refund.c.order_id == order_id)
        .order_by(payment_refund.c.created_us, payment_refund.c.id)
    )
    return [rows.record(RefundRow, row) for row in (await connection.execute(query)).mappings()]


async def claim_refunds(
    connection: AsyncConnection, *, now_us: int, until_us: int, limit: int
) -> list[RefundRow]:
    """Take refunds of which nobody knows whether their provider was asked."""
    statement = due.taken(
        payment_refund, "id", "tries", now_us=now_us, until_us=until_us, limit=limit
    ).returning(*payment_refund.c)
    return [rows.record(RefundRow, row) for row in (await connection.execute(statement)).mappings()]


async def change_refund(connection: AsyncConnection, refund: RefundRow, **values: Any) -> None:
    """Change a refund whose order is locked; raises BooksBroken where it is not as it was read."""
    statement = (
        sa.update(payment_refund)
        .where(payment_refund.c.id == refund.id, payment_refund.c.state == refund.state)
        .values(values)
    )
    if (await connection.execute(statement)).rowcount != 1:
        raise errors.BooksBroken(f"{refund.id}: it changed under the lock of its order")


async def _session(
    connection: AsyncConnection, *conditions: sa.ColumnElement[bool]
) -> Session | None:
    query = sa.select(checkout_session).where(*conditions)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else rows.record(Session, row)


async def count_strays(connection: AsyncConnection, before_us: int) -> int:
    """Return how many events from before then name no order, and were not to be applied."""
    query = sa.select(sa.func.count()).select_from(payment_event).where(*_is_stray(before_us))
    return int((await connection.execute(query)).scalar_one())


async def forget_strays(connection: AsyncConnection, before_us: int, limit: int) -> int:
    """Delete such events, so many at the most; return how many."""
    keys = payment_event.c.provider, payment_event.c.event_id
    chosen = (
        sa.select(*keys)
        .where(*_is_stray(before_us))
        .order_by(payment_event.c.received_us)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = sa.delete(payment_event).where(*_is_stray(before_us), sa.tuple_(*keys).in_(chosen))
    return (await connection.execute(gone)).rowcount


def _is_stray(before_us: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        payment_event.c.received_us < before_us,
        payment_event.c.order_id.is_(None),
        payment_event.c.state.in_((IGNORED, QUARANTINED)),
    )
