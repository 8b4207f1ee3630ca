"""The rows of `channel_health`: which channel is or was sick with which of its models."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store.tables import channel, channel_health


@dataclass(frozen=True, slots=True, kw_only=True)
class Ailment:
    """What is wrong with a channel's model, or was: since when, why, and until when it rests.

    `level` counts relapses, `changed_us` is when this was found out.
    """

    channel_id: str
    model: str
    is_sick: bool
    reason: str
    since_us: int
    until_us: int
    level: int
    changed_us: int

    def until(self, until_us: int) -> "Ailment":
        """Return the same with another end of its rest."""
        return replace(self, until_us=until_us)

    def over(self, now_us: int) -> "Ailment":
        """Return that it is over."""
        return replace(self, is_sick=False, since_us=now_us, until_us=0, changed_us=now_us)


async def load(connection: AsyncConnection) -> list[Ailment]:
    """Return all that is known."""
    found = (await connection.execute(sa.select(channel_health))).mappings()
    return [Ailment(**{**row, "is_sick": bool(row["is_sick"])}) for row in found]


async def put(connection: AsyncConnection, ailment: Ailment) -> None:
    """Write what was found out, unless something later is there."""
    names = Ailment.__dataclass_fields__
    values: dict[str, Any] = {name: getattr(ailment, name) for name in names}
    values["is_sick"] = int(ailment.is_sick)
    insert: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(channel_health).values(values)
    later = channel_health.c.changed_us < statement.excluded.changed_us
    keys = ("channel_id", "model")
    changes = {name: statement.excluded[name] for name in names if name not in keys}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=changes, where=later)
    )


async def claim(
    connection: AsyncConnection, ailment: Ailment, *, now_us: int, until_us: int
) -> bool:
    """Take it on oneself to try what has rested, until then; return whether nobody else did."""
    rested = sa.and_(
        channel_health.c.channel_id == ailment.channel_id,
        channel_health.c.model == ailment.model,
        channel_health.c.is_sick == 1,
        channel_health.c.changed_us == ailment.changed_us,
        channel_health.c.until_us <= now_us,
    )
    done = await connection.execute(
        sa.update(channel_health).where(rested).values(until_us=until_us)
    )
    return done.rowcount == 1


async def end(
    connection: AsyncConnection,
    channel_id: str,
    now_us: int,
    *,
    model: str | None = None,
    also: Collection[str] = (),
) -> int:
    """Note that whatever the channel was sick with is over; return how many ailments that were.

    With a model, what it was sick with for that one, and for one of the reasons in `also`.
    """
    sick = sa.and_(channel_health.c.channel_id == channel_id, channel_health.c.is_sick == 1)
    if model is not None:
        proven = (channel_health.c.model == model, channel_health.c.reason.in_(also))
        sick = sa.and_(sick, sa.or_(*proven))
    well = {"is_sick": 0, "since_us": now_us, "until_us": 0, "changed_us": now_us}
    done = await connection.execute(sa.update(channel_health).where(sick).values(well))
    return done.rowcount


async def forget(connection: AsyncConnection, before_us: int, limit: int) -> int:
    """Delete what has been over since then, and what is of no channel; return how many.

    Calls that were under way when a channel was removed may have told of it after that. It takes
    `limit` of them at the most; the next time takes the others.
    """
    rows = channel_health.c
    is_over = sa.and_(rows.is_sick == 0, rows.changed_us < before_us)
    is_past = sa.or_(is_over, rows.channel_id.not_in(sa.select(channel.c.id)))
    chosen = sa.select(rows.channel_id, rows.model).where(is_past).limit(limit)
    # The condition stands twice: who falls sick meanwhile is no longer past.
    gone = sa.delete(channel_health).where(
        is_past, sa.tuple_(rows.channel_id, rows.model).in_(chosen)
    )
    return (await connection.execute(gone)).rowcount
