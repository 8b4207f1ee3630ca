"""A gateway of some years: so many rows of usage, and wallets whose counters they make.

Rows are written past the books, quickly, and so that `grip ledger verify` finds nothing.
"""

import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
import sqlalchemy as sa

from grip.clock import system_clock
from grip.ids import IdSource
from grip.money.amounts import NANO
from grip.money.pricing import Rates
from grip.services import accounts, channels, keys, models, wallets
from grip.services.context import Context
from grip.settings import load
from grip.store import schema
from grip.store.engine import Database
from grip.store.tables import api_key, detail, member, price, usage, wallet

_ACTOR: Final = "bench"
_RATES: Final = Rates(input_nano=250_000, output_nano=1_000_000)
_MODELS: Final = 8
_CHANNELS: Final = 5
_CHUNK: Final = 20_000
_DAY_US: Final = 86_400_000_000
_DETAIL_DAYS: Final = 75
_CONTENT: Final = bytes(range(256)) * 2

_USAGE: Final = tuple(column.name for column in usage.c if column.name != "seq")
_DETAIL: Final = tuple(column.name for column in detail.c)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """So many rows over so many days, of so many wallets; every so manieth has a detail.

    Details are there of the last 75 days, a kilobyte of content each.
    """

    rows: int
    wallets: int = 200
    days: int = 400
    detail_every: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """One wallet of many, an API key that may call, and how many details there are."""

    wallet_id: str
    secret: str
    details: int


@dataclass(slots=True, kw_only=True)
class _Wallet:
    id: str
    key_id: str
    member_id: str
    balance: int
    carry_nano: int = 0
    spent_nano: int = field(default=0)


def surroundings(url: str) -> Context:
    """Return the surroundings of use cases on this database."""
    chosen = load(environ={"GRIP_DATABASE_URL": url})
    return Context(database=Database(url), settings=chosen, clock=system_clock, ids=IdSource())


async def grow(url: str, shape: Shape) -> Grown:
    """Fill an empty database."""
    context = surroundings(url)
    await schema.ensure(context.database)
    prices, sold_by = await _catalog(context)
    owners, secret = await _customers(context, shape)
    rows = _rows(context, shape, owners, prices, sold_by)
    details = await _write(context.database, rows, shape)
    await _count(context, owners)
    await context.database.close()
    return Grown(wallet_id=owners[0].id, secret=secret, details=details)


async def _catalog(context: Context) -> tuple[list[str], list[str]]:
    """Sell the models; return the ids of their prices, and those of channels."""
    sold_by = [
        await channels.add(
            context, channels.Draft(name=f"sandbox-{number}", kind="sandbox"), actor=_ACTOR
        )
        for number in range(_CHANNELS)
    ]
    for number in range(_MODELS):
        draft = models.Draft(name=f"model-{number}", type="chat", sell=_RATES)
        await models.add(context, draft, actor=_ACTOR)
    async with context.database.read() as connection:
        found = (await connection.execute(sa.select(price.c.id).order_by(price.c.model))).scalars()
        return list(found), [one.id for one in sold_by]


async def _customers(context: Context, shape: Shape) -> tuple[list[_Wallet], str]:
    owners, secret = [], ""
    why: Any = {"actor": _ACTOR, "reason": "to grow"}
    for number in range(shape.wallets):
        made = await accounts.create(context, actor=_ACTOR, email=f"c{number}@example.com")
        credits_ = 1_000_000 + 10 * shape.rows // shape.wallets
        purse = await wallets.credit(context, made.wallet_id, credits_, **why)
        key = await keys.create(context, made.wallet_id, actor=_ACTOR, name="main")
        secret = key.secret
        owners.append(
            _Wallet(
                id=made.wallet_id,
                key_id=key.key.id,
                member_id=key.key.member_id,
                balance=purse.balance,
            )
        )
    await wallets.set_tier(context, owners[-1].id, "enterprise", **why)
    return owners, secret


