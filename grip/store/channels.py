"""The rows of `channel`. Every writer bumps the catalog in the same transaction."""

import dataclasses
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.money.pricing import Rates
from grip.store import rows
from grip.store.records import Channel
from grip.store.tables import channel, channel_cost, channel_health


async def load(connection: AsyncConnection) -> list[Channel]:
    """Return all channels, enabled or not, newest first."""
    query = sa.select(channel).order_by(channel.c.created_us.desc(), channel.c.id.desc())
    found = (await connection.execute(query)).mappings()
    return [rows.record(Channel, row) for row in found]


async def find(connection: AsyncConnection, ref: str) -> Channel | None:
    """Return the channel with this id or name; no name looks like an id."""
    query = sa.select(channel).where(sa.or_(channel.c.id == ref, channel.c.name == ref))
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else rows.record(Channel, row)


async def insert(connection: AsyncConnection, added: Channel) -> None:
    """Write a new channel."""
    await connection.execute(sa.insert(channel).values(_values(added)))


async def update(connection: AsyncConnection, changed: Channel) -> None:
    """Write all values of a channel over those of its row."""
    where = channel.c.id == changed.id
    await connection.execute(sa.update(channel).where(where).values(_values(changed)))


async def cost(connection: AsyncConnection, channel_id: str, model: str) -> Rates | None:
    """Return what the channel takes for the model; None where that is what the model costs."""
    query = sa.select(channel_cost).where(_of(channel_id, model))
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else rows.rates(row, channel_cost)


async def costs(connection: AsyncConnection, channel_id: str) -> dict[str, Rates]:
    """Return what the channel takes, by the names of the models where that is its own."""
    query = sa.select(channel_cost).where(channel_cost.c.channel_id == channel_id)
    found = (await connection.execute(query.order_by(channel_cost.c.model))).mappings()
    return {row["model"]: rows.rates(row, channel_cost) for row in found}


async def put_cost(connection: AsyncConnection, channel_id: str, model: str, rates: Rates) -> None:
    """Write what the channel takes for the model; rates without a name take the row away."""
    await connection.execute(sa.delete(channel_cost).where(_of(channel_id, model)))
    if rates.named:
        values = {"channel_id": channel_id, "model": model, **dataclasses.asdict(rates)}
        await connection.execute(sa.insert(channel_cost).values(values))


async def delete(connection: AsyncConnection, channel_id: str) -> None:
    """Take a channel away; what it served stays in the books under its name."""
    for beside in (channel_cost, channel_health):
        await connection.execute(sa.delete(beside).where(beside.c.channel_id == channel_id))
    await connection.execute(sa.delete(channel).where(channel.c.id == channel_id))


def _of(channel_id: str, model: str) -> sa.ColumnElement[bool]:
    return sa.and_(channel_cost.c.channel_id == channel_id, channel_cost.c.model == model)


def _values(item: Channel) -> dict[str, Any]:
    return {**dataclasses.asdict(item), "enabled": int(item.enabled), "drains": int(item.drains)}
