"""Tiers that payments lead to: what a wallet has paid, less what went back, against thresholds.

Owns the rule by which payments move a tier, and its history. A tier that the operator gave by hand
is never taken by a refund, and one that is by invitation is never given by a payment. Money that
comes in lowers none, money that goes back raises none.
"""

from collections.abc import Mapping
from fractions import Fraction

from grip.money import exchange
from grip.money.currencies import exponent, share
from grip.services.context import Context
from grip.settings import Tier
from grip.store import audit, orders, tier_changes, wallets
from grip.store.engine import Connection
from grip.store.orders import Order


async def review(
    context: Context, connection: Connection, order: Order, *, more_minor: int, actor: str
) -> None:
    """Put the wallet of a paid order on the tier that its payments lead to, in its transaction.

    `more_minor` is what more of the order was kept, or less where money went back.
    """
    tiers = context.settings.tiers
    ranks = {name: rank for rank, name in enumerate(tiers)}
    wallet = await wallets.lock(connection, order.wallet_id)
    if wallet.tier not in ranks:
        return
    paid = await orders.paid_of(connection, wallet.id)
    earned = _earned(tiers, paid, exchange.with_dollars(context.settings.exchange))
    given = await tier_changes.given(connection, wallet.id) or wallet.tier
    floor = max((earned, given), key=lambda name: ranks.get(name, -1))
    if (ranks[floor] - ranks[wallet.tier]) * more_minor <= 0:
        return
    await wallets.set_tier(connection, wallet.id, old=wallet.tier, new=floor)
    reason, now_us = f"payments of {wallet.id}", context.clock()
    await tier_changes.append(
        connection,
        wallet_id=wallet.id,
        before=wallet.tier,
        after=floor,
        cause=order.id,
        actor=actor,
        reason=reason,
        at_us=now_us,
    )
    await audit.append(
        connection,
        at_us=now_us,
        actor=actor,
        action="wallet.tier",
        subject=wallet.id,
        before={"tier": wallet.tier},
        after={"tier": floor, "order_id": order.id},
        reason=reason,
    )


def _earned(tiers: Mapping[str, Tier], paid: list[Order], rates: Mapping[str, str]) -> str:
    """Return the highest tier whose threshold the payments exceed, the first where none."""
    names = list(tiers)
    reached = [
        name
        for name in names
        if (over := tiers[name].recharge_over) is not None
        and not tiers[name].invitation_only
        and _net(paid, over.currency, rates) > Fraction(over.value)
    ]
    return reached[-1] if reached else names[0]


def _net(paid: list[Order], currency: str, rates: Mapping[str, str]) -> Fraction:
    """Return what was paid without tax, less what went back, at the rates frozen on each order."""
    return sum((_in(order, currency, rates) for order in paid), Fraction(0))


def _in(order: Order, currency: str, rates: Mapping[str, str]) -> Fraction:
    """Return what an order counts; a currency that came later has today's rate."""
    back = share(order.net_minor, order.returned_minor, order.gross_minor)
    amount = Fraction(order.net_minor - back, 10 ** exponent(order.currency))
    if order.currency == currency:
        return amount
    known = {**rates, **order.snapshot["exchange"]}
    if order.currency not in known:
        return Fraction(0)
    return amount * exchange.rate(known[order.currency]) / exchange.rate(known[currency])
