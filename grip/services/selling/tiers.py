"""Tiers that payments lead to: what a wallet has paid, less what went back, against thresholds.

Owns the rule by which payments move a tier, and its history. A tier that the operator gave by hand
is never taken by a refund, and one that is by invitation is never given by a payment.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from grip.money.currencies import exponent, share
from grip.services.context import Context
from grip.settings import Tier
from grip.store import orders, tier_changes, wallets
from grip.store.engine import Connection
from grip.store.orders import Order


async def review(context: Context, connection: Connection, order: Order, *, actor: str) -> None:
    """Put the wallet of a paid order on the tier that its payments lead to, in its transaction."""
    wallet = await wallets.lock(connection, order.wallet_id)
    paid = await orders.paid_of(connection, wallet.id)
    tiers = context.settings.tiers
    earned = _earned(tiers, paid)
    given = await tier_changes.given(connection, wallet.id)
    ranks = {name: rank for rank, name in enumerate(tiers)}
    floor = max((earned, given or next(iter(tiers))), key=lambda name: ranks.get(name, -1))
    if floor == wallet.tier or wallet.tier not in ranks:
        return
    if ranks[floor] < ranks[wallet.tier] and not await tier_changes.was_earned(
        connection, wallet.id
    ):
        return
    await wallets.set_tier(connection, wallet.id, old=wallet.tier, new=floor)
    await tier_changes.append(
        connection,
        wallet_id=wallet.id,
        before=wallet.tier,
        after=floor,
        cause=order.id,
        actor=actor,
        reason=f"payments of {wallet.id}",
        at_us=context.clock(),
    )


def _earned(tiers: Mapping[str, Tier], paid: list[Order]) -> str:
    """Return the highest tier whose threshold the payments exceed, the first where none."""
    names = list(tiers)
    reached = [
        name
        for name in names
        if (over := tiers[name].recharge_over) is not None
        and not tiers[name].invitation_only
        and _net(paid, over.currency) > Fraction(over.value)
    ]
    return reached[-1] if reached else names[0]


def _net(paid: list[Order], currency: str) -> Fraction:
    """Return what was paid without tax, less what went back, at the rates frozen on each order."""
    return sum((_in(order, currency) for order in paid), Fraction(0))


def _in(order: Order, currency: str) -> Fraction:
    back = share(order.net_minor, order.returned_minor, order.gross_minor)
    amount = Fraction(order.net_minor - back, 10 ** exponent(order.currency))
    if order.currency == currency:
        return amount
    rates: Mapping[str, Any] = order.snapshot["exchange"]
    if order.currency not in rates or currency not in rates:
        return Fraction(0)
    return amount * Fraction(rates[order.currency]) / Fraction(rates[currency])