def _rows(
    context: Context, shape: Shape, owners: list[_Wallet], prices: list[str], sold_by: list[str]
) -> Iterator[dict[str, Any]]:
    """Yield rows of usage, oldest first, and draw what they cost."""
    length_us = shape.days * _DAY_US
    start_us = context.clock() - length_us
    same = dict.fromkeys(_USAGE, 0) | {
        "key_name": "main",
        "endpoint": "/v1/chat/completions",
        "provider": "sandbox",
        "upstream_id": None,
        "ip": "192.0.2.1",
        "region": "",
        "status": "completed",
        "transfer_id": None,
        "attempts": 1,
        "latency_ms": 800,
        "first_byte_ms": 90,
        "hold_credits": 3,
    }
    for number in range(shape.rows):
        one = owners[number * 7919 % len(owners)]
        chosen = (number * 7919 + number % 2) % _MODELS
        taken, made = 50 + number * 31 % 2000, 20 + number * 17 % 800
        cost_nano = taken * (_RATES.input_nano or 0) + made * (_RATES.output_nano or 0)
        before = one.carry_nano
        drawn, one.carry_nano = divmod(before + cost_nano, NANO)
        one.balance -= drawn
        one.spent_nano += cost_nano
        yield same | {
            "request_id": f"req_{number:032x}",
            "created_us": start_us + length_us * number // shape.rows,
            "wallet_id": one.id,
            "key_id": one.key_id,
            "member_id": one.member_id,
            "model": f"model-{chosen}",
            "upstream_model": f"model-{chosen}",
            "channel_id": sold_by[chosen % _CHANNELS],
            "channel": f"sandbox-{chosen % _CHANNELS}",
            "price_id": prices[chosen],
            "input_tokens": taken,
            "output_tokens": made,
            "buy_cost_nano": cost_nano // 2,
            "cost_nano": cost_nano,
            "carry_before": before,
            "carry_after": one.carry_nano,
            "credits": drawn,
            "balance_after": one.balance,
        }


async def _write(database: Database, rows: Iterator[dict[str, Any]], shape: Shape) -> int:
    """Write them in large transactions; return how many details there were."""
    since_us = details_since_us(system_clock())
    put = _sqlite(database.path) if database.path is not None else await _postgres(database.dsn)
    details = 0
    while chunk := list(itertools.islice(rows, _CHUNK)):
        told = [row for row in chunk[:: shape.detail_every] if row["created_us"] >= since_us]
        details += len(told)
        used = [tuple(row[name] for name in _USAGE) for row in chunk]
        await put.write(used, [_detail(row) for row in told])
    await put.close()
    return details


def _detail(row: dict[str, Any]) -> tuple[Any, ...]:
    values = dict.fromkeys(_DETAIL) | {name: row[name] for name in _DETAIL if name in row}
    values |= {"trace": "{}", "request": _CONTENT, "response": _CONTENT}
    values |= {"request_bytes": 512, "response_bytes": 512}
    values |= {"request_form": 0, "response_form": 0}
    return tuple(values[name] for name in _DETAIL)


def details_since_us(now_us: int) -> int:
    """Return since when calls have details."""
    return now_us - _DETAIL_DAYS * _DAY_US


class _Sqlite:
    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA synchronous = OFF")

    async def write(self, used: list[Any], told: list[Any]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        for table, names, rows in (("usage", _USAGE, used), ("detail", _DETAIL, told)):
            marks = ", ".join("?" * len(names))
            self._db.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)
        self._db.execute("COMMIT")

    async def close(self) -> None:
        self._db.close()


class _Postgres:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def write(self, used: list[Any], told: list[Any]) -> None:
        for table, names, rows in (("usage", _USAGE, used), ("detail", _DETAIL, told)):
            await self._connection.copy_records_to_table(table, records=rows, columns=names)

    async def close(self) -> None:
        await self._connection.execute("VACUUM (ANALYZE)")
        await self._connection.close()


def _sqlite(path: Path) -> "_Sqlite | _Postgres":
    return _Sqlite(path)


async def _postgres(dsn: str) -> "_Sqlite | _Postgres":
    return _Postgres(await asyncpg.connect(dsn, command_timeout=None))


async def _count(context: Context, owners: list[_Wallet]) -> None:
    """Let the counters say what the rows make."""
    async with context.database.write() as connection:
        for one in owners:
            spent, spent_nano = divmod(one.spent_nano, NANO)
            purse = {"balance": one.balance, "carry_nano": one.carry_nano}
            await connection.execute(sa.update(wallet).where(wallet.c.id == one.id).values(purse))
            for table, row_id in ((api_key, one.key_id), (member, one.member_id)):
                counted = sa.update(table).where(table.c.id == row_id)
                await connection.execute(counted.values(spent=spent, spent_nano=spent_nano))
