"""Blocks of the hash chain, and the rows of the journals as they are hashed.

Owns which columns a format hashes, and in which order. Refuses to know how they are hashed: that is
`services/chain.py`, and docs/provable-books.md has it in words.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store import marks, rows
from grip.store.columns import Json, Text
from grip.store.tables import chain_block, metadata

PAGE_ROWS: Final = 4_000
FORMAT: Final = 1
"""What new blocks are hashed by."""

BEGINNING: Final = "0" * 64
"""What stands for the hash before the first."""

USAGE: Final = "usage"
TRANSFERS: Final = "ledger_transfer"
AUDIT: Final = "audit"
JOURNALS: Final = (USAGE, TRANSFERS, AUDIT)

_USAGE: Final = (
    *("seq", "request_id", "created_us", "wallet_id", "key_id", "member_id", "key_name"),
    *("endpoint", "model", "provider", "channel_id", "channel", "upstream_model", "upstream_id"),
    *("ip", "region", "status", "estimated", "price_id", "input_tokens", "output_tokens"),
    *("cached_input_tokens", "cache_write_tokens", "images", "seconds", "characters"),
    *("buy_cost_nano", "attempts", "latency_ms", "first_byte_ms", "hold_credits", "cost_nano"),
    *("carry_before", "carry_after", "credits", "debt_credits", "balance_after", "transfer_id"),
)
_TRANSFER: Final = (
    *("seq", "id", "group_id", "kind", "phase", "debit_account", "credit_account", "amount"),
    *("pending_id", "idem_key", "fingerprint", "wallet_id", "actor", "reason", "created_us"),
)
_AUDIT: Final = ("seq", "at_us", "actor", "action", "subject", "before", "after", "reason")

COLUMNS: Final[Mapping[int, Mapping[str, tuple[str, ...]]]] = {
    1: {USAGE: _USAGE, TRANSFERS: _TRANSFER, AUDIT: _AUDIT},
}
"""The columns of each journal by format. A format never changes: a new column makes a new one."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows of a journal that were closed together; `digests` has a few bytes of each row's hash."""

    journal: str
    number: int
    format: int
    first_seq: int
    last_seq: int
    row_count: int
    previous: str
    hash: str
    digests: bytes
    closed_us: int


async def stable(connection: AsyncConnection, journal: str) -> int:
    """Return the `seq` up to which blocks of a journal can be closed (`marks.stable`)."""
    return await marks.stable(connection, metadata.tables[journal])


async def last(connection: AsyncConnection, journal: str) -> Block | None:
    """Return the newest block of a journal, None before the first."""
    query = (
        sa.select(chain_block)
        .where(chain_block.c.journal == journal)
        .order_by(chain_block.c.number.desc())
        .limit(1)
    )
    found = (await connection.execute(query)).mappings().one_or_none()
    return None if found is None else rows.record(Block, found)


async def hash_of(connection: AsyncConnection, journal: str, number: int) -> str | None:
    """Return the hash of a block, None where there is none of this number."""
    query = sa.select(chain_block.c.hash).where(
        chain_block.c.journal == journal, chain_block.c.number == number
    )
    return (await connection.execute(query)).scalar_one_or_none()


async def blocks(connection: AsyncConnection, journal: str, after: int = 0) -> AsyncIterator[Block]:
    """Yield the blocks of a journal whose number is larger, in their order."""
    query = sa.select(chain_block).where(chain_block.c.journal == journal)
    while True:
        page = query.where(chain_block.c.number > after).order_by(chain_block.c.number).limit(50)
        found = (await connection.execute(page)).mappings().all()
        if not found:
            return
        after = found[-1]["number"]
        for row in found:
            yield rows.record(Block, row)


async def append(connection: AsyncConnection, block: Block) -> bool:
    """Write a block; False where another node was first, and nothing was written."""
    values = {name: getattr(block, name) for name in Block.__dataclass_fields__}
    try:
        async with connection.begin_nested():
            await connection.execute(sa.insert(chain_block).values(values))
    except sa.exc.IntegrityError:
        return False
    return True


async def pages(
    connection: AsyncConnection, journal: str, *, format_: int, after: int | None, until: int
) -> AsyncIterator[list[Row]]:
    """Yield rows whose `seq` is larger than `after` and at most `until`, as they are hashed.

    Without `after` it begins with the smallest that there is. JSON stays the text that it is.
    """
    table = metadata.tables[journal]
    columns = [_stored(table.c[name]) for name in COLUMNS[format_][journal]]
    query = sa.select(*columns).where(table.c.seq <= until).order_by(table.c.seq).limit(PAGE_ROWS)
    while True:
        page = query if after is None else query.where(table.c.seq > after)
        found = [tuple(row) for row in await connection.execute(page)]
        if found:
            yield found
        if len(found) < PAGE_ROWS:
            return
        after = found[-1][0]


async def pending(connection: AsyncConnection, journal: str) -> int:
    """Return how many rows of a journal no block has closed yet."""
    head = await last(connection, journal)
    table = metadata.tables[journal]
    query = sa.select(sa.func.count()).select_from(table)
    if head is not None:
        query = query.where(table.c.seq > head.last_seq)
    return int((await connection.execute(query)).scalar_one())


def _stored(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return a column as what is stored of it: an integer, or text."""
    return sa.type_coerce(column, Text) if isinstance(column.type, Json) else column
