"""The schema: every table with the constraints that guard the books last.

`usage`, `ledger_transfer`, `price`, `audit` and `billing_profile` are append-only; `guards.py` has
the triggers.
"""

from grip.store.tables.accounts import account, api_key, member, wallet
from grip.store.tables.base import metadata
from grip.store.tables.billing import billing_profile
from grip.store.tables.callbacks import callback, callback_attempt, callback_secret
from grip.store.tables.calls import boot, holds, idempotency, idempotency_answer
from grip.store.tables.catalog import (
    RATES,
    catalog,
    channel,
    channel_cost,
    channel_health,
    model,
    model_alias,
    price,
)
from grip.store.tables.chain import chain_block, checkpoint, checkpoint_balance
from grip.store.tables.details import detail, detail_route
from grip.store.tables.journal import ledger_transfer, usage
from grip.store.tables.orders import (
    checkout_session,
    document,
    document_pdf,
    document_series,
    payment_event,
    payment_fact,
    payment_order,
    payment_refund,
    tier_change,
)
from grip.store.tables.records import audit, meta
from grip.store.tables.rollups import (
    DAY_KEY,
    DAY_NANOS,
    DAY_SUMS,
    maintenance,
    rollup_block,
    usage_day,
    usage_month,
)
from grip.store.tables.tasks import task, task_loss, task_result, upstream_event

APPEND_ONLY = {
    "usage": ("seq", "request_id"),
    "ledger_transfer": ("seq", "id", "idem_key", "pending_id"),
    "price": ("seq", "id"),
    "audit": ("seq",),
    "billing_profile": ("seq", "id"),
    "payment_fact": ("seq",),
    "document": ("id",),
    "tier_change": ("seq",),
    "chain_block": ("journal", "number"),
    "checkpoint": ("number", "id"),
}
"""The append-only tables, each with its unique columns."""

__all__ = [
    "APPEND_ONLY",
    "DAY_KEY",
    "DAY_NANOS",
    "DAY_SUMS",
    "RATES",
    "account",
    "api_key",
    "audit",
    "billing_profile",
    "boot",
    "callback",
    "callback_attempt",
    "callback_secret",
    "catalog",
    "chain_block",
    "channel",
    "channel_cost",
    "channel_health",
    "checkout_session",
    "checkpoint",
    "checkpoint_balance",
    "detail",
    "detail_route",
    "document",
    "document_pdf",
    "document_series",
    "holds",
    "idempotency",
    "idempotency_answer",
    "ledger_transfer",
    "maintenance",
    "member",
    "meta",
    "metadata",
    "model",
    "model_alias",
    "payment_event",
    "payment_fact",
    "payment_order",
    "payment_refund",
    "price",
    "rollup_block",
    "task",
    "task_loss",
    "task_result",
    "tier_change",
    "upstream_event",
    "usage",
    "usage_day",
    "usage_month",
    "wallet",
]
