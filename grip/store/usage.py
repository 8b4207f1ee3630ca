"""Usage rows: the log of charged calls, and the journal's debits of synchronous ones."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.money.pricing import RATE_NAMES, Rates, Usage
from grip.store import rows
from grip.store.records import Price, UsageRow
from grip.store.tables import model_alias, price, usage

PAGE_ROWS = 5_000

_COUNTS = tuple(name for name in Usage._fields if name in usage.c)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What one call drew: `credits` in all, of them `debt_credits` from the debt."""

    seq: int
    at_us: int
    request_id: str
    model: str
    key_name: str
    credits: int
    debt_credits: int
    balance_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """What a row of usage was charged, and everything that its price can be recomputed from.

    `rates` is None where its price version is not in the books.
    """

    request_id: str
    model: str
    price_id: str
    price_model: str | None
    cost_nano: int
    estimated: bool
    status: str
    used: Usage
    rates: Rates | None


async def load(
    connection: AsyncConnection,
    *,
    wallet_id: str | None = None,
    key_id: str | None = None,
    member_id: str | None = None,
    model: str | None = None,
    from_us: int | None = None,
    to_us: int | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> list[UsageRow]:
    """Return the charged calls at [from, to), newest first; `model` may be an alias.

    `after` is the request id of one of them: only calls that were charged before that one are
    returned, none where there is no such call.
    """
    owners = [
        column == value
        for column, value in (
            (usage.c.wallet_id, wallet_id),
            (usage.c.key_id, key_id),
            (usage.c.member_id, member_id),
        )
        if value is not None
    ]
    query = sa.select(usage).where(*owners).order_by(usage.c.seq.desc()).limit(limit)
    if model is not None:
        meant = sa.select(model_alias.c.model).where(model_alias.c.alias == model)
        query = query.where(sa.or_(usage.c.model == model, usage.c.model.in_(meant)))
    if after is not None:
        if not rows.is_id(after):
            return []
        last = sa.select(usage.c.seq).where(usage.c.request_id == after, *owners)
        query = query.where(usage.c.seq < last.scalar_subquery())
    query = query.where(*_between(from_us, to_us))
    return [rows.record(UsageRow, row) for row in (await connection.execute(query)).mappings()]


async def find(connection: AsyncConnection, request_id: str) -> UsageRow | None:
    """Return the charged call with this request id, None where there is none."""
    query = sa.select(usage).where(usage.c.request_id == request_id)
    found = (await connection.execute(query)).mappings().one_or_none()
    return None if found is None else rows.record(UsageRow, found)


async def insert(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    """Write the row of a task that was charged; `transfer_id` names what debited it."""
    await connection.execute(sa.insert(usage).values(dict(values)))


async def rates_of(connection: AsyncConnection, price_id: str) -> Rates | None:
    """Return what a version of a price sells at, None where there is no such version."""
    row = (await connection.execute(sa.select(price).where(price.c.id == price_id))).mappings()
    found = row.one_or_none()
    return None if found is None else rows.rates(found, price)


async def draws(
    connection: AsyncConnection,
    wallet_id: str,
    from_us: int | None,
    to_us: int | None,
    *,
    from_seq: int = 0,
) -> list[Draw]:
    """Return what calls drew from a wallet at [from, to), oldest first.

    What tasks drew is in the journal. `from_seq` is a lower bound of the rows' own, where one is
    known.
    """
    columns = [usage.c[name] for name in Draw.__dataclass_fields__ if name in usage.c]
    query = (
        sa.select(usage.c.created_us.label("at_us"), *columns)
        .where(*_drawn_from(wallet_id, from_seq), *_between(from_us, to_us))
        .order_by(usage.c.created_us, usage.c.seq)
    )
    return [rows.record(Draw, row) for row in (await connection.execute(query)).mappings()]


async def drawn_since(
    connection: AsyncConnection, wallet_id: str, at_us: int, *, from_seq: int = 0
) -> int:
    """Return by how much calls have moved a wallet's balance from the time `at_us` on."""
    drawn = sa.func.sum(usage.c.debt_credits - usage.c.credits)
    query = sa.select(sa.func.coalesce(drawn, 0)).where(
        *_drawn_from(wallet_id, from_seq), *_between(at_us, None)
    )
    return int((await connection.execute(query)).scalar_one())


def _drawn_from(wallet_id: str, from_seq: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        usage.c.wallet_id == wallet_id,
        usage.c.seq >= from_seq,
        usage.c.transfer_id.is_(None),
    )


async def pricings(
    connection: AsyncConnection, after: int | None = None
) -> AsyncIterator[list[Pricing]]:
    """Yield rows of usage with their prices, oldest first, page by page.

    `after` is a `seq`: only what came later is yielded.
    """
    prices = await _prices(connection)
    columns = [usage.c[name] for name in Pricing.__dataclass_fields__ if name in usage.c]
    query = sa.select(usage.c.seq, *columns, *(usage.c[name] for name in _COUNTS))
    query = query.order_by(usage.c.seq).limit(PAGE_ROWS)
    while True:
        page = query if after is None else query.where(usage.c.seq > after)
        found = (await connection.execute(page)).mappings().all()
        if not found:
            return
        after = found[-1]["seq"]
        yield [_pricing(row, prices) for row in found]


def pricing(row: UsageRow, version: Price | None) -> Pricing:
    """Return what one row was charged, with the version of the price that it names."""
    return Pricing(
        request_id=row.request_id,
        model=row.model,
        price_id=row.price_id,
        price_model=None if version is None else version.model,
        cost_nano=row.cost_nano,
        estimated=row.estimated,
        status=row.status,
        used=Usage(**{name: getattr(row, name) for name in _COUNTS}),
        rates=None if version is None else version.sell,
    )


async def _prices(connection: AsyncConnection) -> dict[str, tuple[str, Rates]]:
    found = (await connection.execute(sa.select(price))).mappings()
    return {
        row["id"]: (row["model"], Rates(**{name: row[name] for name in RATE_NAMES}))
        for row in found
    }


def _pricing(row: sa.RowMapping, prices: dict[str, tuple[str, Rates]]) -> Pricing:
    model, rates = prices.get(row["price_id"], (None, None))
    return Pricing(
        request_id=row["request_id"],
        model=row["model"],
        price_id=row["price_id"],
        price_model=model,
        cost_nano=row["cost_nano"],
        estimated=bool(row["estimated"]),
        status=row["status"],
        used=Usage(**{name: row[name] for name in _COUNTS}),
        rates=rates,
    )


def _between(from_us: int | None, to_us: int | None) -> list[sa.ColumnElement[Any]]:
    bounds: list[sa.ColumnElement[Any]] = []
    if from_us is not None:
        bounds.append(usage.c.created_us >= from_us)
    if to_us is not None:
        bounds.append(usage.c.created_us < to_us)
    return bounds
