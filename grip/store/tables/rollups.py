"""What usage comes to by the day, how far that goes, and what maintenance knows of itself.

Days are kept for ever; a month is the sum of its days by definition, which the view is.
"""

import sqlalchemy as sa

from grip.store.columns import Json, integer
from grip.store.tables.base import NANO, check, key, table

DAY_KEY = ("day", "wallet_id", "key_id", "model", "channel_id")

DAY_SUMS = (
    "estimated",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "images",
    "seconds",
    "characters",
    "attempts",
    "latency_ms",
    "first_byte_ms",
    "credits",
    "debt_credits",
)
"""The columns of usage that are summed as they are."""

DAY_NANOS = (("cost_credits", "cost_nano"), ("buy_credits", "buy_nano"))
"""Sums that could leave 63 bits: whole credits, and nano-credits below one credit."""

# `day` is an ISO date in UTC. `unknown_buy` counts the calls whose buy cost nobody knows.
usage_day = table(
    "usage_day",
    *(key(name) for name in DAY_KEY),
    integer("calls"),
    *(integer(name) for name in DAY_SUMS),
    *(integer(name) for pair in DAY_NANOS for name in pair),
    integer("unknown_buy"),
    check("cost", f"cost_nano BETWEEN 0 AND {NANO - 1}"),
    check("buy", f"buy_nano BETWEEN 0 AND {NANO - 1}"),
    check("calls", "calls > 0 AND unknown_buy BETWEEN 0 AND calls"),
    sqlite_with_rowid=False,
)
sa.Index("ix_usage_day_wallet", usage_day.c.wallet_id, usage_day.c.day)

# A view: no part of the metadata, whose tables the migrations are compared with.
usage_month = sa.table(
    "usage_month",
    *(sa.column("month" if name == "day" else name, sa.Text) for name in DAY_KEY),
    *(sa.column(column.name, column.type) for column in usage_day.c if column.name not in DAY_KEY),
)

# Which rows of usage are in `usage_day`: those of all blocks, which follow each other without a
# gap. A block is written in the transaction that adds its rows, and its number is the next.
rollup_block = table(
    "rollup_block",
    sa.Column("number", integer("number").type, primary_key=True, autoincrement=False),
    integer("first_seq"),
    integer("last_seq"),
    integer("first_us"),
    integer("last_us"),
    integer("rows"),
    sa.UniqueConstraint("first_seq"),
    check("bounds", "last_seq >= first_seq AND last_us >= first_us"),
    check("rows", "rows > 0"),
)

# Up to where something was done or verified, and when.
maintenance = table(
    "maintenance",
    key("name"),
    sa.Column("value", Json, nullable=False),
    integer("at_us"),
)
