"""Past usage at other prices: what a price list would have brought, before it is published.

What a call costs is linear in its units, so their sums are replayed rather than the calls. The buy
cost stays as it is in the books. Refuses to change anything, and to guess how customers would.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from grip.errors import InvalidRequest, NotFound
from grip.money.amounts import usd
from grip.money.pricing import UNITS, Rates, cost_nano, is_priced
from grip.services import margin, prices
from grip.services.context import Context
from grip.services.margin import Totals
from grip.services.models import sell_of
from grip.store import catalog
from grip.store.margin import Sold, sold
from grip.store.records import Catalog

_BY = ("model", "wallet_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The same calls, as they were charged and as they would be; `names` are its keys in JSON."""

    names: Mapping[str, str | None]
    before: Totals
    after: Totals

    @property
    def change_nano(self) -> int:
        """What more they would bring."""
        return self.after.revenue_nano - self.before.revenue_nano


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Each list has the lowest margin to be first, the unknown last."""

    models: list[Compared]
    customers: list[Compared]
    total: Compared


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replayed:
    was: Sold
    would_be: Sold


async def simulate(
    context: Context,
    listed: Mapping[str, Mapping[str, int | None]],
    *,
    from_us: int | None = None,
    to_us: int | None = None,
) -> Simulation:
    """Return what the calls at [from, to) brought, and would have at the prices in `listed`.

    Those are nano-credits by model and by the words of `prices.UNITS`. As with `models set`, a unit
    that is not named keeps the price in force, None takes it away; the calls of other models stay
    as they were charged. Raises NotFound of a model that there is not, InvalidRequest of one
    that is listed twice or whose price would not be complete.
    """
    async with context.database.read() as connection:
        rates = _rates(await catalog.load(connection), listed)
        found = await sold(connection, _BY, from_us=from_us, to_us=to_us)
        names = await margin.names_of(connection, "wallet", map(_by_wallet, found))
    replayed = [_Replayed(was=one, would_be=_at(one, rates.get(one.key[0]))) for one in found]
    return Simulation(
        models=_grouped(replayed, 0, lambda model: {"model": model}),
        customers=_grouped(replayed, 1, names.__getitem__),
        total=_compared({}, replayed),
    )


def describe(found: Simulation) -> dict[str, Any]:
    """Return it as JSON knows it: nano-credits, and US dollars as exact decimals."""
    return {
        "models": [_shown(one) for one in found.models],
        "customers": [_shown(one) for one in found.customers],
        "total": _shown(found.total),
    }


def _rates(known: Catalog, listed: Mapping[str, Mapping[str, int | None]]) -> dict[str, Rates]:
    changed: dict[str, Rates] = {}
    for name, named in listed.items():
        model = known.find(name)
        if model is None:
            raise NotFound(f"there is no model {name!r}; see: grip models list", param="model")
        if model.name in changed:
            raise InvalidRequest(f"the model {model.name!r} is listed twice", param="model")
        rates = prices.merged(sell_of(model), named)
        if not is_priced(rates, UNITS[model.type]):
            raise InvalidRequest(
                f"the price of {name!r} would not be complete, and its calls refused; name "
                "what lacks, such as output beside input",
                param="model",
            )
        changed[model.name] = rates
    return changed


def _at(one: Sold, rates: Rates | None) -> Sold:
    if rates is None:
        return one
    return dataclasses.replace(one, cost_nano=cost_nano(rates, one.used))


def _by_wallet(one: Sold) -> Sold:
    return dataclasses.replace(one, key=one.key[1:])


def _grouped(
    replayed: Iterable[_Replayed], part: int, names: Callable[[str], Mapping[str, str | None]]
) -> list[Compared]:
    groups: dict[str, list[_Replayed]] = defaultdict(list)
    for one in replayed:
        groups[one.was.key[part]].append(one)
    compared = [_compared(names(key), groups[key]) for key in sorted(groups)]
    return sorted(compared, key=lambda one: margin.rank(one.after))


def _compared(names: Mapping[str, str | None], replayed: list[_Replayed]) -> Compared:
    return Compared(
        names=names,
        before=margin.totals(one.was for one in replayed),
        after=margin.totals(one.would_be for one in replayed),
    )


def _shown(one: Compared) -> dict[str, Any]:
    return {
        **one.names,
        "calls": one.before.calls,
        "unknown_calls": one.before.unknown_calls,
        "change_nano": one.change_nano,
        "change_usd": usd(one.change_nano),
        "before": margin.money(one.before),
        "after": margin.money(one.after),
    }
