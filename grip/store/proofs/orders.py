"""What must hold of orders, between their rows, the journal and their documents."""

from typing import Any

import sqlalchemy as sa

from grip.money import ledger
from grip.store.proofs.invariant import Invariant, total
from grip.store.tables import document, document_series, ledger_transfer, payment_order
from grip.store.tables.journal import OF_ORDERS

_order = payment_order
_KINDS = tuple(
    counterpart.kind
    for counterpart in (ledger.PURCHASE, ledger.BONUS, ledger.REVERSAL, ledger.REINSTATEMENT)
)
_ORDER_KEY_AT, _ORDER_ID_LENGTH = 7, 36
"""Where an order's id stands in the keys of its transfers: `order:ord_…:purchase`."""


def order_credited() -> Invariant:
    """A paid order has given what was bought and its bonus, once; an unpaid one nothing."""
    moved = _moved(ledger.PURCHASE.kind, ledger.BONUS.kind)
    expected = sa.case((_order.c.paid_us.is_not(None), _order.c.credits + _order.c.bonus), else_=0)
    found = _of_its_wallet(moved)
    query = (
        sa.select(_order.c.id, expected.label("expected"), found.label("found"))
        .select_from(_order.outerjoin(moved, moved.c.order_id == _order.c.id))
        .where(expected != found)
        .order_by(_order.c.id)
    )
    return Invariant(
        "order_credited", query, "{id}: it is worth {expected} credits, the journal gave {found}"
    )


def order_reversed() -> Invariant:
    """What went back of an order's credits is what the journal took, less what it gave again."""
    taken, given = _moved(ledger.REVERSAL.kind), _moved(ledger.REINSTATEMENT.kind)
    found = _of_its_wallet(taken) - _of_its_wallet(given)
    query = (
        sa.select(_order.c.id, _order.c.reversed_credits, found.label("found"))
        .select_from(
            _order.outerjoin(taken, taken.c.order_id == _order.c.id).outerjoin(
                given, given.c.order_id == _order.c.id
            )
        )
        .where(_order.c.reversed_credits != found)
        .order_by(_order.c.id)
    )
    return Invariant(
        "order_reversed",
        query,
        "{id}: {reversed_credits} credits went back, the journal took {found}",
    )


def order_documents() -> Invariant:
    """The invoices of a paid order less its credit notes are what it kept; unpaid it has none."""
    sign = sa.case((document.c.kind == "invoice", 1), else_=-1)
    issued = (
        sa.select(
            document.c.order_id,
            total(sign * document.c.gross_minor).label("gross"),
        )
        .where(document.c.order_id.is_not(None))
        .group_by(document.c.order_id)
        .subquery()
    )
    expected = sa.case(
        (_order.c.paid_us.is_not(None), _order.c.gross_minor - _order.c.returned_minor), else_=0
    )
    found = sa.func.coalesce(issued.c.gross, 0)
    query = (
        sa.select(_order.c.id, expected.label("expected"), found.label("found"))
        .select_from(_order.outerjoin(issued, issued.c.order_id == _order.c.id))
        .where(expected != found)
        .order_by(_order.c.id)
    )
    return Invariant(
        "order_documents",
        query,
        "{id}: {expected} minor units were kept, its invoices make {found}",
    )


def order_known() -> Invariant:
    """What journal and documents say of orders, they say of orders that there are."""
    told = sa.union(
        sa.select(_moved(*_KINDS).c.order_id),
        sa.select(document.c.order_id).where(document.c.order_id.is_not(None)),
    ).subquery()
    query = (
        sa.select(told.c.order_id)
        .select_from(told.outerjoin(_order, _order.c.id == told.c.order_id))
        .where(_order.c.id.is_(None))
        .order_by(told.c.order_id)
    )
    return Invariant("order_known", query, "{order_id}: the books name it, and there is no order")


def document_numbers() -> Invariant:
    """The numbers of each series run from 1 without a gap."""
    held = (
        sa.select(
            document.c.series,
            sa.func.count().label("documents"),
            sa.func.max(document.c.number).label("last"),
        )
        .group_by(document.c.series)
        .subquery()
    )
    documents = sa.func.coalesce(held.c.documents, 0)
    last = sa.func.coalesce(held.c.last, 0)
    taken = sa.func.coalesce(document_series.c.next_number - 1, 0)
    # A series that lost its counter would begin again.
    known = sa.union(sa.select(document_series.c.series), sa.select(held.c.series)).subquery()
    query = (
        sa.select(
            known.c.series,
            taken.label("taken"),
            documents.label("documents"),
            last.label("last"),
        )
        .select_from(
            known.outerjoin(document_series, document_series.c.series == known.c.series).outerjoin(
                held, held.c.series == known.c.series
            )
        )
        .where(sa.or_(documents != taken, last != taken))
        .order_by(known.c.series)
    )
    return Invariant(
        "document_numbers",
        query,
        "{series}: {taken} numbers were taken, there are {documents} documents up to {last}",
    )


def _of_its_wallet(moved: sa.Subquery) -> sa.ColumnElement[int]:
    """Return what an order's transfers come to where they are of its wallet.

    No condition of the join: SQLite would look orders up by their wallet, all of them for each.
    """
    return sa.case((moved.c.wallet_id == _order.c.wallet_id, moved.c.total), else_=0)


def _moved(*kinds: str) -> sa.Subquery:
    """Return `order_id`, `wallet_id` (null where there are several) and `total` of these kinds."""
    wallet_id = ledger_transfer.c.wallet_id
    # Cast, or SQLite looks through all of them for each order: what has no type has no index.
    key: sa.ColumnElement[Any] = sa.cast(
        sa.func.substr(ledger_transfer.c.idem_key, _ORDER_KEY_AT, _ORDER_ID_LENGTH), sa.Text
    )
    return (
        sa.select(
            key.label("order_id"),
            sa.case(
                (sa.func.min(wallet_id) == sa.func.max(wallet_id), sa.func.max(wallet_id))
            ).label("wallet_id"),
            total(ledger_transfer.c.amount).label("total"),
        )
        .where(
            OF_ORDERS,
            ledger_transfer.c.kind.in_(kinds),
            ledger_transfer.c.phase.in_(ledger.POSTED),
            ledger_transfer.c.idem_key.startswith("order:", autoescape=True),
        )
        .group_by(key)
        .subquery()
    )
