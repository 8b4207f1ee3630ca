"""Models, prices and channels as one snapshot, and the version that says whether it still holds.

Every change to them bumps `catalog.version` in its own transaction, so that an admission which
was estimated on an older snapshot is recognised.
"""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip import errors
from grip.store import rows
from grip.store.records import Catalog, Channel, Model, Price
from grip.store.tables import catalog, channel, channel_cost, model, model_alias, price


async def bump(connection: AsyncConnection) -> None:
    """Mark the catalog as changed; serialises its writers."""
    done = await connection.execute(sa.update(catalog).values(version=catalog.c.version + 1))
    if done.rowcount != 1:
        raise errors.BooksBroken("the catalog has no version row; restore the database")


async def load(connection: AsyncConnection) -> Catalog:
    """Return the catalog as it stands now.

    The version is read first: what changes while the rest is read makes the snapshot newer than
    its version says, which costs a reload and never a stale answer.
    """
    version = (await connection.execute(sa.select(catalog.c.version))).scalar_one()
    aliases = await _aliases(connection)
    models = await load_models(connection)
    found = (await connection.execute(sa.select(channel).order_by(channel.c.id))).mappings()
    channels = [rows.record(Channel, row) for row in found]
    costs = {
        (row[channel_cost.c.channel_id], row[channel_cost.c.model]): rows.rates(row, channel_cost)
        for row in (await connection.execute(sa.select(channel_cost))).mappings()
    }
    return Catalog(
        version=version,
        models={item.name: item for item in models},
        aliases=aliases,
        channels=tuple(item for item in channels if item.enabled),
        disabled=tuple(item for item in channels if not item.enabled),
        costs=costs,
    )


async def load_models(connection: AsyncConnection) -> list[Model]:
    """Return all models with their aliases and the price in force, newest first."""
    aliases = await _aliases(connection)
    prices = await _prices(connection)
    query = sa.select(model).order_by(model.c.created_us.desc(), model.c.name)
    found = (await connection.execute(query)).mappings()
    return [
        rows.record(
            Model,
            {
                **row,
                "aliases": sorted(a for a, name in aliases.items() if name == row["name"]),
                "price": prices.get(row["name"]),
            },
        )
        for row in found
    ]


async def _aliases(connection: AsyncConnection) -> dict[str, str]:
    found = await connection.execute(sa.select(model_alias.c.alias, model_alias.c.model))
    return {row.alias: row.model for row in found}


async def _prices(connection: AsyncConnection) -> dict[str, Price]:
    newest = sa.select(sa.func.max(price.c.seq)).group_by(price.c.model)
    found = (await connection.execute(sa.select(price).where(price.c.seq.in_(newest)))).mappings()
    return {row[price.c.model]: rows.price_record(row) for row in found}
