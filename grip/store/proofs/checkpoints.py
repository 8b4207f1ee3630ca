"""Checkpoints: what the books were when they were last found right, to go on from there.

Owns what counters were at the rows that a checkpoint ends with. Refuses to say whether the books
are right, and to hash: `services/checkpoints.py` does.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.money import ledger
from grip.money.amounts import NANO
from grip.store import rows
from grip.store.tables import (
    api_key,
    checkpoint,
    checkpoint_balance,
    ledger_transfer,
    member,
    usage,
    wallet,
)

WALLET: Final = "wallet"
KEY: Final = "key"
MEMBER: Final = "member"
HOLD: Final = "hold"

KEPT: Final = 2
"""Of so many checkpoints the balances are kept, the newest ones; of older ones their hash is."""

_BATCH_ROWS: Final = 2_000
_base = checkpoint_balance
_transfer = ledger_transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where the chain of a journal stands: its last block, and the last row in it."""

    number: int = 0
    seq: int = 0
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a clean verification stood on: `heads` by journal, and hashes in hex."""

    number: int
    id: str
    at_us: int
    heads: Mapping[str, Head]
    balances: str
    previous: str
    digest: str

    @property
    def marks(self) -> dict[str, int]:
        """The last `seq` of each journal that it covers."""
        return {journal: head.seq for journal, head in self.heads.items()}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Balance:
    """What one counter was: a wallet's balance, debt and carry, or what a key or member spent.

    Of kind `hold`, `id` is that of a transfer which was open.
    """

    kind: str
    id: str
    credits: int
    nano: int = 0
    debt: int = 0


async def last(connection: AsyncConnection) -> Checkpoint | None:
    """Return the newest checkpoint, None where there is none."""
    query = sa.select(checkpoint).order_by(checkpoint.c.number.desc()).limit(1)
    found = (await connection.execute(query)).mappings().one_or_none()
    return None if found is None else _record(found)


async def load(connection: AsyncConnection) -> list[Checkpoint]:
    """Return all checkpoints, oldest first."""
    found = await connection.execute(sa.select(checkpoint).order_by(checkpoint.c.number))
    return [_record(row) for row in found.mappings()]


async def append(connection: AsyncConnection, made: Checkpoint) -> bool:
    """Write a checkpoint; False where another one was first, and nothing was written."""
    try:
        async with connection.begin_nested():
            await connection.execute(sa.insert(checkpoint).values(asdict(made)))
    except sa.exc.IntegrityError:
        return False
    return True


async def keep(connection: AsyncConnection, id_: str, balances: Sequence[Balance]) -> None:
    """Write balances of a checkpoint; as many as one transaction should."""
    values = [{"checkpoint_id": id_, **asdict(balance)} for balance in balances]
    await connection.execute(sa.insert(_base), values)


async def balances(connection: AsyncConnection, id_: str) -> list[Balance]:
    """Return the balances of a checkpoint, sorted; none where they are no longer kept."""
    found = await connection.execute(sa.select(_base).where(_base.c.checkpoint_id == id_))
    return sorted(rows.record(Balance, row) for row in found.mappings())


async def kept(connection: AsyncConnection, id_: str) -> int:
    """Return how many balances there are of a checkpoint."""
    query = sa.select(sa.func.count()).select_from(_base).where(_base.c.checkpoint_id == id_)
    return int((await connection.execute(query)).scalar_one())


async def drop(connection: AsyncConnection) -> int:
    """Delete a batch of balances that newer checkpoints have replaced; return how many.

    Those of a checkpoint that was never written go too, once a later one was: what began before
    can no longer be written.
    """
    newest = sa.select(checkpoint.c.id).order_by(checkpoint.c.number.desc()).limit(KEPT)
    kept = list((await connection.execute(newest)).scalars())
    if not kept:
        return 0
    columns = (_base.c.checkpoint_id, _base.c.kind, _base.c.id)
    stale = (_base.c.checkpoint_id < kept[0], _base.c.checkpoint_id.not_in(kept))
    some = sa.select(*columns).where(*stale).limit(_BATCH_ROWS)
    gone = sa.delete(_base).where(sa.tuple_(*columns).in_(some))
    return (await connection.execute(gone)).rowcount


async def counted(
    connection: AsyncConnection, heads: Mapping[str, Head], since: Checkpoint | None
) -> list[Balance]:
    """Return what all counters were at these heads: as they are, less what is newer.

    On a frozen connection whose books are right. `since` is the checkpoint that they were verified
    from, None where they were verified whole.
    """
    marks = {journal: head.seq for journal, head in heads.items()}
    newer = await _newer(connection, marks)
    made = [*await _purses(connection, newer), *await _spenders(connection, newer)]
    opened = await _open_holds(connection, marks[_transfer.name], since)
    return sorted([*made, *opened])


@dataclass(slots=True)
class _Newer:
    """What rows beyond the heads changed: credits of accounts, and nano-credits by id."""

    credits: dict[str, int]
    carried: dict[str, int]
    spent: dict[str, int]


async def _newer(connection: AsyncConnection, marks: Mapping[str, int]) -> _Newer:
    """Return what came after the heads: little, since they were just closed."""
    found = _Newer(defaultdict(int), defaultdict(int), defaultdict(int))
    calls = sa.select(usage).where(usage.c.seq > marks[usage.name])
    for row in (await connection.execute(calls)).mappings():
        if row["transfer_id"] is None:
            found.credits[row["wallet_id"]] += row["debt_credits"] - row["credits"]
        found.credits[ledger.debt_account(row["wallet_id"])] += row["debt_credits"]
        found.carried[row["wallet_id"]] += row["cost_nano"] - row["credits"] * NANO
        for spender in ("key_id", "member_id"):
            found.spent[row[spender]] += row["cost_nano"]
    moved = sa.select(_transfer).where(
        _transfer.c.seq > marks[_transfer.name], _transfer.c.phase.in_(ledger.POSTED)
    )
    for row in (await connection.execute(moved)).mappings():
        for account, sign in ((row["credit_account"], 1), (row["debit_account"], -1)):
            # What a debt account is debited with, is owed.
            owed = -1 if account.startswith(ledger.DEBT_PREFIX) else 1
            found.credits[account] += sign * owed * row["amount"]
    return found


async def _purses(connection: AsyncConnection, newer: _Newer) -> list[Balance]:
    query = sa.select(wallet.c.id, wallet.c.balance, wallet.c.debt, wallet.c.carry_nano)
    return [
        Balance(
            kind=WALLET,
            id=row.id,
            credits=row.balance - newer.credits.get(row.id, 0),
            nano=row.carry_nano - newer.carried.get(row.id, 0),
            debt=row.debt - newer.credits.get(ledger.debt_account(row.id), 0),
        )
        for row in await connection.execute(query)
    ]


async def _spenders(connection: AsyncConnection, newer: _Newer) -> list[Balance]:
    made = []
    for kind, table in ((KEY, api_key), (MEMBER, member)):
        query = sa.select(table.c.id, table.c.spent, table.c.spent_nano)
        for row in await connection.execute(query):
            spent = row.spent * NANO + row.spent_nano - newer.spent.get(row.id, 0)
            whole, rest = divmod(spent, NANO)
            made.append(Balance(kind=kind, id=row.id, credits=whole, nano=rest))
    return made


async def _open_holds(
    connection: AsyncConnection, mark: int, since: Checkpoint | None
) -> list[Balance]:
    """Return the transfers that held something at a mark of the journal."""
    later = _transfer.alias("later")
    is_open = ~sa.exists().where(later.c.pending_id == _transfer.c.id, later.c.seq <= mark)
    held = sa.select(_transfer.c.id, _transfer.c.amount).where(
        _transfer.c.phase == ledger.PENDING, _transfer.c.seq <= mark, is_open
    )
    if since is None:
        asked = [held]
    else:
        were = sa.select(_base.c.id).where(_base.c.checkpoint_id == since.id, _base.c.kind == HOLD)
        begun = _transfer.c.seq > since.heads[_transfer.name].seq
        asked = [held.where(_transfer.c.id.in_(were)), held.where(begun)]
    return [
        Balance(kind=HOLD, id=row.id, credits=row.amount)
        for query in asked
        for row in await connection.execute(query)
    ]


def _record(row: sa.RowMapping) -> Checkpoint:
    values: dict[str, Any] = {**row, "heads": msgspec.convert(row["heads"], dict[str, Head])}
    return Checkpoint(**values)
