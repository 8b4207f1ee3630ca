"""What stands on the scratch database before the first call: customers, and something to sell.

Everything is made by the use cases that the commands use, on the settings of the drill's gateway.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from grip import app, settings
from grip.drill import goods
from grip.drill.notes import Gift
from grip.services import accounts, channels, keys, members, models, wallets
from grip.services.context import Context
from grip.store import schema

ACTOR: Final = "drill"
RICH: Final = 10_000_000
POOR: Final = 20
"""Credits of a purse that runs empty: a few calls."""

_CAP: Final = 150
_TIER: Final = "enterprise"
_RICH_WALLETS: Final = 3
_POOR_WALLETS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """A key that pays, and the wallet behind it."""

    wallet_id: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Purses that last, purses that run empty, and the credits given so far."""

    rich: tuple[Purse, ...]
    poor: tuple[Purse, ...]
    gifts: tuple[Gift, ...]


@asynccontextmanager
async def office(config: Path, environ: Mapping[str, str]) -> AsyncIterator[Context]:
    """Yield what an operator's commands work with, on the scratch database and its schema."""
    context = app.context(settings.load(config, environ))
    try:
        await schema.ensure(context.database)
        yield context
    finally:
        await context.database.close()


async def furnish(context: Context) -> Shop:
    """Make channels, models and customers, and give these their first credits."""
    await _stock(context)
    gifts: list[Gift] = []
    rich = [await _customer(context, f"rich{n}", RICH, gifts) for n in range(_RICH_WALLETS)]
    poor = [await _customer(context, f"poor{n}", POOR, gifts) for n in range(_POOR_WALLETS)]
    lasting = [*map(_email, rich)]
    wide = await _member(context, lasting[0], "colleague", None)
    narrow = await _member(context, lasting[1], "trainee", _CAP)
    budget = await _key(context, lasting[2], budget=_CAP)
    open_keys = [await _key(context, email) for email in lasting]
    return Shop(
        rich=(*open_keys, wide),
        poor=(*[await _key(context, _email(name)) for name in poor], narrow, budget),
        gifts=tuple(gifts),
    )


async def customer(context: Context, name: str) -> Purse:
    """Make a customer with credits that last, and return their purse."""
    return await _key(context, _email(await _customer(context, name, RICH, [])))


async def _stock(context: Context) -> None:
    for shelf in goods.shelves():
        draft = channels.Draft(
            name=shelf.name,
            kind="sandbox",
            groups=list(shelf.groups),
            priority=shelf.priority,
            model_map=shelf.models,
            first_byte_timeout_ms=shelf.first_byte_timeout_ms,
        )
        await channels.add(context, draft, actor=ACTOR)
    for good in goods.goods():
        model = models.Draft(
            name=good.name,
            type="chat",
            groups=[good.group],
            sell=goods.RATES,
            max_output=goods.MAX_OUTPUT,
        )
        await models.add(context, model, actor=ACTOR)


async def _customer(context: Context, name: str, amount: int, gifts: list[Gift]) -> str:
    email = _email(name)
    account = await accounts.create(context, actor=ACTOR, email=email)
    await wallets.set_tier(context, email, _TIER, actor=ACTOR, reason="drill")
    reason = f"first credits of {name}"
    await wallets.credit(context, email, amount, actor=ACTOR, reason=reason)
    gift = Gift(wallet_id=account.wallet_id, amount=amount, reason=reason, is_sure=True)
    gifts.append(gift)
    return name


async def _member(context: Context, wallet: str, name: str, limit: int | None) -> Purse:
    email = _email(name)
    await accounts.create(context, actor=ACTOR, email=email)
    await members.add(context, wallet, email, actor=ACTOR, limit=limit)
    return await _key(context, wallet, member=email)


async def _key(
    context: Context, wallet: str, *, member: str | None = None, budget: int | None = None
) -> Purse:
    made = await keys.create(
        context, wallet, actor=ACTOR, name="drill", member=member, budget=budget
    )
    return Purse(wallet_id=made.key.wallet_id, secret=made.secret)


def _email(name: str) -> str:
    return f"{name}@drill.example"
