"""The hot statements of PostgreSQL: one round trip locks a batch's purses, one writes all of it.

A round trip costs a lone call a tenth of a millisecond and 40 µs of CPU, so what SQLite does row by
row is done here by arrays. Built in Core of the same columns, compiled once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter
from typing import Any, Final

import sqlalchemy as sa

from grip.money.batch import Plan
from grip.money.states import KeyState, MemberState, WalletState
from grip.store.books import statements
from grip.store.books.statements import for_postgres
from grip.store.tables import api_key, holds, member, usage, wallet

_ONE: Final[Any] = sa.literal_column("1")
_ZERO: Final[Any] = sa.literal_column("0")


def _array(name: str, kind: Any) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=sa.ARRAY(kind))


def _locked(table: sa.Table, state: type, name: str, after: sa.CTE | None = None) -> sa.CTE:
    """Return the rows with the ids in `name`, locked in their order, once those of `after` are."""
    columns = [table.c[field] for field in state.__annotations__]
    query = sa.select(*columns).where(table.c.id == sa.any_(_array(f"{name}_ids", sa.Text)))
    if after is not None:
        count = sa.select(sa.func.count()).select_from(after).scalar_subquery()
        query = query.where(count >= _ZERO)
    return query.order_by(table.c.id).with_for_update().cte(name)


def _rows(found: sa.CTE) -> sa.ColumnElement[Any]:
    row = sa.select(sa.func.row(*found.c)).select_from(found).scalar_subquery()
    return sa.func.array(row, type_=sa.ARRAY(sa.Text)).label(found.name)


def _lock() -> sa.Select[Any]:
    wallets = _locked(wallet, WalletState, "wallets")
    keys = _locked(api_key, KeyState, "keys", wallets)
    members = _locked(member, MemberState, "members", keys)
    return sa.select(_rows(wallets), _rows(keys), _rows(members))


LOCK = for_postgres(_lock())
"""Takes ids of wallets, keys and members; returns their rows, as tuples of the states' fields."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What a batch writes to one table: its name in the statement, the columns, and the rows."""

    name: str
    columns: Sequence[str]
    values: Callable[[Plan], Iterable[Sequence[Any]]]


def _values(table: sa.Table, part: _Part) -> Any:
    """Return arrays of the columns as a table of rows."""
    arrays = [_array(f"{part.name}_{name}", table.c[name].type) for name in part.columns]
    columns = [sa.column(name, table.c[name].type) for name in part.columns]
    return sa.func.unnest(*arrays).table_valued(*columns, name=f"{part.name}_v").render_derived()


def _update(table: sa.Table, part: _Part) -> sa.CTE:
    new = _values(table, part)
    changed = {table.c[name]: new.c[name] for name in part.columns if name != "id"}
    update = sa.update(table).where(table.c.id == new.c.id).values(changed)
    return update.returning(_ONE).cte(part.name)


def _insert(table: sa.Table, part: _Part) -> sa.CTE:
    new = sa.select(*_values(table, part).c)
    return sa.insert(table).from_select(list(part.columns), new).returning(_ONE).cte(part.name)


def _states(name: str, columns: Sequence[str], rows: Callable[[Plan], Iterable[Any]]) -> _Part:
    getter = attrgetter(*columns)
    return _Part(name, columns, lambda plan: map(getter, rows(plan)))


_HOLD = attrgetter(*statements.HOLD_NAMES)
_USAGE = attrgetter(*statements.MONEY_NAMES, *(f"facts.{name}" for name in statements.FACT_NAMES))
_WALLETS = _states(
    "wallet_rows",
    ("id", "balance", "held", "debt", "carry_nano", "qps_log", "tpm_log"),
    lambda plan: plan.dirty_wallets.values(),
)
_KEYS = _states(
    "key_rows",
    ("id", "spent", "spent_nano", "held_nano", "rpm_log"),
    lambda plan: plan.dirty_keys.values(),
)
_MEMBERS = _states(
    "member_rows",
    ("id", "spent", "spent_nano", "held_nano"),
    lambda plan: plan.dirty_members.values(),
)
_HOLDS = _Part(
    "new_holds",
    (*statements.HOLD_NAMES, "admitted_us"),
    lambda plan: [(*_HOLD(admit), at_us) for admit, at_us in plan.new_holds.values()],
)
_GONE = _Part("gone_holds", ("request_id",), lambda plan: [(one,) for one in plan.gone_holds])
_CHARGES = _Part(
    "charges",
    (*statements.MONEY_NAMES, *statements.FACT_NAMES),
    lambda plan: map(_USAGE, plan.usage),
)
_PARTS: Final = (_WALLETS, _KEYS, _MEMBERS, _HOLDS, _GONE, _CHARGES)


def _apply() -> sa.Select[Any]:
    gone = sa.delete(holds).where(
        holds.c.request_id == sa.any_(_array(f"{_GONE.name}_request_id", sa.Text))
    )
    written = (
        _update(wallet, _WALLETS),
        _update(api_key, _KEYS),
        _update(member, _MEMBERS),
        _insert(holds, _HOLDS),
        gone.returning(_ONE).cte(_GONE.name),
        _insert(usage, _CHARGES),
    )
    counts = [sa.select(sa.func.count()).select_from(cte).scalar_subquery() for cte in written]
    return sa.select(*(count.label(cte.name) for count, cte in zip(counts, written, strict=True)))


APPLY = for_postgres(_apply())
"""Writes what a plan says of wallets, keys, members, holds and usage; returns the rows of each."""


def arguments(plan: Plan) -> tuple[list[Any], tuple[int, ...]]:
    """Return the arguments of `APPLY` for a plan, and the rows that it must touch of each part."""
    by_name: dict[str, Sequence[Any]] = {}
    counts = []
    for part in _PARTS:
        rows = list(part.values(plan))
        counts.append(len(rows))
        columns: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else repeat(())
        for name, column in zip(part.columns, columns, strict=False):
            by_name[f"{part.name}_{name}"] = column
    return [by_name[name] for name in APPLY.names], tuple(counts)
