"""What channels take for models: the operator's buy price, where it is not the model's own.

Every change bumps the catalog and leaves its audit row in one transaction; usage keeps the buy
cost that it was charged beside.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grip.money.pricing import Rates
from grip.services import channels, models, prices
from grip.services.context import Context
from grip.store import audit, catalog
from grip.store import channels as store
from grip.store.records import Channel, Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What `channel` takes for `model`: its own rates, else those of the model."""

    channel: Channel
    model: Model
    own: Rates | None

    @property
    def rates(self) -> Rates:
        """What holds."""
        return models.buy_of(self.model) if self.own is None else self.own


async def get(context: Context, channel_ref: str, model_ref: str) -> Cost:
    """Return what the channel takes for the model; raises NotFound."""
    channel = await channels.get(context, channel_ref)
    model = await models.get(context, model_ref)
    async with context.database.read() as connection:
        own = await store.cost(connection, channel.id, model.name)
    return Cost(channel=channel, model=model, own=own)


async def change(
    context: Context,
    channel_ref: str,
    model_ref: str,
    rates: Mapping[str, int | None],
    *,
    actor: str,
    reason: str = "",
) -> Cost:
    """Change the rates that `rates` names, by the words of `prices.UNITS`; return what holds then.

    None takes one away; a channel that names none any more takes what the model costs. Raises
    NotFound.
    """
    channel = await channels.get(context, channel_ref)
    model = await models.get(context, model_ref)
    async with context.database.write() as connection:
        await catalog.bump(connection)
        before = await store.cost(connection, channel.id, model.name)
        named = prices.merged(before or Rates(), rates)
        after = named if named.named else None
        if after != before:
            await store.put_cost(connection, channel.id, model.name, named)
            await audit.append(
                connection,
                at_us=context.clock(),
                actor=actor,
                action="channel.cost",
                subject=channel.id,
                before=_kept(model, before),
                after=_kept(model, after),
                reason=reason,
            )
    return Cost(channel=channel, model=model, own=after)


def describe(cost: Cost) -> dict[str, Any]:
    """Return it as JSON knows it: prices in US dollars, and whether they are the channel's own."""
    return {
        "channel": cost.channel.name,
        "model": cost.model.name,
        "own": cost.own is not None,
        **prices.shown(cost.rates),
    }


def _kept(model: Model, rates: Rates | None) -> dict[str, Any] | None:
    return None if rates is None else {"model": model.name, **prices.shown(rates)}
