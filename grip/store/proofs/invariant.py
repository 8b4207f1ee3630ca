"""What a rule of the books is: a query that finds only what breaks it, and how that is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store.columns import Int
from grip.store.tables import checkpoint_balance

SHOWN_MAX = 20
"""Violations told of one invariant; beyond them only their number is."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule: its stable name, the query for what breaks it, and the sentence for each row."""

    name: str
    query: sa.Select[Any]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """A checkpoint to go on from: its id, and the last `seq` that it covers of each journal."""

    checkpoint_id: str
    marks: Mapping[str, int]


def newer(table: sa.Table, since: Since | None) -> list[sa.ColumnElement[bool]]:
    """Return what picks the rows of a journal that are to be checked: all of them for None."""
    return [] if since is None else [table.c.seq > since.marks[table.name]]


async def violations(connection: AsyncConnection, invariant: Invariant) -> tuple[list[str], int]:
    """Return sentences on what breaks `invariant`, at most `SHOWN_MAX`, and how many there are."""
    found = await connection.execute(invariant.query.limit(SHOWN_MAX))
    shown = [invariant.sentence.format_map(row) for row in found.mappings()]
    if len(shown) < SHOWN_MAX:
        return shown, len(shown)
    counted = sa.select(sa.func.count()).select_from(invariant.query.subquery())
    return shown, (await connection.execute(counted)).scalar_one()


def total(value: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """Return the sum, 0 of nothing; cast, since PostgreSQL sums to fractions' type."""
    return sa.func.coalesce(sa.cast(sa.func.sum(value), Int), 0)


def then(since: Since | None, kind: str, *columns: sa.ColumnElement[Any]) -> list[sa.Select[Any]]:
    """Return the query for what a checkpoint says of accounts of one kind; none without one."""
    if since is None:
        return []
    return [
        sa.select(*columns).where(
            checkpoint_balance.c.checkpoint_id == since.checkpoint_id,
            checkpoint_balance.c.kind == kind,
        )
    ]
