"""The schema: every table with the constraints that guard the books last.

`usage`, `ledger_transfer`, `price` and `audit` are append-only; `guards.py` has the triggers.
Counters on `wallet`, `api_key` and `member` can be rebuilt from them (`grip ledger verify`).
"""

from typing import Any

import sqlalchemy as sa

from grip.store.columns import Bytes, Json, integer, sequence, text

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_NANO = 1_000_000_000
RATES = (
    "input",
    "output",
    "cached_input",
    "cache_write",
    "image",
    "second",
    "character",
    "request",
)


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=name)


def _table(name: str, *parts: sa.schema.SchemaItem, **options: Any) -> sa.Table:
    return sa.Table(name, metadata, *parts, sqlite_strict=True, **options)


def _key(name: str = "id") -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _reference(name: str, target: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, sa.ForeignKey(target), nullable=False)


# One row: what readers of the catalog compare, and what writers of it bump.
catalog = _table(
    "catalog",
    sa.Column("id", integer("id").type, primary_key=True, autoincrement=False),
    integer("version"),
    _check("single", "id = 1"),
)

meta = _table("meta", _key("name"), text("value"))

account = _table(
    "account",
    _key(),
    text("email"),
    text("name"),
    integer("created_us"),
    integer("disabled_us", null=True),
    sa.UniqueConstraint("email"),
)

wallet = _table(
    "wallet",
    _key(),
    _reference("owner_id", "account.id"),
    text("tier"),
    integer("balance", default=0),
    integer("held", default=0),
    integer("debt", default=0),
    integer("carry_nano", default=0),
    sa.Column("qps_log", Bytes),
    sa.Column("tpm_log", Bytes),
    integer("created_us"),
    sa.UniqueConstraint("owner_id"),
    _check("held", "held >= 0"),
    _check("debt", "debt >= 0"),
    _check("available", "balance - held >= 0"),
    _check("carry", f"carry_nano BETWEEN 0 AND {_NANO - 1}"),
)

member = _table(
    "member",
    _key(),
    _reference("wallet_id", "wallet.id"),
    _reference("account_id", "account.id"),
    integer("credit_limit", null=True),
    integer("spent", default=0),
    integer("spent_nano", default=0),
    integer("held_nano", default=0),
    integer("created_us"),
    integer("left_us", null=True),
    _check("credit_limit", "credit_limit >= 0"),
    _check("spent", f"spent >= 0 AND spent_nano BETWEEN 0 AND {_NANO - 1}"),
    _check("held", "held_nano >= 0"),
)
sa.Index(
    "uq_member_present",
    member.c.wallet_id,
    member.c.account_id,
    unique=True,
    sqlite_where=member.c.left_us.is_(None),
    postgresql_where=member.c.left_us.is_(None),
)
sa.Index("ix_member_account", member.c.account_id)

api_key = _table(
    "api_key",
    _key(),
    _reference("wallet_id", "wallet.id"),
    _reference("member_id", "member.id"),
    text("name"),
    text("hash"),
    text("last4"),
    integer("version", default=1),
    integer("budget", null=True),
    integer("spent", default=0),
    integer("spent_nano", default=0),
    integer("held_nano", default=0),
    integer("rpm", null=True),
    sa.Column("rpm_log", Bytes),
    sa.Column("models", Json),
    sa.Column("groups", Json),
    integer("content_logging", null=True),
    integer("expires_us", null=True),
    integer("created_us"),
    integer("revoked_us", null=True),
    sa.UniqueConstraint("hash"),
    _check("budget", "budget >= 0"),
    _check("rpm", "rpm > 0"),
    _check("spent", f"spent >= 0 AND spent_nano BETWEEN 0 AND {_NANO - 1}"),
    _check("held", "held_nano >= 0"),
    _check("content_logging", "content_logging IN (0, 1)"),
)
sa.Index("ix_api_key_wallet", api_key.c.wallet_id)
sa.Index("ix_api_key_member", api_key.c.member_id)

# The hold of a synchronous call: born at admission, gone with its settlement or release.
holds = _table(
    "holds",
    _key("request_id"),
    text("wallet_id"),
    text("key_id"),
    text("member_id"),
    integer("amount"),
    integer("estimate_nano"),
    integer("tokens"),
    integer("admitted_us"),
    text("model"),
    text("endpoint"),
    text("ip"),
    text("boot_id"),
    integer("input_tokens"),
    text("price_id"),
    text("idem_key", null=True),
    _check("amount", "amount >= 0"),
    _check("estimate", "estimate_nano >= 0"),
    sqlite_with_rowid=False,
)

# One run of a worker process: its heartbeat counts `beats`, and who ends it says so for ever.
boot = _table(
    "boot",
    _key(),
    text("host"),
    text("region"),
    integer("started_us"),
    integer("beats", default=0),
    integer("ended_us", null=True),
    text("ending", null=True),
    _check("ending", "(ended_us IS NULL) = (ending IS NULL)"),
)

