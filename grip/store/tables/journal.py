"""The journal: transfers of credits, and the usage of synchronous calls. Both only ever grow."""

import sqlalchemy as sa

from grip.store.columns import integer, sequence, text
from grip.store.tables.base import NANO, check, table

ledger_transfer = table(
    "ledger_transfer",
    sequence(),
    text("id"),
    text("group_id"),
    text("kind"),
    text("phase"),
    text("debit_account"),
    text("credit_account"),
    integer("amount"),
    text("pending_id", null=True),
    text("idem_key"),
    text("fingerprint"),
    text("wallet_id"),
    text("actor"),
    text("reason"),
    integer("created_us"),
    sa.UniqueConstraint("id"),
    sa.UniqueConstraint("idem_key"),
    sa.UniqueConstraint("pending_id"),
    check("amount", "amount >= 0"),
    check("accounts", "debit_account <> credit_account"),
    check("phase", "phase IN ('single', 'pending', 'post', 'void')"),
    check("resolves", "(phase IN ('post', 'void')) = (pending_id IS NOT NULL)"),
)
sa.Index("ix_ledger_transfer_wallet", ledger_transfer.c.wallet_id, ledger_transfer.c.seq)

OF_ORDERS = sa.text("kind IN ('bonus', 'purchase', 'reinstatement', 'reversal')")
"""The transfers that name an order; literal, since that alone makes both engines use the index."""

# A few rows beside the millions of tasks: what is asked of orders reads no others.
sa.Index(
    "ix_ledger_transfer_order",
    ledger_transfer.c.idem_key,
    sqlite_where=OF_ORDERS,
    postgresql_where=OF_ORDERS,
)

# The append-only journal of synchronous calls: `credits` were debited from wallet and debt. Of a
# task, `transfer_id` is the transfer that debited them, and the row only tells of it.
usage = table(
    "usage",
    sequence(),
    text("request_id"),
    integer("created_us"),
    text("wallet_id"),
    text("key_id"),
    text("member_id"),
    text("key_name"),
    text("endpoint"),
    text("model"),
    text("provider"),
    text("channel_id"),
    text("channel"),
    text("upstream_model"),
    text("upstream_id", null=True),
    text("ip"),
    text("region"),
    text("status"),
    integer("estimated"),
    text("price_id"),
    integer("input_tokens"),
    integer("output_tokens"),
    integer("cached_input_tokens"),
    integer("cache_write_tokens"),
    integer("images"),
    integer("seconds"),
    integer("characters"),
    integer("buy_cost_nano", null=True),
    integer("attempts"),
    integer("latency_ms"),
    integer("first_byte_ms"),
    integer("hold_credits"),
    integer("cost_nano"),
    integer("carry_before"),
    integer("carry_after"),
    integer("credits"),
    integer("debt_credits"),
    integer("balance_after"),
    text("transfer_id", null=True),
    sa.UniqueConstraint("request_id"),
    check("exact", f"carry_before + cost_nano = credits * {NANO} + carry_after"),
    check("cost", "cost_nano >= 0 AND credits >= 0"),
    check("debt", "debt_credits BETWEEN 0 AND credits"),
    check(
        "carry", f"carry_before BETWEEN 0 AND {NANO - 1} AND carry_after BETWEEN 0 AND {NANO - 1}"
    ),
    check("estimated", "estimated IN (0, 1)"),
)
sa.Index("ix_usage_wallet", usage.c.wallet_id, usage.c.seq)
sa.Index("ix_usage_key", usage.c.key_id, usage.c.seq)
