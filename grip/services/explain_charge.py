"""The arithmetic of a charge, line by line, and whether it comes to what was charged.

It is done anew, from the counts in the row of usage and the price version that it names.
"""

from typing import Any

from grip.money import pricing
from grip.money.amounts import NANO
from grip.money.entries import CRASH_VOID
from grip.services import ledger
from grip.store import usage
from grip.store.records import Price, UsageRow


def describe(row: UsageRow | None, price: Price | None) -> dict[str, Any] | None:
    """Return the charge of a call, None of one that was not charged."""
    if row is None:
        return None
    charged = usage.pricing(row, price)
    is_void = row.status == CRASH_VOID
    lines = [] if price is None or is_void else pricing.cost_lines(price.sell, charged.used)
    wrong = ledger.mispriced(charged)
    computed_nano = None if price is None else sum(line.nano for line in lines)
    return {
        "model": row.model,
        "channel": row.channel,
        "estimated": row.estimated,
        "price_id": row.price_id,
        "price_version": None if price is None else price.version,
        "lines": [{**line._asdict(), "nano": line.nano} for line in lines],
        "computed_nano": computed_nano,
        "cost_nano": row.cost_nano,
        "agrees": wrong is None,
        "note": wrong or _note(row, computed_nano),
        "carry_before_nano": row.carry_before,
        "credits": row.credits,
        "carry_after_nano": row.carry_after,
        "is_exact": row.carry_before + row.cost_nano == row.credits * NANO + row.carry_after,
        "buy_cost_nano": row.buy_cost_nano,
    }


def _note(row: UsageRow, computed_nano: int | None) -> str:
    """Return why the cost is what it is, where the lines alone do not say so."""
    if row.status == CRASH_VOID:
        return "its process died; nothing was charged"
    if computed_nano is not None and row.cost_nano < computed_nano:
        return "an estimate is charged up to what was held, and no more"
    return "the use is estimated: the upstream did not report it" if row.estimated else ""