# What a key's Idempotency-Key stands for; the answers are apart, since few are ever read.
idempotency = _table(
    "idempotency",
    _key("key_id"),
    _key("idem_key"),
    text("request_id"),
    text("fingerprint"),
    text("state"),
    text("content_type", null=True),
    integer("created_us"),
    sa.UniqueConstraint("request_id"),
    _check("state", "state IN ('running', 'kept', 'lost')"),
)
sa.Index("ix_idempotency_created", idempotency.c.created_us)

idempotency_answer = _table(
    "idempotency_answer",
    _key("request_id"),
    sa.Column("body", Bytes, nullable=False),
    integer("created_us"),
)
sa.Index("ix_idempotency_answer_created", idempotency_answer.c.created_us)

ledger_transfer = _table(
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
    _check("amount", "amount >= 0"),
    _check("accounts", "debit_account <> credit_account"),
    _check("phase", "phase IN ('single', 'pending', 'post', 'void')"),
    _check("resolves", "(phase IN ('post', 'void')) = (pending_id IS NOT NULL)"),
)
sa.Index("ix_ledger_transfer_wallet", ledger_transfer.c.wallet_id, ledger_transfer.c.seq)

# The append-only journal of synchronous calls: `credits` were debited from wallet and debt.
usage = _table(
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
    sa.UniqueConstraint("request_id"),
    _check("exact", f"carry_before + cost_nano = credits * {_NANO} + carry_after"),
    _check("cost", "cost_nano >= 0 AND credits >= 0"),
    _check("debt", "debt_credits BETWEEN 0 AND credits"),
    _check(
        "carry", f"carry_before BETWEEN 0 AND {_NANO - 1} AND carry_after BETWEEN 0 AND {_NANO - 1}"
    ),
    _check("estimated", "estimated IN (0, 1)"),
)
sa.Index("ix_usage_wallet", usage.c.wallet_id, usage.c.seq)
sa.Index("ix_usage_key", usage.c.key_id, usage.c.seq)

channel = _table(
    "channel",
    _key(),
    text("name"),
    text("kind"),
    text("base_url"),
    text("secret", null=True),
    sa.Column("groups", Json, nullable=False),
    sa.Column("types", Json, nullable=False),
    sa.Column("model_map", Json, nullable=False),
    integer("priority", default=0),
    integer("weight", default=1),
    text("region"),
    integer("enabled", default=1),
    integer("connect_timeout_ms", null=True),
    integer("first_byte_timeout_ms", null=True),
    integer("chunk_timeout_ms", null=True),
    integer("total_timeout_ms", null=True),
    integer("drains", default=1),
    integer("created_us"),
    sa.UniqueConstraint("name"),
    _check("weight", "weight > 0"),
    _check("enabled", "enabled IN (0, 1)"),
    _check("drains", "drains IN (0, 1)"),
)

model = _table(
    "model",
    _key("name"),
    text("type"),
    integer("enabled", default=1),
    integer("max_input", null=True),
    integer("max_output", null=True),
    integer("reasoning", default=0),
    sa.Column("groups", Json, nullable=False),
    sa.Column("fallbacks", Json, nullable=False),
    integer("created_us"),
    _check("max_input", "max_input > 0"),
    _check("max_output", "max_output > 0"),
    _check("enabled", "enabled IN (0, 1)"),
    _check("reasoning", "reasoning IN (0, 1)"),
)

model_alias = _table("model_alias", _key("alias"), _reference("model", "model.name"))

# A version of a model's prices, in nano-credits per unit: what customers pay, and the default of
# what the operator pays (`cost_…`). The model's name is no foreign key: prices outlive models.
price = _table(
    "price",
    sequence(),
    text("id"),
    text("model"),
    integer("version"),
    integer("valid_from_us"),
    text("actor"),
    *(integer(f"{rate}_nano", null=True) for rate in RATES),
    *(integer(f"cost_{rate}_nano", null=True) for rate in RATES),
    sa.UniqueConstraint("id"),
    sa.UniqueConstraint("model", "version"),
    *(_check(rate, f"{rate}_nano >= 0 AND cost_{rate}_nano >= 0") for rate in RATES),
)

audit = _table(
    "audit",
    sequence(),
    integer("at_us"),
    text("actor"),
    text("action"),
    text("subject"),
    sa.Column("before", Json),
    sa.Column("after", Json),
    text("reason"),
)
sa.Index("ix_audit_subject", audit.c.subject, audit.c.seq)

APPEND_ONLY = {
    "usage": ("seq", "request_id"),
    "ledger_transfer": ("seq", "id", "idem_key", "pending_id"),
    "price": ("seq", "id"),
    "audit": ("seq",),
}
"""The append-only tables, each with its unique columns."""
