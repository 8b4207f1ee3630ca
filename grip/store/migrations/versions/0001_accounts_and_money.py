"""Make the tables of accounts and money."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
Bytes = sa.LargeBinary().with_variant(sa.BLOB(), "sqlite")


def upgrade() -> None:
    """Make the tables of accounts and money, and the one row of the catalog's version."""
    _make_account()
    _make_audit()
    _make_catalog()
    _make_holds()
    _make_ledger_transfer()
    _make_meta()
    _make_usage()
    _make_wallet()
    _make_member()
    _make_api_key()
    op.execute("INSERT INTO catalog (id, version) VALUES (1, 1)")


def _make_account() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_us", Int, nullable=False),
        sa.Column("disabled_us", Int, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("email", name=op.f("uq_account_email")),
        sqlite_strict=True,
    )


def _make_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", Int, sa.Identity(always=True), nullable=False),
        sa.Column("at_us", Int, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
        sqlite_strict=True,
    )
    op.create_index("ix_audit_subject", "audit", ["subject", "seq"], unique=False)


def _make_catalog() -> None:
    op.create_table(
        "catalog",
        sa.Column("id", Int, autoincrement=False, nullable=False),
        sa.Column("version", Int, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_catalog_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalog")),
        sqlite_strict=True,
    )


def _make_holds() -> None:
    op.create_table(
        "holds",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("amount", Int, nullable=False),
        sa.Column("estimate_nano", Int, nullable=False),
        sa.Column("tokens", Int, nullable=False),
        sa.Column("admitted_us", Int, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_holds_amount")),
        sa.CheckConstraint("estimate_nano >= 0", name=op.f("ck_holds_estimate")),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_holds")),
        sqlite_strict=True,
    )


def _make_ledger_transfer() -> None:
    op.create_table(
        "ledger_transfer",
        sa.Column("seq", Int, sa.Identity(always=True), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("debit_account", sa.Text(), nullable=False),
        sa.Column("credit_account", sa.Text(), nullable=False),
        sa.Column("amount", Int, nullable=False),
        sa.Column("pending_id", sa.Text(), nullable=True),
        sa.Column("idem_key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_us", Int, nullable=False),
        sa.CheckConstraint(
            "(phase IN ('post', 'void')) = (pending_id IS NOT NULL)",
            name=op.f("ck_ledger_transfer_resolves"),
        ),
        sa.CheckConstraint(
            "phase IN ('single', 'pending', 'post', 'void')", name=op.f("ck_ledger_transfer_phase")
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_ledger_transfer_amount")),
        sa.CheckConstraint(
            "debit_account <> credit_account", name=op.f("ck_ledger_transfer_accounts")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger_transfer")),
        sa.UniqueConstraint("id", name=op.f("uq_ledger_transfer_id")),
        sa.UniqueConstraint("idem_key", name=op.f("uq_ledger_transfer_idem_key")),
        sa.UniqueConstraint("pending_id", name=op.f("uq_ledger_transfer_pending_id")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_ledger_transfer_wallet", "ledger_transfer", ["wallet_id", "seq"], unique=False
    )


def _make_meta() -> None:
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
        sqlite_strict=True,
    )


def _make_usage() -> None:
    op.create_table(
        "usage",
        sa.Column("seq", Int, sa.Identity(always=True), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("created_us", Int, nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("key_name", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("channel_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("upstream_model", sa.Text(), nullable=False),
        sa.Column("upstream_id", sa.Text(), nullable=True),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("estimated", Int, nullable=False),
        sa.Column("price_id", sa.Text(), nullable=False),
        sa.Column("input_tokens", Int, nullable=False),
        sa.Column("output_tokens", Int, nullable=False),
        sa.Column("cached_input_tokens", Int, nullable=False),
        sa.Column("cache_write_tokens", Int, nullable=False),
        sa.Column("images", Int, nullable=False),
        sa.Column("seconds", Int, nullable=False),
        sa.Column("characters", Int, nullable=False),
        sa.Column("buy_cost_nano", Int, nullable=True),
        sa.Column("attempts", Int, nullable=False),
        sa.Column("latency_ms", Int, nullable=False),
        sa.Column("first_byte_ms", Int, nullable=False),
        sa.Column("hold_credits", Int, nullable=False),
        sa.Column("cost_nano", Int, nullable=False),
        sa.Column("carry_before", Int, nullable=False),
        sa.Column("carry_after", Int, nullable=False),
        sa.Column("credits", Int, nullable=False),
        sa.Column("debt_credits", Int, nullable=False),
        sa.Column("balance_after", Int, nullable=False),
        sa.CheckConstraint(
            "carry_before + cost_nano = credits * 1000000000 + carry_after",
            name=op.f("ck_usage_exact"),
        ),
        sa.CheckConstraint(
            "carry_before BETWEEN 0 AND 999999999 AND carry_after BETWEEN 0 AND 999999999",
            name=op.f("ck_usage_carry"),
        ),
        sa.CheckConstraint("cost_nano >= 0 AND credits >= 0", name=op.f("ck_usage_cost")),
        sa.CheckConstraint("debt_credits BETWEEN 0 AND credits", name=op.f("ck_usage_debt")),
        sa.CheckConstraint("estimated IN (0, 1)", name=op.f("ck_usage_estimated")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_usage")),
        sa.UniqueConstraint("request_id", name=op.f("uq_usage_request_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_usage_key", "usage", ["key_id", "seq"], unique=False)
    op.create_index("ix_usage_wallet", "usage", ["wallet_id", "seq"], unique=False)


def _make_wallet() -> None:
    op.create_table(
        "wallet",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("balance", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("held", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("debt", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("carry_nano", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("qps_log", Bytes, nullable=True),
        sa.Column("tpm_log", Bytes, nullable=True),
        sa.Column("created_us", Int, nullable=False),
        sa.CheckConstraint("balance - held >= 0", name=op.f("ck_wallet_available")),
        sa.CheckConstraint("carry_nano BETWEEN 0 AND 999999999", name=op.f("ck_wallet_carry")),
        sa.CheckConstraint("debt >= 0", name=op.f("ck_wallet_debt")),
        sa.CheckConstraint("held >= 0", name=op.f("ck_wallet_held")),
        sa.ForeignKeyConstraint(["owner_id"], ["account.id"], name=op.f("fk_wallet_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet")),
        sa.UniqueConstraint("owner_id", name=op.f("uq_wallet_owner_id")),
        sqlite_strict=True,
    )


def _make_member() -> None:
    op.create_table(
        "member",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("credit_limit", Int, nullable=True),
        sa.Column("spent", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("spent_nano", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("held_nano", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("created_us", Int, nullable=False),
        sa.Column("left_us", Int, nullable=True),
        sa.CheckConstraint("credit_limit >= 0", name=op.f("ck_member_credit_limit")),
        sa.CheckConstraint("held_nano >= 0", name=op.f("ck_member_held")),
        sa.CheckConstraint(
            "spent >= 0 AND spent_nano BETWEEN 0 AND 999999999", name=op.f("ck_member_spent")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_member_account_id")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.id"], name=op.f("fk_member_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member")),
        sqlite_strict=True,
    )
    op.create_index("ix_member_account", "member", ["account_id"], unique=False)
    op.create_index(
        "uq_member_present",
        "member",
        ["wallet_id", "account_id"],
        unique=True,
        sqlite_where=sa.text("left_us IS NULL"),
        postgresql_where=sa.text("left_us IS NULL"),
    )


def _make_api_key() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("version", Int, server_default=sa.text("1"), nullable=False),
        sa.Column("budget", Int, nullable=True),
        sa.Column("spent", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("spent_nano", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("held_nano", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("rpm", Int, nullable=True),
        sa.Column("rpm_log", Bytes, nullable=True),
        sa.Column("models", sa.Text(), nullable=True),
        sa.Column("groups", sa.Text(), nullable=True),
        sa.Column("content_logging", Int, nullable=True),
        sa.Column("expires_us", Int, nullable=True),
        sa.Column("created_us", Int, nullable=False),
        sa.Column("revoked_us", Int, nullable=True),
        sa.CheckConstraint("budget >= 0", name=op.f("ck_api_key_budget")),
        sa.CheckConstraint("content_logging IN (0, 1)", name=op.f("ck_api_key_content_logging")),
        sa.CheckConstraint("held_nano >= 0", name=op.f("ck_api_key_held")),
        sa.CheckConstraint("rpm > 0", name=op.f("ck_api_key_rpm")),
        sa.CheckConstraint(
            "spent >= 0 AND spent_nano BETWEEN 0 AND 999999999", name=op.f("ck_api_key_spent")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_api_key_member_id")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.id"], name=op.f("fk_api_key_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_key_hash")),
        sqlite_strict=True,
    )
    op.create_index("ix_api_key_member", "api_key", ["member_id"], unique=False)
    op.create_index("ix_api_key_wallet", "api_key", ["wallet_id"], unique=False)
