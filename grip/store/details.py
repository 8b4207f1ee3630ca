"""The rows of `detail` and `detail_route`, beside the request path: read, and wiped.

They are written by `detail_writers.py`. Content is kept as its bytes, cut (`CUT`), compressed with
zlib (`PACKED`), both or neither.
"""

import itertools
import zlib
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store import traces
from grip.store.tables import detail, detail_route, usage

CUT: Final = 1
PACKED: Final = 2

_PAGE_BYTES: Final = 4 * 1024 * 1024
"""Of content, deleted in one transaction: some 40 ms on SQLite."""

Place = tuple[int, str]
"""Where a detail stands among all: its time, then its request id."""


class Side(NamedTuple):
    """One side of a call's content: its bytes, its size as it was, and how it is kept.

    `data` is None where nothing is kept of it.
    """

    data: bytes | None = None
    size: int | None = None
    form: int = 0

    @property
    def is_cut(self) -> bool:
        """Whether there was more."""
        return bool(self.form & CUT)

    @property
    def text(self) -> str | None:
        """The content as it reads."""
        if self.data is None:
            return None
        return (zlib.decompress(self.data) if self.form & PACKED else self.data).decode(
            errors="replace"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """How one call went, and its content as far as it was kept."""

    request_id: str
    created_us: int
    wallet_id: str
    key_id: str
    route_id: str | None
    trace: traces.Trace
    request: Side
    response: Side
    redacted_us: int | None

    @property
    def has_content(self) -> bool:
        """Whether there is any to be read."""
        return self.request.data is not None or self.response.data is not None


async def find(connection: AsyncConnection, request_id: str) -> Detail | None:
    """Return the detail of a call, None where there is none."""
    query = sa.select(detail).where(detail.c.request_id == request_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    return Detail(
        request_id=row["request_id"],
        created_us=row["created_us"],
        wallet_id=row["wallet_id"],
        key_id=row["key_id"],
        route_id=row["route_id"],
        trace=traces.read_trace(row["trace"]),
        request=Side(row["request"], row["request_bytes"], row["request_form"]),
        response=Side(row["response"], row["response_bytes"], row["response_form"]),
        redacted_us=row["redacted_us"],
    )


async def route(connection: AsyncConnection, route_id: str) -> traces.RouteTold | None:
    """Return what a route tells, None where it has gone."""
    query = sa.select(detail_route.c.told).where(detail_route.c.id == route_id)
    told = (await connection.execute(query)).scalar_one_or_none()
    return None if told is None else traces.read_route(told)


async def redact(
    connection: AsyncConnection,
    *,
    now_us: int,
    request_id: str | None = None,
    wallet_id: str | None = None,
    from_us: int | None = None,
    to_us: int | None = None,
    after: str = "",
    limit: int = 1,
) -> list[str]:
    """Wipe the content of one call, or of a wallet's at [from, to); return which ones.

    At most `limit` of them, in the order of their ids, those behind `after`; none twice.
    """
    query = (
        sa.select(detail.c.request_id, detail.c.trace)
        .where(detail.c.redacted_us.is_(None), detail.c.request_id > after)
        .where(*_chosen(request_id, wallet_id, from_us, to_us))
        .order_by(detail.c.request_id)
        .limit(limit)
    )
    if connection.dialect.name == "sqlite":
        # Else what was deleted stays in the file until something else is written over it.
        await connection.exec_driver_sql("PRAGMA secure_delete = ON")
    else:
        query = query.with_for_update()
    found = (await connection.execute(query)).all()
    for row in found:
        wiped = {"request": None, "response": None, "request_form": 0, "response_form": 0}
        await connection.execute(
            sa.update(detail)
            .where(detail.c.request_id == row.request_id)
            .values(**wiped, redacted_us=now_us, trace=traces.silenced(row.trace))
        )
    return [row.request_id for row in found]


async def oldest_us(connection: AsyncConnection) -> int | None:
    """Return the time of the oldest call that has a detail, None where none has."""
    query = sa.select(sa.func.min(detail.c.created_us))
    found: int | None = (await connection.execute(query)).scalar_one()
    return found


async def newest_us(connection: AsyncConnection, after_us: int, until_us: int) -> int | None:
    """Return the time of the newest call at (after, until], None where there was none."""
    within = detail.c.created_us > after_us, detail.c.created_us <= until_us
    query = sa.select(sa.func.max(detail.c.created_us)).where(*within)
    found: int | None = (await connection.execute(query)).scalar_one()
    return found


async def count(connection: AsyncConnection, before_us: int) -> int:
    """Return how many details there are of calls from before then."""
    query = sa.select(sa.func.count()).select_from(detail).where(detail.c.created_us < before_us)
    return int((await connection.execute(query)).scalar_one())


async def page(
    connection: AsyncConnection, from_us: int, to_us: int, *, after: Place | None, limit: int
) -> list[Place]:
    """Return where calls of [from, to) stand, in the order of their times, those behind `after`.

    At most `limit` of them, and so few that to delete them holds up nobody (`_PAGE_BYTES`).
    """
    places = (detail.c.created_us, detail.c.request_id)
    begin_us = from_us if after is None else after[0]
    query = sa.select(*places, _size().label("size")).where(
        detail.c.created_us >= begin_us, detail.c.created_us < to_us
    )
    if after is not None:
        query = query.where(sa.tuple_(*places) > sa.tuple_(*map(sa.literal, after)))
    found = (await connection.execute(query.order_by(*places).limit(limit))).all()
    sizes = itertools.accumulate(row.size for row in found)
    fit = sum(size <= _PAGE_BYTES for size in sizes)
    return [(row.created_us, row.request_id) for row in found[: max(fit, 1)]]


async def delete(
    connection: AsyncConnection, chosen: list[Place], *, proven_us: int, proven_seq: int
) -> int:
    """Delete these; return how many. Whose usage is not proven to be in the rollups stays.

    That is usage from `proven_us` on, and what has come behind `proven_seq`.
    """
    unproven = sa.exists().where(
        usage.c.request_id == detail.c.request_id,
        sa.or_(usage.c.created_us >= proven_us, usage.c.seq > proven_seq),
    )
    ids = [request_id for _, request_id in chosen]
    # Another node may delete the same ones: nobody waits, so that no two wait for each other.
    mine = (
        sa.select(detail.c.request_id)
        .where(detail.c.request_id.in_(ids), ~unproven)
        .with_for_update(skip_locked=True)
    )
    taken = list((await connection.execute(mine)).scalars())
    gone = sa.delete(detail).where(detail.c.request_id.in_(taken))
    return (await connection.execute(gone)).rowcount


async def delete_routes(connection: AsyncConnection, before_us: int, limit: int) -> int:
    """Delete routes that no call named since then, so many at the most; return how many."""
    old = detail_route.c.seen_us < before_us
    chosen = (
        sa.select(detail_route.c.id)
        .where(old)
        .order_by(detail_route.c.seen_us)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = sa.delete(detail_route).where(old, detail_route.c.id.in_(chosen))
    return (await connection.execute(gone)).rowcount


def _size() -> sa.ColumnElement[int]:
    """Return how many bytes of content a detail has; they are not read for it."""
    sides = (
        sa.func.coalesce(sa.func.length(side), 0) for side in (detail.c.request, detail.c.response)
    )
    return sum(sides, start=sa.literal(0))


def _chosen(
    request_id: str | None, wallet_id: str | None, from_us: int | None, to_us: int | None
) -> list[sa.ColumnElement[Any]]:
    conditions: list[sa.ColumnElement[Any]] = []
    if request_id is not None:
        conditions.append(detail.c.request_id == request_id)
    if wallet_id is not None:
        conditions.append(detail.c.wallet_id == wallet_id)
    if from_us is not None:
        conditions.append(detail.c.created_us >= from_us)
    if to_us is not None:
        conditions.append(detail.c.created_us < to_us)
    return conditions
