"""Sums of usage rows, exact: what was sold, what it brought and what the operator paid for it.

Owns the additions in the database, which are of integers only. Refuses to say what is good.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.money.amounts import NANO
from grip.money.entries import CRASH_VOID
from grip.money.pricing import Usage
from grip.store.columns import Int
from grip.store.tables import usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """Calls that have the values `key` in common, and that their buy cost is known or is not.

    `used` is the sum of their units, clamped as each was charged, so that a price times `used` is
    the sum of what the calls cost at that price. `buy_cost_nano` is None where it is not known.
    """

    key: tuple[str, ...]
    calls: int
    used: Usage
    cost_nano: int
    buy_cost_nano: int | None


async def sold(
    connection: AsyncConnection,
    by: Sequence[str],
    *,
    from_us: int | None = None,
    to_us: int | None = None,
) -> list[Sold]:
    """Return the sums of the calls charged at [from, to), by these columns of `usage`."""
    keys = [usage.c[name] for name in by]
    unknown = usage.c.buy_cost_nano.is_(None)
    query = sa.select(
        *keys,
        unknown.label("unknown"),
        sa.func.count().label("calls"),
        *(_sum(value).label(name) for name, value in _units().items()),
        *_nano("cost_nano"),
        *_nano("buy_cost_nano"),
    ).group_by(*keys, unknown)
    if from_us is not None:
        query = query.where(usage.c.created_us >= from_us)
    if to_us is not None:
        query = query.where(usage.c.created_us < to_us)
    found = (await connection.execute(query)).mappings()
    return [_sold(row, by) for row in found]


def _units() -> dict[str, sa.ColumnElement[int]]:
    """Return what each row is charged for: the clamps of `pricing.cost_nano` are by the row."""
    tokens, cached, written = (
        usage.c[name] for name in ("input_tokens", "cached_input_tokens", "cache_write_tokens")
    )
    read = sa.case((cached > tokens, tokens), else_=cached)
    rest = tokens - read
    return {
        "input_tokens": tokens,
        "output_tokens": usage.c.output_tokens,
        "cached_input_tokens": read,
        "cache_write_tokens": sa.case((written > rest, rest), else_=written),
        "images": usage.c.images,
        "seconds": usage.c.seconds,
        "characters": usage.c.characters,
        # A call that was charged nothing because its process died is no request.
        "requests": sa.case((usage.c.status == CRASH_VOID, 0), else_=1),
    }


def _nano(name: str) -> list[sa.ColumnElement[int]]:
    # Nano-credits of $9 million fill an integer of the database; a sum of them in one would not.
    whole, rest = usage.c[name] // NANO, usage.c[name] % NANO
    return [_sum(whole).label(f"{name}_whole"), _sum(rest).label(f"{name}_rest")]


def _sum(value: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    # PostgreSQL sums into NUMERIC.
    return sa.func.coalesce(sa.cast(sa.func.sum(value), Int), 0)


def _sold(row: sa.RowMapping, by: Sequence[str]) -> Sold:
    cost, buy_cost = (
        row[f"{name}_whole"] * NANO + row[f"{name}_rest"] for name in ("cost_nano", "buy_cost_nano")
    )
    return Sold(
        key=tuple(row[name] for name in by),
        calls=row["calls"],
        used=Usage(**{name: row[name] for name in Usage._fields}),
        cost_nano=cost,
        buy_cost_nano=None if row["unknown"] else buy_cost,
    )
