"""What every model would earn on every channel that may serve it, before any traffic.

Owns the comparison of sell and buy prices, unit by unit. Refuses to guess a buy price.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from grip.money.amounts import usd
from grip.money.pricing import Rates
from grip.services.context import Context
from grip.services.models import sell_of
from grip.services.prices import UNITS
from grip.store import catalog
from grip.store.records import Catalog, Channel, Model

_LIKE_INPUT = ("cached_input", "cache_write")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One unit of a model on a channel, in nano-credits of one unit; None is no price.

    A model that no channel serves has neither a channel nor a unit.
    """

    model: str
    channel: Channel | None
    unit: str | None
    sell_nano: int | None
    buy_nano: int | None

    @property
    def margin_nano(self) -> int | None:
        """What a unit earns; one that has no sell price is given away. None is not known."""
        return None if self.buy_nano is None else (self.sell_nano or 0) - self.buy_nano

    @property
    def loses(self) -> bool | None:
        """Whether a unit costs more than it brings; None is not known."""
        return None if self.margin_nano is None else self.margin_nano < 0


async def exposures(context: Context) -> list[Exposure]:
    """Return every unit of every model on offer and each channel for it: what loses goes first.

    Then comes what is not known, and then what does not lose; each by model and channel.
    """
    async with context.database.read() as connection:
        known = await catalog.load(connection)
    found = [one for model in known.models.values() for one in _of_model(known, model)]
    return sorted(found, key=_rank)


def describe(found: Exposure) -> dict[str, Any]:
    """Return it as JSON knows it: US dollars per the unit's own number, null is not known."""
    channel = found.channel
    return {
        "model": found.model,
        "channel_id": None if channel is None else channel.id,
        "channel": None if channel is None else channel.name,
        "unit": found.unit,
        "per": None if found.unit is None else UNITS[found.unit].words,
        "sell": _usd(found.sell_nano, found.unit),
        "buy": _usd(found.buy_nano, found.unit),
        "margin": _usd(found.margin_nano, found.unit),
        "loses": found.loses,
    }


def _of_model(known: Catalog, model: Model) -> Iterator[Exposure]:
    if not model.enabled or not model.is_priced:
        return
    # The rule by which calls are routed, for a customer whose tier and key allow every group.
    serving = [
        channel
        for channel in known.channels
        if model.type in channel.types and not set(model.groups).isdisjoint(channel.groups)
    ]
    if not serving:
        yield Exposure(model=model.name, channel=None, unit=None, sell_nano=None, buy_nano=None)
    sell = sell_of(model)
    for channel in serving:
        buy = known.buy(channel.id, model)
        for word, unit in UNITS.items():
            if getattr(sell, unit.rate) is not None or getattr(buy, unit.rate) is not None:
                yield Exposure(
                    model=model.name,
                    channel=channel,
                    unit=word,
                    sell_nano=_rate(sell, word),
                    buy_nano=_rate(buy, word),
                )


def _rate(rates: Rates, word: str) -> int | None:
    rate: int | None = getattr(rates, UNITS[word].rate)
    return rates.input_nano if rate is None and word in _LIKE_INPUT else rate


def _rank(found: Exposure) -> tuple[int, str, str]:
    order = {True: 0, None: 1, False: 2}[found.loses]
    return order, found.model, "" if found.channel is None else found.channel.name


def _usd(nano: int | None, unit: str | None) -> str | None:
    return None if nano is None or unit is None else usd(nano, UNITS[unit].per)
