"""Accounts, wallets, members and keys.

The counters on `wallet`, `api_key` and `member` can be rebuilt from the books.
"""

import sqlalchemy as sa

from grip.store.columns import Bytes, Json, integer, text
from grip.store.tables.base import NANO, check, key, reference, table

account = table(
    "account",
    key(),
    text("email"),
    text("name"),
    integer("created_us"),
    integer("disabled_us", null=True),
    sa.UniqueConstraint("email"),
)

wallet = table(
    "wallet",
    key(),
    reference("owner_id", "account.id"),
    text("tier"),
    integer("balance", default=0),
    integer("held", default=0),
    integer("debt", default=0),
    integer("carry_nano", default=0),
    sa.Column("qps_log", Bytes),
    sa.Column("tpm_log", Bytes),
    integer("created_us"),
    sa.Column("providers", Json),
    sa.UniqueConstraint("owner_id"),
    check("held", "held >= 0"),
    check("debt", "debt >= 0"),
    check("available", "balance - held >= 0"),
    check("carry", f"carry_nano BETWEEN 0 AND {NANO - 1}"),
)

member = table(
    "member",
    key(),
    reference("wallet_id", "wallet.id"),
    reference("account_id", "account.id"),
    integer("credit_limit", null=True),
    integer("spent", default=0),
    integer("spent_nano", default=0),
    integer("held_nano", default=0),
    integer("created_us"),
    integer("left_us", null=True),
    check("credit_limit", "credit_limit >= 0"),
    check("spent", f"spent >= 0 AND spent_nano BETWEEN 0 AND {NANO - 1}"),
    check("held", "held_nano >= 0"),
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

api_key = table(
    "api_key",
    key(),
    reference("wallet_id", "wallet.id"),
    reference("member_id", "member.id"),
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
    check("budget", "budget >= 0"),
    check("rpm", "rpm > 0"),
    check("spent", f"spent >= 0 AND spent_nano BETWEEN 0 AND {NANO - 1}"),
    check("held", "held_nano >= 0"),
    check("content_logging", "content_logging IN (0, 1)"),
)
sa.Index("ix_api_key_wallet", api_key.c.wallet_id)
sa.Index("ix_api_key_member", api_key.c.member_id)
