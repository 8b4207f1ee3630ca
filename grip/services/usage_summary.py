"""`grip usage summary`: what was sold by day, month, model, channel, wallet or key."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from grip import errors
from grip.money.amounts import usd
from grip.services import references
from grip.services.context import Context
from grip.store import channels, keys, rollups, usage_sums, wallets
from grip.store.engine import Connection
from grip.store.snapshot import freeze
from grip.store.usage_sums import Sums

BY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "day": "day",
        "month": "month",
        "model": "model",
        "channel": "channel_id",
        "wallet": "wallet_id",
        "key": "key_id",
    }
)
"""What sums are by, and the column that says so."""

_TIMES: Final = frozenset({"day", "month"})


async def summary(
    context: Context,
    *,
    by: str,
    wallet: str | None = None,
    from_us: int | None = None,
    to_us: int | None = None,
) -> list[dict[str, Any]]:
    """Return sums by one of `BY`: days and months newest first, the others by what they brought.

    Raises InvalidRequest for a time that is no beginning of a day, NotFound or Ambiguous.
    """
    from_day, to_day = _day(from_us, "from"), _day(to_us, "to")
    async with context.database.read() as connection:
        await freeze(connection)
        wallet_id = None if wallet is None else (await references.wallet(connection, wallet)).id
        found = await usage_sums.load(
            connection, [BY[by]], wallet_id=wallet_id, from_day=from_day, to_day=to_day
        )
        names = await _names(connection, by)
    if by in _TIMES:
        found.sort(key=lambda sums: sums.key, reverse=True)
    else:
        found.sort(key=lambda sums: (-sums.cost_nano, sums.key))
    return [_described(by, sums, names) for sums in found]


async def _names(connection: Connection, by: str) -> dict[str, str]:
    """Return what people call channels, wallets and keys, by their ids."""
    if by == "channel":
        return {channel.id: channel.name for channel in await channels.load(connection)}
    if by == "wallet":
        return {wallet.id: wallet.owner for wallet in await wallets.load(connection)}
    if by == "key":
        return {key.id: key.name for key in await keys.load(connection)}
    return {}


def _described(by: str, sums: Sums, names: Mapping[str, str]) -> dict[str, Any]:
    (value,) = sums.key
    named = {by: value} if BY[by] == by else {BY[by]: value, by: names.get(value)}
    return {
        **named,
        **sums.counts,
        "cost_nano": sums.cost_nano,
        "cost_usd": usd(sums.cost_nano),
        "buy_cost_nano": sums.buy_nano,
        "buy_cost_usd": usd(sums.buy_nano),
    }


def _day(at_us: int | None, name: str) -> str | None:
    if at_us is None:
        return None
    if at_us % rollups.DAY_US:
        raise errors.InvalidRequest(
            f"--{name}: a summary is of whole days, such as 2026-01-31", param=name
        )
    return rollups.day_of(at_us)
