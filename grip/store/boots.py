"""Boots: the runs of worker processes, their heartbeats, and the holds of those that ended."""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.money.pricing import Rates
from grip.store import rows
from grip.store.schema import HEAD
from grip.store.tables import api_key, boot, holds, price

STOPPED: Final = "stopped"
"""The ending of a boot that has put all of its calls into the books."""

DEAD: Final = "dead"
"""The ending of a boot whose heartbeat stood still, or whose process was seen to be gone."""


SILENT_UNTIL: Final = "0018"
"""The last schema whose boots did not say what their code was made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A hold whose boot has ended; `sell` and `buy` are None where its price is not known."""

    request_id: str
    key_name: str
    endpoint: str
    model: str
    ip: str
    region: str
    price_id: str
    input_tokens: int
    admitted_us: int
    sell: Rates | None
    buy: Rates | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A boot that counts as living; `schema` is what its code was made for, where it says so."""

    id: str
    host: str
    beats: int
    schema: str | None


async def register(
    connection: AsyncConnection, boot_id: str, *, host: str, region: str, now_us: int
) -> None:
    """Note that a worker begins; no call may be admitted by it before."""
    values = {"id": boot_id, "host": host, "region": region, "started_us": now_us, "schema": HEAD}
    await connection.execute(sa.insert(boot).values(values))


async def beat(connection: AsyncConnection, boot_id: str) -> bool:
    """Count a heartbeat; return whether the boot still counts as living."""
    living = sa.and_(boot.c.id == boot_id, boot.c.ended_us.is_(None))
    done = await connection.execute(sa.update(boot).where(living).values(beats=boot.c.beats + 1))
    return done.rowcount == 1


async def end(
    connection: AsyncConnection, boot_id: str, ending: str, now_us: int, *, beats: int | None = None
) -> bool:
    """End a boot for good, if it has not moved beyond `beats`; return whether this ended it."""
    living = [boot.c.id == boot_id, boot.c.ended_us.is_(None)]
    if beats is not None:
        living.append(boot.c.beats == beats)
    change = sa.update(boot).where(*living).values(ended_us=now_us, ending=ending)
    return (await connection.execute(change)).rowcount == 1


async def living(connection: AsyncConnection) -> dict[str, int]:
    """Return the heartbeats of the boots that count as living, by their id."""
    query = sa.select(boot.c.id, boot.c.beats).where(boot.c.ended_us.is_(None))
    found = await connection.execute(query)
    return {row.id: row.beats for row in found}


async def living_nodes(connection: AsyncConnection) -> list[Node]:
    """Return the boots that count as living; on any schema there has been since there are boots."""
    known = await connection.run_sync(_columns_of_boot)
    if not known:
        return []
    says = boot.c.schema if "schema" in known else sa.null()
    query = sa.select(boot.c.id, boot.c.host, boot.c.beats, says.label("schema"))
    found = await connection.execute(query.where(boot.c.ended_us.is_(None)).order_by(boot.c.id))
    return [Node(id=row.id, host=row.host, beats=row.beats, schema=row.schema) for row in found]


def _columns_of_boot(connection: sa.Connection) -> set[str]:
    there = sa.inspect(connection)
    if not there.has_table("boot"):
        return set()
    return {column["name"] for column in there.get_columns("boot")}


async def other_hosts(connection: AsyncConnection, host: str) -> list[str]:
    """Return the hosts of boots that count as living, but for `host`."""
    query = sa.select(boot.c.host).where(boot.c.ended_us.is_(None), boot.c.host != host)
    return list((await connection.execute(query.distinct().order_by(boot.c.host))).scalars())


async def orphans(connection: AsyncConnection, limit: int) -> list[Orphan]:
    """Return holds of boots that have ended, the oldest first."""
    query = (
        sa.select(holds, api_key.c.name.label("key_name"), boot.c.region, price)
        .select_from(
            holds.join(boot, boot.c.id == holds.c.boot_id)
            .join(api_key, api_key.c.id == holds.c.key_id)
            .outerjoin(price, price.c.id == holds.c.price_id)
        )
        .where(boot.c.ended_us.is_not(None))
        .order_by(holds.c.request_id)
        .limit(limit)
    )
    return [_orphan(row) for row in (await connection.execute(query)).mappings()]


async def orphaned(connection: AsyncConnection) -> int:
    """Return how many holds there are of boots that have ended."""
    joined = holds.join(boot, boot.c.id == holds.c.boot_id)
    query = sa.select(sa.func.count()).select_from(joined).where(boot.c.ended_us.is_not(None))
    return int((await connection.execute(query)).scalar_one())


async def forget(connection: AsyncConnection, before_us: int) -> int:
    """Delete boots that ended before then and hold nothing; return how many."""
    held = sa.select(holds.c.boot_id)
    gone = sa.delete(boot).where(boot.c.ended_us < before_us, boot.c.id.not_in(held))
    return (await connection.execute(gone)).rowcount


def _orphan(row: sa.RowMapping) -> Orphan:
    known = None if row[price.c.id] is None else rows.price_record(row)
    return Orphan(
        request_id=row[holds.c.request_id],
        key_name=row["key_name"],
        endpoint=row[holds.c.endpoint],
        model=row[holds.c.model],
        ip=row[holds.c.ip],
        region=row[boot.c.region],
        price_id=row[holds.c.price_id],
        input_tokens=row[holds.c.input_tokens],
        admitted_us=row[holds.c.admitted_us],
        sell=None if known is None else known.sell,
        buy=None if known is None else known.buy,
    )
