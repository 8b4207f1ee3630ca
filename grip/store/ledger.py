"""The journal of transfers: appended to, summed and read, never changed."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip import errors
from grip.money import ledger
from grip.store import rows
from grip.store.columns import Int
from grip.store.records import Transfer
from grip.store.tables import ledger_transfer, usage

_POSTED = ledger_transfer.c.phase.in_(ledger.POSTED)
PAGE_ROWS = 2_000


async def append(connection: AsyncConnection, transfers: Sequence[ledger.Transfer]) -> None:
    """Write the transfers of one effect; BooksBroken where the effect is in the journal already."""
    values = [{**asdict(transfer), "fingerprint": transfer.fingerprint} for transfer in transfers]
    try:
        await connection.execute(sa.insert(ledger_transfer), values)
    except sa.exc.IntegrityError as error:
        keys = ", ".join(transfer.idem_key for transfer in transfers)
        raise errors.BooksBroken(f"the journal refuses {keys}: {error.orig}") from error


async def find(connection: AsyncConnection, transfer_id: str) -> ledger.Transfer | None:
    """Return a transfer, None where the journal has none of this id."""
    query = sa.select(ledger_transfer).where(ledger_transfer.c.id == transfer_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else rows.record(ledger.Transfer, row)


async def latest_us(connection: AsyncConnection, wallet_id: str) -> int:
    """Return the time of the newest row that changed a locked wallet, 0 where there is none."""
    latest = 0
    for table in (ledger_transfer, usage):
        newest = (
            sa.select(table.c.created_us)
            .where(table.c.wallet_id == wallet_id)
            .order_by(table.c.seq.desc())
            .limit(1)
        )
        latest = max(latest, (await connection.execute(newest)).scalar_one_or_none() or 0)
    return latest


async def has_newer(
    connection: AsyncConnection, wallet_id: str, before_us: int | None, seqs: Mapping[str, int]
) -> bool:
    """Whether a wallet has a row from before that time behind one of these, by their journals."""
    for table in (ledger_transfer, usage):
        found = sa.select(table.c.seq).where(
            table.c.wallet_id == wallet_id, table.c.seq > seqs[table.name]
        )
        if before_us is not None:
            found = found.where(table.c.created_us < before_us)
        if (await connection.execute(found.limit(1))).first() is not None:
            return True
    return False


async def posted_on_account(
    connection: AsyncConnection, from_us: int, to_us: int
) -> list[tuple[str, int]]:
    """Return for each wallet the credits that were posted on account at [from, to), net."""
    amount = ledger_transfer.c.amount
    given = ledger_transfer.c.debit_account == ledger.RECEIVABLE
    taken = ledger_transfer.c.credit_account == ledger.RECEIVABLE
    net = sa.func.sum(sa.case((given, amount), else_=-amount))
    query = (
        sa.select(ledger_transfer.c.wallet_id, net)
        .where(sa.or_(given, taken), _POSTED, *_between(from_us, to_us))
        .group_by(ledger_transfer.c.wallet_id)
        .order_by(ledger_transfer.c.wallet_id)
    )
    return [(row[0], int(row[1])) for row in await connection.execute(query)]


async def moved_since(connection: AsyncConnection, wallet_id: str, at_us: int) -> int:
    """Return by how much transfers have moved a wallet's balance from the time `at_us` on."""
    moved = sa.select(sa.func.coalesce(sa.func.sum(_signed(wallet_id)), 0)).where(
        _of(wallet_id), ledger_transfer.c.created_us >= at_us
    )
    return int((await connection.execute(moved)).scalar_one())


async def window(
    connection: AsyncConnection, wallet_id: str, from_us: int | None, to_us: int | None
) -> list[Transfer]:
    """Return the transfers that moved a wallet's balance at [from, to), oldest first."""
    query = sa.select(ledger_transfer).where(_of(wallet_id), *_between(from_us, to_us))
    query = query.order_by(ledger_transfer.c.created_us, ledger_transfer.c.seq)
    return [rows.record(Transfer, row) for row in (await connection.execute(query)).mappings()]


async def pages(
    connection: AsyncConnection, after: int | None = None
) -> AsyncIterator[list[tuple[ledger.Transfer, str]]]:
    """Yield the journal, oldest first, each transfer with the fingerprint on its row.

    `after` is a `seq`: only what came later is yielded.
    """
    query = sa.select(ledger_transfer).order_by(ledger_transfer.c.seq).limit(PAGE_ROWS)
    while True:
        page = query if after is None else query.where(ledger_transfer.c.seq > after)
        found = (await connection.execute(page)).mappings().all()
        if not found:
            return
        after = found[-1]["seq"]
        yield [(rows.record(ledger.Transfer, row), row["fingerprint"]) for row in found]


def _of(wallet_id: str) -> sa.ColumnElement[bool]:
    """Whether a transfer is in the wallet's part of the journal and moves its balance."""
    return sa.and_(
        ledger_transfer.c.wallet_id == wallet_id,
        _POSTED,
        sa.or_(
            ledger_transfer.c.credit_account == wallet_id,
            ledger_transfer.c.debit_account == wallet_id,
        ),
    )


def _signed(wallet_id: str) -> sa.ColumnElement[int]:
    credited = ledger_transfer.c.credit_account == wallet_id
    return sa.cast(
        sa.case((credited, ledger_transfer.c.amount), else_=-ledger_transfer.c.amount), Int
    )


def _between(from_us: int | None, to_us: int | None) -> list[sa.ColumnElement[Any]]:
    bounds: list[sa.ColumnElement[Any]] = []
    if from_us is not None:
        bounds.append(ledger_transfer.c.created_us >= from_us)
    if to_us is not None:
        bounds.append(ledger_transfer.c.created_us < to_us)
    return bounds
