"""From rows to records: the one place that knows how columns become values."""

from collections.abc import Mapping
from typing import Any, TypeVar

import sqlalchemy as sa

from grip.money.pricing import RATE_NAMES, Rates
from grip.store import records
from grip.store.tables import price

T = TypeVar("T")

_FLAGS = frozenset({"enabled", "drains", "estimated", "is_business", "is_owner", "reasoning"})


def is_id(text: str) -> bool:
    """Return whether a row may be called so: PostgreSQL refuses even to compare with others."""
    return text.isascii() and text.isprintable()


def record(kind: type[T], row: sa.RowMapping | Mapping[str, Any]) -> T:
    """Return a `kind` made of the columns of `row` that it has fields for."""
    fields = kind.__dataclass_fields__  # type: ignore[attr-defined]
    values = {
        name: bool(value) if name in _FLAGS else value
        for name, value in row.items()
        if name in fields
    }
    return kind(**values)


def price_record(row: sa.RowMapping) -> records.Price:
    """Return the price version in a row of `price`."""
    return records.Price(
        id=row[price.c.id],
        model=row[price.c.model],
        version=row[price.c.version],
        valid_from_us=row[price.c.valid_from_us],
        actor=row[price.c.actor],
        sell=rates(row, price),
        buy=rates(row, price, "cost_"),
    )


def rates(row: sa.RowMapping, table: sa.Table, before: str = "") -> Rates:
    """Return the rates in a row of `table`, in columns whose names begin with `before`."""
    return Rates(**{name: row[table.c[before + name]] for name in RATE_NAMES})
