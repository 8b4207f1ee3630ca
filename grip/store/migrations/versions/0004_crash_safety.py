"""Make the tables of boots and Idempotency-Keys, and what holds and streams need of others."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
Bytes = sa.LargeBinary().with_variant(sa.BLOB(), "sqlite")

OLD_HOLDS = (
    "request_id, wallet_id, key_id, member_id, amount, estimate_nano, tokens, admitted_us, model, "
    "endpoint, ip, boot_id"
)


def upgrade() -> None:
    """Make the tables, and end the boots of whatever is still held: they count no heartbeats."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    _make_boot()
    _make_idempotency()
    _make_idempotency_answer()
    if is_sqlite:
        _remake_holds()
    else:
        _widen_holds()
    op.execute(
        "INSERT INTO boot (id, host, region, started_us, beats, ended_us, ending) "
        "SELECT DISTINCT boot_id, '', '', 0, 0, 0, 'dead' FROM holds"
    )
    _flag("channel", "drains", 1, is_sqlite=is_sqlite)
    _flag("model", "reasoning", 0, is_sqlite=is_sqlite)


def _make_boot() -> None:
    op.create_table(
        "boot",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("started_us", Int, nullable=False),
        sa.Column("beats", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("ended_us", Int, nullable=True),
        sa.Column("ending", sa.Text(), nullable=True),
        sa.CheckConstraint("(ended_us IS NULL) = (ending IS NULL)", name=op.f("ck_boot_ending")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_boot")),
        sqlite_strict=True,
    )


def _make_idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("idem_key", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("created_us", Int, nullable=False),
        sa.CheckConstraint(
            "state IN ('running', 'kept', 'lost')", name=op.f("ck_idempotency_state")
        ),
        sa.PrimaryKeyConstraint("key_id", "idem_key", name=op.f("pk_idempotency")),
        sa.UniqueConstraint("request_id", name=op.f("uq_idempotency_request_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_idempotency_created", "idempotency", ["created_us"])


def _make_idempotency_answer() -> None:
    op.create_table(
        "idempotency_answer",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("body", Bytes, nullable=False),
        sa.Column("created_us", Int, nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_idempotency_answer")),
        sqlite_strict=True,
    )
    op.create_index("ix_idempotency_answer_created", "idempotency_answer", ["created_us"])


def _remake_holds() -> None:
    """Make `holds` anew without row ids: one page less is written for each hold."""
    op.rename_table("holds", "holds_before")
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
        sa.Column("input_tokens", Int, nullable=False),
        sa.Column("price_id", sa.Text(), nullable=False),
        sa.Column("idem_key", sa.Text(), nullable=True),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_holds_amount")),
        sa.CheckConstraint("estimate_nano >= 0", name=op.f("ck_holds_estimate")),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_holds")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.execute(
        f"INSERT INTO holds ({OLD_HOLDS}, input_tokens, price_id) "
        f"SELECT {OLD_HOLDS}, 0, '' FROM holds_before"
    )
    op.drop_table("holds_before")


def _widen_holds() -> None:
    op.add_column("holds", sa.Column("input_tokens", Int, nullable=False, server_default="0"))
    op.add_column("holds", sa.Column("price_id", sa.Text(), nullable=False, server_default=""))
    op.add_column("holds", sa.Column("idem_key", sa.Text(), nullable=True))
    op.alter_column("holds", "input_tokens", server_default=None)
    op.alter_column("holds", "price_id", server_default=None)


def _flag(table: str, column: str, default: int, *, is_sqlite: bool) -> None:
    kind = "INTEGER" if is_sqlite else "BIGINT"
    op.execute(
        f"ALTER TABLE {table} ADD COLUMN {column} {kind} DEFAULT {default} NOT NULL "
        f"CONSTRAINT ck_{table}_{column} CHECK ({column} IN (0, 1))"
    )
