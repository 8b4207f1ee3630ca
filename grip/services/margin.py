"""What was earned: revenue less buy cost, over the usage rows, exactly.

A call whose buy cost nobody named is counted apart: its revenue is no margin. Refuses to guess.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from grip.money.amounts import usd
from grip.services.context import Context
from grip.store import channels, margin, wallets
from grip.store.engine import Connection
from grip.store.margin import Sold

BY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"model": ("model",), "channel": ("channel_id", "channel"), "wallet": ("wallet_id",)}
)
"""What the margin is shown by, and the columns of usage rows that say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over calls in nano-credits; those whose buy cost is unknown are among the first two."""

    calls: int
    revenue_nano: int
    buy_cost_nano: int
    unknown_calls: int
    unknown_revenue_nano: int

    @property
    def margin_nano(self) -> int | None:
        """The revenue of calls of known buy cost, less that; None where there are no such."""
        if self.calls == self.unknown_calls:
            return None
        return self.revenue_nano - self.unknown_revenue_nano - self.buy_cost_nano

    @property
    def percent(self) -> str | None:
        """The margin in percent of its revenue; None where that is nothing.

        Rounded down to two decimals, so that no loss reads as zero.
        """
        revenue = self.revenue_nano - self.unknown_revenue_nano
        if self.margin_nano is None or revenue == 0:
            return None
        return f"{Decimal(self.margin_nano * 10_000 // revenue).scaleb(-2):f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """What was earned with one model, channel or wallet; `names` are its keys in JSON."""

    names: Mapping[str, str | None]
    totals: Totals


async def earned(
    context: Context, *, by: str = "model", from_us: int | None = None, to_us: int | None = None
) -> list[Margin]:
    """Return the margins at [from, to) by one of `BY`, the lowest first and the unknown last."""
    async with context.database.read() as connection:
        found = await margin.sold(connection, BY[by], from_us=from_us, to_us=to_us)
        names = await names_of(connection, by, found)
    groups: dict[str, list[Sold]] = defaultdict(list)
    for sold in found:
        groups[sold.key[0]].append(sold)
    margins = [Margin(names=names[key], totals=totals(group)) for key, group in groups.items()]
    return sorted(margins, key=lambda one: (*rank(one.totals), *map(str, one.names.values())))


async def names_of(
    connection: Connection, by: str, found: Iterable[Sold]
) -> dict[str, dict[str, str | None]]:
    """Return what to call each model, channel or wallet that `found` has for a first key."""
    if by == "model":
        return {sold.key[0]: {"model": sold.key[0]} for sold in found}
    if by == "wallet":
        owners = {wallet.id: wallet.owner for wallet in await wallets.load(connection)}
        return {
            sold.key[0]: {"wallet_id": sold.key[0], "owner": owners.get(sold.key[0])}
            for sold in found
        }
    # A channel that is no more has the name that it was charged under.
    today = {channel.id: channel.name for channel in await channels.load(connection)}
    return {
        channel_id: {"channel_id": channel_id, "channel": today.get(channel_id, name)}
        for channel_id, name in sorted(sold.key for sold in found)
    }


def totals(found: Iterable[Sold]) -> Totals:
    """Return the sums of these calls."""
    every = list(found)
    unknown = [sold for sold in every if sold.buy_cost_nano is None]
    return Totals(
        calls=sum(sold.calls for sold in every),
        revenue_nano=sum(sold.cost_nano for sold in every),
        buy_cost_nano=sum(sold.buy_cost_nano or 0 for sold in every),
        unknown_calls=sum(sold.calls for sold in unknown),
        unknown_revenue_nano=sum(sold.cost_nano for sold in unknown),
    )


def rank(found: Totals) -> tuple[bool, int]:
    """Return a sort key: the lowest margin first, the unknown last."""
    return found.margin_nano is None, found.margin_nano or 0


def describe(found: Margin) -> dict[str, Any]:
    """Return it as JSON knows it: nano-credits, and US dollars as exact decimals."""
    sums = found.totals
    return {
        **found.names,
        "calls": sums.calls,
        **money(sums),
        "buy_cost_nano": sums.buy_cost_nano,
        "buy_cost_usd": usd(sums.buy_cost_nano),
        "unknown_calls": sums.unknown_calls,
        "unknown_revenue_nano": sums.unknown_revenue_nano,
        "unknown_revenue_usd": usd(sums.unknown_revenue_nano),
    }


def money(sums: Totals) -> dict[str, Any]:
    """Return revenue and margin, and this in percent; null is not known."""
    earned_nano = sums.margin_nano
    return {
        "revenue_nano": sums.revenue_nano,
        "revenue_usd": usd(sums.revenue_nano),
        "margin_nano": earned_nano,
        "margin_usd": None if earned_nano is None else usd(earned_nano),
        "percent": sums.percent,
    }
