"""Make the tables of callbacks, their attempts and their secrets."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
Bytes = sa.LargeBinary().with_variant(sa.BLOB(), "sqlite")


def upgrade() -> None:
    """Make them empty."""
    _make_callback()
    _make_callback_attempt()
    _make_callback_secret()


def _make_callback() -> None:
    op.create_table(
        "callback",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("body", Bytes, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("tries", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("due_us", Int, nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until_us", Int, nullable=True),
        sa.Column("lease_seq", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("created_us", Int, nullable=False),
        sa.Column("ended_us", Int, nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'delivered', 'dead')", name=op.f("ck_callback_state")
        ),
        sa.CheckConstraint(
            "(state = 'pending') = (ended_us IS NULL)", name=op.f("ck_callback_ended")
        ),
        sa.CheckConstraint("tries BETWEEN 0 AND attempts", name=op.f("ck_callback_tries")),
        sa.CheckConstraint(
            "(lease_owner IS NULL) = (lease_until_us IS NULL)", name=op.f("ck_callback_lease")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback")),
        sa.UniqueConstraint("task_id", "event", name=op.f("uq_callback_task_id_event")),
        sqlite_strict=True,
    )
    pending = sa.text("state = 'pending'")
    op.create_index(
        "ix_callback_due",
        "callback",
        ["host", "due_us", "id", "lease_until_us"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
    op.create_index("ix_callback_created", "callback", ["created_us"])


def _make_callback_attempt() -> None:
    op.create_table(
        "callback_attempt",
        sa.Column("callback_id", sa.Text(), nullable=False),
        sa.Column("number", Int, autoincrement=False, nullable=False),
        sa.Column("started_us", Int, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("status", Int, nullable=True),
        sa.Column("latency_ms", Int, nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("reply", Bytes, nullable=True),
        sa.ForeignKeyConstraint(
            ["callback_id"], ["callback.id"], name=op.f("fk_callback_attempt_callback_id")
        ),
        sa.PrimaryKeyConstraint("callback_id", "number", name=op.f("pk_callback_attempt")),
        sqlite_strict=True,
    )


def _make_callback_secret() -> None:
    op.create_table(
        "callback_secret",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_us", Int, nullable=False),
        sa.Column("shown_us", Int, nullable=True),
        sa.Column("ends_us", Int, nullable=True),
        sa.ForeignKeyConstraint(
            ["wallet_id"], ["wallet.id"], name=op.f("fk_callback_secret_wallet_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback_secret")),
        sqlite_strict=True,
    )
    op.create_index("ix_callback_secret_wallet", "callback_secret", ["wallet_id"])
