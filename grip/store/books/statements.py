"""The statements of the hot path: written in SQLAlchemy Core, compiled once, run by the driver.

Both engines run the same statements; only the placeholders differ. Parameters are taken from the
planned values by name, in the order in which the compiled text wants them.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg

from grip.money import claims
from grip.money.entries import VERDICTS, Admit, Facts, Settled
from grip.money.states import (
    ClaimState,
    HoldState,
    KeyState,
    MemberState,
    UsageEntry,
    WalletState,
)
from grip.store.tables import (
    account,
    api_key,
    boot,
    catalog,
    holds,
    idempotency,
    idempotency_answer,
    member,
    usage,
    wallet,
)

_P = "p_"


@dataclass(frozen=True, slots=True)
class Statement:
    """Compiled text, and the names of its parameters in order."""

    sql: str
    names: tuple[str, ...]

    def getter(self) -> Callable[[Any], tuple[Any, ...]]:
        """Return what takes the parameters off an object that has them as attributes."""
        return attrgetter(*self.names)

    def hold_getter(self) -> Callable[[Admit, int], tuple[Any, ...]]:
        """Return what takes the parameters of `INSERT_HOLD` off an admission and its time."""
        at = self.names.index("admitted_us")
        before, after = attrgetter(*self.names[:at]), attrgetter(*self.names[at + 1 :])
        return lambda admit, at_us: (*before(admit), at_us, *after(admit))

    def usage_getter(self) -> Callable[[UsageEntry], tuple[Any, ...]]:
        """Return what takes the parameters of `INSERT_USAGE` off an entry and its facts."""
        return attrgetter(
            *(name if name in MONEY_NAMES else f"facts.{name}" for name in self.names)
        )


def _param(column: sa.Column[Any]) -> sa.BindParameter[Any]:
    return sa.bindparam(f"{_P}{column.name}", type_=column.type)


def _columns(table: sa.Table, kind: type) -> list[sa.Column[Any]]:
    return [table.c[name] for name in inspect.get_annotations(kind)]


def _update(table: sa.Table, *names: str, key: str = "id") -> sa.Update:
    values = {table.c[name]: _param(table.c[name]) for name in names}
    return sa.update(table).where(table.c[key] == _param(table.c[key])).values(values)


def _with(table: sa.Table, *names: str) -> sa.ColumnElement[bool]:
    """Return the condition that picks a row by these columns."""
    return sa.and_(*(table.c[name] == _param(table.c[name]) for name in names))


def _insert(table: sa.Table, *names: str) -> sa.Insert:
    return sa.insert(table).values({table.c[name]: _param(table.c[name]) for name in names})


_WALLET_COLUMNS = _columns(wallet, WalletState)
_KEY_COLUMNS = _columns(api_key, KeyState)
_MEMBER_COLUMNS = _columns(member, MemberState)
_HOLD_COLUMNS = _columns(holds, HoldState)
_CLAIM_COLUMNS = _columns(idempotency, ClaimState)
_SETTLED_COLUMNS = [
    usage.c.request_id,
    usage.c.cost_nano,
    usage.c.credits,
    usage.c.balance_after,
]
HOLD_NAMES = (
    "request_id",
    "wallet_id",
    "key_id",
    "member_id",
    "amount",
    "estimate_nano",
    "tokens",
    "model",
    "endpoint",
    "ip",
    "boot_id",
    "input_tokens",
    "price_id",
    "idem_key",
)
MONEY_NAMES = (
    "request_id",
    "wallet_id",
    "key_id",
    "member_id",
    "created_us",
    "hold_credits",
    "cost_nano",
    "carry_before",
    "carry_after",
    "credits",
    "debt_credits",
    "balance_after",
)
FACT_NAMES = Facts._fields

UPDATE_WALLET = _update(wallet, "balance", "held", "debt", "carry_nano", "qps_log", "tpm_log")
UPDATE_KEY = _update(api_key, "spent", "spent_nano", "held_nano", "rpm_log")
UPDATE_MEMBER = _update(member, "spent", "spent_nano", "held_nano")
INSERT_HOLD = _insert(holds, *HOLD_NAMES, "admitted_us")
UPDATE_HOLD = _update(holds, "amount", "estimate_nano", key="request_id")
DELETE_HOLD = sa.delete(holds).where(holds.c.request_id == _param(holds.c.request_id))
INSERT_USAGE = _insert(usage, *MONEY_NAMES, *FACT_NAMES)

CLAIM = sa.select(*_CLAIM_COLUMNS).where(_with(idempotency, "key_id", "idem_key"))
INSERT_CLAIM = _insert(idempotency, *ClaimState._fields)
DELETE_CLAIM = sa.delete(idempotency).where(_with(idempotency, "key_id", "idem_key"))
KEEP_CLAIM = (
    sa.update(idempotency)
    .where(_with(idempotency, "key_id", "idem_key", "request_id"))
    .where(idempotency.c.state == sa.literal_column(f"'{claims.RUNNING}'"))
    .values(
        {idempotency.c[name]: _param(idempotency.c[name]) for name in ("state", "content_type")}
    )
)
INSERT_ANSWER = _insert(idempotency_answer, "request_id", "body", "created_us")

IS_DEAD = sa.select(boot.c.id).where(boot.c.id == _param(boot.c.id), boot.c.ended_us.is_not(None))
CATALOG_VERSION = sa.select(catalog.c.version)
# Read after the locks, so that the time of a batch is not before that of the one it waited for.
CATALOG_TIME_AND_BOOTS = sa.select(
    catalog.c.version,
    sa.cast(
        sa.extract("epoch", sa.func.clock_timestamp()) * sa.literal_column("1000000"), sa.BigInteger
    ).label("now_us"),
    sa.func.array(
        sa.select(boot.c.id)
        .where(
            boot.c.id == sa.any_(sa.bindparam(f"{_P}keys", type_=sa.ARRAY(sa.Text))),
            boot.c.ended_us.is_not(None),
        )
        .scalar_subquery(),
        type_=sa.ARRAY(sa.Text),
    ).label("dead_boots"),
)


def one(table: sa.Table, columns: list[sa.Column[Any]], key: str = "id") -> sa.Select[Any]:
    """Return the select of one row by its key."""
    return sa.select(*columns).where(table.c[key] == _param(table.c[key]))


def many(table: sa.Table, columns: list[sa.Column[Any]], key: str = "id") -> sa.Select[Any]:
    """Return the select of rows by an array of keys, in the order of the keys (PostgreSQL)."""
    keys = sa.bindparam(f"{_P}keys", type_=sa.ARRAY(sa.Text))
    return sa.select(*columns).where(table.c[key] == sa.any_(keys)).order_by(table.c[key])


_OWN = usage.c.status.not_in([sa.literal_column(f"'{verdict}'") for verdict in VERDICTS])
"""Charged by its own process: a verdict answers no settlement."""

SELECT_ONE = {
    "wallet": one(wallet, _WALLET_COLUMNS),
    "key": one(api_key, _KEY_COLUMNS),
    "member": one(member, _MEMBER_COLUMNS),
    "hold": one(holds, _HOLD_COLUMNS, "request_id"),
    "settled": one(usage, _SETTLED_COLUMNS, "request_id").where(_OWN),
}
SELECT_MANY = {
    "hold": many(holds, _HOLD_COLUMNS, "request_id").with_for_update(),
    "settled": many(usage, _SETTLED_COLUMNS, "request_id").where(_OWN),
}

_holder = account.alias("holder")
_owner = account.alias("owner")

CALLER = (
    sa.select(
        api_key.c.id.label("key_id"),
        api_key.c.name.label("key_name"),
        api_key.c.version.label("key_version"),
        api_key.c.wallet_id,
        api_key.c.member_id,
        member.c.account_id,
        wallet.c.owner_id,
        wallet.c.tier,
        api_key.c.models,
        api_key.c.groups,
        wallet.c.providers,
        api_key.c.content_logging,
        api_key.c.expires_us,
        sa.func.coalesce(
            api_key.c.revoked_us, member.c.left_us, _holder.c.disabled_us, _owner.c.disabled_us
        ).label("ended_us"),
    )
    .join(member, member.c.id == api_key.c.member_id)
    .join(wallet, wallet.c.id == api_key.c.wallet_id)
    .join(_holder, _holder.c.id == member.c.account_id)
    .join(_owner, _owner.c.id == wallet.c.owner_id)
    .where(api_key.c.hash == _param(api_key.c.hash))
)


def settled(row: Sequence[Any]) -> Settled:
    """Return the outcome in a row of the `settled` select."""
    return Settled(cost_nano=row[1], credits=row[2], balance_after=row[3])


def for_sqlite(statement: sa.ClauseElement) -> Statement:
    """Compile for the stdlib driver, with question marks."""
    return _compile(statement, sqlite.dialect(paramstyle="qmark"))


def for_postgres(statement: sa.ClauseElement) -> Statement:
    """Compile for asyncpg, with typed numbered placeholders."""
    return _compile(statement, asyncpg.dialect())  # type: ignore[no-untyped-call]


def _compile(statement: sa.ClauseElement, dialect: sa.Dialect) -> Statement:
    compiled = statement.compile(dialect=dialect)
    order = getattr(compiled, "positiontup", None) or []
    return Statement(str(compiled), tuple(name.removeprefix(_P) for name in order))
