"""The rows of `model`, `model_alias` and `price`. Every writer bumps the catalog with them.

Prices are append-only: a change is a new version, and a removed model leaves its versions behind.
"""

import dataclasses
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.money.pricing import Rates
from grip.store import rows
from grip.store.records import Model, Price
from grip.store.tables import model, model_alias, price


async def insert(connection: AsyncConnection, added: Model) -> None:
    """Write a new model and its aliases; its price is written apart."""
    await connection.execute(sa.insert(model).values(_values(added)))
    await _write_aliases(connection, added)


async def update(connection: AsyncConnection, changed: Model) -> None:
    """Write all values and aliases of a model over those of its rows."""
    where = model.c.name == changed.name
    await connection.execute(sa.update(model).where(where).values(_values(changed)))
    await _delete_aliases(connection, changed.name)
    await _write_aliases(connection, changed)


async def delete(connection: AsyncConnection, name: str) -> None:
    """Take a model and its aliases away."""
    await _delete_aliases(connection, name)
    await connection.execute(sa.delete(model).where(model.c.name == name))


async def last_version(connection: AsyncConnection, name: str) -> int:
    """Return the newest version of the prices that a model of this name ever had, 0 for none."""
    query = sa.select(sa.func.max(price.c.version)).where(price.c.model == name)
    return (await connection.execute(query)).scalar_one() or 0


async def price_version(connection: AsyncConnection, price_id: str) -> Price | None:
    """Return a version of a model's prices by its id, None where there is none."""
    row = (await connection.execute(sa.select(price).where(price.c.id == price_id))).mappings()
    found = row.one_or_none()
    return None if found is None else rows.price_record(found)


async def insert_price(connection: AsyncConnection, added: Price) -> None:
    """Write a new version of a model's prices."""
    values = {
        "id": added.id,
        "model": added.model,
        "version": added.version,
        "valid_from_us": added.valid_from_us,
        "actor": added.actor,
        **_rates(added.sell),
        **_rates(added.buy, "cost_"),
    }
    await connection.execute(sa.insert(price).values(values))


async def _write_aliases(connection: AsyncConnection, owner: Model) -> None:
    if owner.aliases:
        aliases = [{"alias": alias, "model": owner.name} for alias in owner.aliases]
        await connection.execute(sa.insert(model_alias), aliases)


async def _delete_aliases(connection: AsyncConnection, name: str) -> None:
    await connection.execute(sa.delete(model_alias).where(model_alias.c.model == name))


def _values(item: Model) -> dict[str, Any]:
    return {
        "name": item.name,
        "type": item.type,
        "enabled": int(item.enabled),
        "max_input": item.max_input,
        "max_output": item.max_output,
        "reasoning": int(item.reasoning),
        "groups": item.groups,
        "fallbacks": item.fallbacks,
        "created_us": item.created_us,
    }


def _rates(rates: Rates, before: str = "") -> dict[str, int | None]:
    return {before + name: rate for name, rate in dataclasses.asdict(rates).items()}
