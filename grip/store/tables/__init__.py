"""The schema: every table with the constraints that guard the books last.

`usage`, `ledger_transfer`, `price` and `audit` are append-only; `guards.py` has the triggers.
"""

from grip.store.tables.accounts import account, api_key, member, wallet
from grip.store.tables.base import metadata
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
from grip.store.tables.details import detail, detail_route
from grip.store.tables.journal import ledger_transfer, usage
from grip.store.tables.records import audit, meta
from grip.store.tables.tasks import task, task_loss, task_result, upstream_event

APPEND_ONLY = {
    "usage": ("seq", "request_id"),
    "ledger_transfer": ("seq", "id", "idem_key", "pending_id"),
    "price": ("seq", "id"),
    "audit": ("seq",),
}
"""The append-only tables, each with its unique columns."""

__all__ = [
    "APPEND_ONLY",
    "RATES",
    "account",
    "api_key",
    "audit",
    "boot",
    "callback",
    "callback_attempt",
    "callback_secret",
    "catalog",
    "channel",
    "channel_cost",
    "channel_health",
    "detail",
    "detail_route",
    "holds",
    "idempotency",
    "idempotency_answer",
    "ledger_transfer",
    "member",
    "meta",
    "metadata",
    "model",
    "model_alias",
    "price",
    "task",
    "task_loss",
    "task_result",
    "upstream_event",
    "usage",
    "wallet",
]
