"""Usage summed over days: what is rolled up, and the rows that are not yet.

Owns putting both together, so that a sum is right at every moment. Refuses to know names.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.money.amounts import NANO
from grip.store import rollups
from grip.store.proofs.invariant import total
from grip.store.tables import usage_day

COUNTS: Final = (
    "calls",
    "estimated",
    "input_tokens",
    "output_tokens",
    "images",
    "seconds",
    "characters",
    "unknown_buy",
)
_NANOS: Final = ("cost_credits", "cost_nano", "buy_credits", "buy_nano")
_END: Final = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What calls come to that have `key` in common; nano-credits are exact."""

    key: tuple[str, ...]
    counts: Mapping[str, int]
    cost_nano: int
    buy_nano: int


async def load(
    connection: AsyncConnection,
    by: Sequence[str],
    *,
    wallet_id: str | None = None,
    from_day: str | None = None,
    to_day: str | None = None,
) -> list[Sums]:
    """Return the sums of the days of [from, to) by these of a day's keys, or by its month.

    In a frozen transaction, or a row that is rolled up meanwhile counts twice.
    """
    found = await _rolled(connection, by, wallet_id, from_day, to_day)
    block = await rollups.last(connection)
    behind = 1 if block is None else block.last_seq + 1
    found += [
        {**group, "month": group["day"][:7]}
        for group in await rollups.sums(connection, behind, _END)
        if wallet_id in (None, group["wallet_id"])
        and (from_day is None or group["day"] >= from_day)
        and (to_day is None or group["day"] < to_day)
    ]
    groups: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for group in found:
        groups[tuple(group[name] for name in by)].append(group)
    return [_summed(key, every) for key, every in groups.items()]


async def _rolled(
    connection: AsyncConnection,
    by: Sequence[str],
    wallet_id: str | None,
    from_day: str | None,
    to_day: str | None,
) -> list[dict[str, Any]]:
    keys = [_column(name) for name in by]
    query = sa.select(
        *keys, *(total(usage_day.c[name]).label(name) for name in (*COUNTS, *_NANOS))
    ).group_by(*keys)
    if wallet_id is not None:
        query = query.where(usage_day.c.wallet_id == wallet_id)
    if from_day is not None:
        query = query.where(usage_day.c.day >= from_day)
    if to_day is not None:
        query = query.where(usage_day.c.day < to_day)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


def _column(name: str) -> sa.ColumnElement[Any]:
    if name == "month":
        return sa.func.substr(usage_day.c.day, 1, 7).label("month")
    return usage_day.c[name]


def _summed(key: tuple[str, ...], groups: Sequence[Mapping[str, Any]]) -> Sums:
    summed = {name: sum(group[name] for group in groups) for name in (*COUNTS, *_NANOS)}
    return Sums(
        key=key,
        counts={name: summed[name] for name in COUNTS},
        cost_nano=summed["cost_credits"] * NANO + summed["cost_nano"],
        buy_nano=summed["buy_credits"] * NANO + summed["buy_nano"],
    )
