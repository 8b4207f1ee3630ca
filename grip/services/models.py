"""Models: what customers can call, and the versions of their prices.

Every change bumps the catalog and leaves its audit row in one transaction. A price is never
changed: another one is a new version that holds from now on, and old usage keeps its own.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from grip.clock import to_iso
from grip.errors import NotFound
from grip.money.pricing import Rates
from grip.services import changes, prices
from grip.services.context import Context
from grip.services.model_checks import check, check_removable
from grip.store import audit, catalog, models
from grip.store.engine import Connection
from grip.store.records import Model, Price

_NO_RATES: Mapping[str, int | None] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A model to be: without a price of its own it is refused before dispatch; 0 is a price."""

    name: str
    type: str
    enabled: bool = True
    max_input: int | None = None
    max_output: int | None = None
    reasoning: bool = False
    groups: list[str] = field(default_factory=lambda: ["default"])
    aliases: list[str] = field(default_factory=list)
    fallbacks: list[str] = field(default_factory=list)
    sell: Rates = field(default_factory=Rates)
    buy: Rates = field(default_factory=Rates)


async def list_models(context: Context) -> list[Model]:
    """Return all models with the prices in force, newest first."""
    async with context.database.read() as connection:
        return await catalog.load_models(connection)


async def get(context: Context, ref: str) -> Model:
    """Return the model with this name or alias; raises NotFound."""
    return _found(await list_models(context), ref)


async def add(context: Context, draft: Draft, *, actor: str, reason: str = "") -> Model:
    """Add a model; raises InvalidRequest where it cannot be, Conflict where a name is taken."""
    values = {
        name: getattr(draft, name)
        for name in Draft.__dataclass_fields__
        if name not in {"sell", "buy"}
    }
    async with context.database.write() as connection:
        await catalog.bump(connection)
        others = await catalog.load_models(connection)
        added = check(Model(created_us=context.clock(), price=None, **values), others)
        await models.insert(connection, added)
        # A model that comes back must not come back at its old price.
        if draft.sell.named or draft.buy.named or await models.last_version(connection, added.name):
            added = await _priced(
                context, connection, added, sell=draft.sell, buy=draft.buy, actor=actor
            )
        await _record(
            context,
            connection,
            "model.add",
            added.name,
            before=None,
            after=added,
            actor=actor,
            reason=reason,
        )
    return added


async def change(
    context: Context,
    ref: str,
    fields: Mapping[str, Any],
    *,
    sell: Mapping[str, int | None] = _NO_RATES,
    buy: Mapping[str, int | None] = _NO_RATES,
    actor: str,
    reason: str = "",
) -> Model:
    """Change the fields of `Model` that `fields` names, and the rates that `sell` and `buy` name.

    Rates are nano-credits by the words of `prices.UNITS`, None takes one away, and those that are
    not named stay. Raises NotFound, InvalidRequest or Conflict.
    """
    async with context.database.write() as connection:
        await catalog.bump(connection)
        known = await catalog.load_models(connection)
        before = _found(known, ref)
        others = [model for model in known if model is not before]
        after = check(dataclasses.replace(before, **fields), others)
        await models.update(connection, after)
        pay = prices.merged(sell_of(before), sell)
        cost = prices.merged(buy_of(before), buy)
        if (pay, cost) != (sell_of(before), buy_of(before)):
            after = await _priced(context, connection, after, sell=pay, buy=cost, actor=actor)
        if after != before:
            action = _action(fields)
            await _record(
                context,
                connection,
                action,
                after.name,
                before=before,
                after=after,
                actor=actor,
                reason=reason,
            )
    return after


async def enable(context: Context, ref: str, *, actor: str, reason: str = "") -> Model:
    """Offer the model; raises NotFound."""
    return await change(context, ref, {"enabled": True}, actor=actor, reason=reason)


async def disable(context: Context, ref: str, *, actor: str, reason: str = "") -> Model:
    """Offer the model no longer; raises NotFound."""
    return await change(context, ref, {"enabled": False}, actor=actor, reason=reason)


async def remove(context: Context, ref: str, *, actor: str, reason: str = "") -> Model:
    """Take the model away, but for the versions of its prices; return what it was.

    Raises NotFound, or Conflict where another model falls back to it.
    """
    async with context.database.write() as connection:
        await catalog.bump(connection)
        known = await catalog.load_models(connection)
        gone = _found(known, ref)
        check_removable(gone, known)
        await models.delete(connection, gone.name)
        await _record(
            context,
            connection,
            "model.remove",
            gone.name,
            before=gone,
            after=None,
            actor=actor,
            reason=reason,
        )
    return gone


def sell_of(model: Model) -> Rates:
    """Return what customers pay for the model; nothing is named where it has no price."""
    return Rates() if model.price is None else model.price.sell


def buy_of(model: Model) -> Rates:
    """Return what the operator pays for the model, unless a channel says otherwise."""
    return Rates() if model.price is None else model.price.buy


def describe(model: Model) -> dict[str, Any]:
    """Return the model as JSON knows it; prices in US dollars, null is no price or no ceiling."""
    price = model.price
    return {
        "name": model.name,
        "type": model.type,
        "enabled": model.enabled,
        "priced": model.is_priced,
        **prices.shown(sell_of(model)),
        **prices.shown(buy_of(model), prices.BUY),
        "version": None if price is None else price.version,
        "valid_from": None if price is None else to_iso(price.valid_from_us),
        "groups": model.groups,
        "aliases": model.aliases,
        "fallbacks": model.fallbacks,
        "max_input": model.max_input,
        "max_output": model.max_output,
        "reasoning": model.reasoning,
        "created_at": to_iso(model.created_us),
    }


async def _priced(
    context: Context,
    connection: Connection,
    model: Model,
    *,
    sell: Rates,
    buy: Rates,
    actor: str,
) -> Model:
    price = Price(
        id=context.new_id("price"),
        model=model.name,
        version=await models.last_version(connection, model.name) + 1,
        valid_from_us=context.clock(),
        actor=actor,
        sell=sell,
        buy=buy,
    )
    await models.insert_price(connection, price)
    return dataclasses.replace(model, price=price)


def _found(known: list[Model], ref: str) -> Model:
    for model in known:
        if ref == model.name or ref in model.aliases:
            return model
    raise NotFound(f"there is no model {ref!r}; see: grip models list", param="model")


def _action(fields: Mapping[str, Any]) -> str:
    if "enabled" not in fields:
        return "model.set"
    return "model.enable" if fields["enabled"] else "model.disable"


async def _record(
    context: Context,
    connection: Connection,
    action: str,
    subject: str,
    *,
    before: Model | None,
    after: Model | None,
    actor: str,
    reason: str,
) -> None:
    old, new = changes.differing(
        None if before is None else describe(before), None if after is None else describe(after)
    )
    await audit.append(
        connection,
        at_us=context.clock(),
        actor=actor,
        action=action,
        subject=subject,
        before=old,
        after=new,
        reason=reason,
    )
