"""Make the tables of orders, payments and documents, and guard what may only grow."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
Bytes = sa.LargeBinary().with_variant(sa.BLOB(), "sqlite")

STATUSES = (
    "'created', 'awaiting_payment', 'paid', 'partially_reversed', 'reversed', 'expired', "
    "'canceled', 'failed', 'review', 'returned'"
)

APPEND_ONLY = {"payment_fact": "seq", "document": "id", "tier_change": "seq"}


def upgrade() -> None:
    """Make them empty."""
    _payment_order()
    _checkout_session()
    _payment_event()
    _payment_fact()
    _payment_refund()
    _document()
    _document_pdf()
    _document_series()
    _tier_change()
    for table, unique in APPEND_ONLY.items():
        _guard(table, unique)


def _guard(table: str, unique: str) -> None:
    """Make the triggers that reject changes."""
    if op.get_bind().dialect.name == "sqlite":
        reject = f"BEGIN SELECT RAISE(ABORT, 'the table {table} is append-only'); END"
        op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {reject}")
        op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {reject}")
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {unique} = NEW.{unique}) {reject}"
        )
        return
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION grip_append_only()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION grip_append_only()"
    )


def _payment_order() -> None:
    op.create_table(
        "payment_order",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("package", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("credits", Int, nullable=False),
        sa.Column("bonus", Int, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("net_minor", Int, nullable=False),
        sa.Column("tax_minor", Int, nullable=False),
        sa.Column("gross_minor", Int, nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("idem_key", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("created_us", Int, nullable=False),
        sa.Column("paid_us", Int, nullable=True),
        sa.Column("payment_ref", sa.Text(), nullable=True),
        sa.Column("returned_minor", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("reversed_credits", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("disputed", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.CheckConstraint(
            f"status IN ({STATUSES})",
            name=op.f("ck_payment_order_status"),
        ),
        sa.CheckConstraint(
            "(paid_us IS NULL) = (payment_ref IS NULL)", name=op.f("ck_payment_order_paid")
        ),
        sa.CheckConstraint("credits > 0 AND bonus >= 0", name=op.f("ck_payment_order_credits")),
        sa.CheckConstraint(
            "net_minor > 0 AND tax_minor >= 0 AND gross_minor = net_minor + tax_minor",
            name=op.f("ck_payment_order_amounts"),
        ),
        sa.CheckConstraint(
            "paid_us IS NOT NULL OR (returned_minor = 0 AND reversed_credits = 0)",
            name=op.f("ck_payment_order_unpaid"),
        ),
        sa.CheckConstraint(
            "returned_minor BETWEEN 0 AND gross_minor", name=op.f("ck_payment_order_returned")
        ),
        sa.CheckConstraint(
            "reversed_credits BETWEEN 0 AND credits + bonus", name=op.f("ck_payment_order_reversed")
        ),
        sa.ForeignKeyConstraint(
            ["wallet_id"], ["wallet.id"], name=op.f("fk_payment_order_wallet_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_order")),
        sa.UniqueConstraint("idem_key", name=op.f("uq_payment_order_idem_key")),
        sqlite_strict=True,
    )
    op.create_index("ix_payment_order_wallet", "payment_order", ["wallet_id", "created_us"])
    op.create_index(
        "uq_payment_order_payment",
        "payment_order",
        ["provider", "payment_ref"],
        unique=True,
        sqlite_where=sa.text("payment_ref IS NOT NULL"),
        postgresql_where=sa.text("payment_ref IS NOT NULL"),
    )


def _checkout_session() -> None:
    op.create_table(
        "checkout_session",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("created_us", Int, nullable=False),
        sa.Column("expires_us", Int, nullable=False),
        sa.Column("due_us", Int, nullable=True),
        sa.Column("looks", Int, server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "(state = 'closed') = (due_us IS NULL)", name=op.f("ck_checkout_session_due")
        ),
        sa.CheckConstraint(
            "state IN ('creating', 'open', 'closed')", name=op.f("ck_checkout_session_state")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["payment_order.id"], name=op.f("fk_checkout_session_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkout_session")),
        sa.UniqueConstraint("order_id", name=op.f("uq_checkout_session_order_id")),
        sa.UniqueConstraint("provider", "ref", name=op.f("uq_checkout_session_provider_ref")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_checkout_session_due",
        "checkout_session",
        ["due_us"],
        sqlite_where=sa.text("due_us IS NOT NULL"),
        postgresql_where=sa.text("due_us IS NOT NULL"),
    )


def _payment_event() -> None:
    op.create_table(
        "payment_event",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("payment_ref", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("body", Bytes, nullable=False),
        sa.Column("received_us", Int, nullable=False),
        sa.CheckConstraint(
            "state IN ('applied', 'ignored', 'quarantined', 'waiting')",
            name=op.f("ck_payment_event_state"),
        ),
        sa.PrimaryKeyConstraint("provider", "event_id", name=op.f("pk_payment_event")),
        sqlite_strict=True,
    )
    op.create_index("ix_payment_event_order", "payment_event", ["order_id"])
    op.create_index("ix_payment_event_received", "payment_event", ["received_us"])
    is_waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_payment_event_waiting",
        "payment_event",
        ["provider", "payment_ref"],
        sqlite_where=is_waiting,
        postgresql_where=is_waiting,
    )


def _payment_fact() -> None:
    op.create_table(
        "payment_fact",
        sa.Column("seq", Int, sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("amount_minor", Int, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_us", Int, nullable=False),
        sa.CheckConstraint(
            "kind IN ('paid', 'ended', 'refund', 'dispute')", name=op.f("ck_payment_fact_kind")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["payment_order.id"], name=op.f("fk_payment_fact_order_id")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_payment_fact")),
        sa.UniqueConstraint(
            "order_id",
            "kind",
            "ref",
            "word",
            "amount_minor",
            "currency",
            name=op.f("uq_payment_fact_order_id_kind_ref_word_amount_minor_currency"),
        ),
        sqlite_strict=True,
    )


def _payment_refund() -> None:
    op.create_table(
        "payment_refund",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount_minor", Int, nullable=False),
        sa.Column("hold_id", sa.Text(), nullable=True),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_us", Int, nullable=False),
        sa.Column("due_us", Int, nullable=True),
        sa.Column("tries", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("ended_us", Int, nullable=True),
        sa.CheckConstraint(
            "(state IN ('requested', 'pending')) = (ended_us IS NULL)",
            name=op.f("ck_payment_refund_ended"),
        ),
        sa.CheckConstraint(
            "state IN ('requested', 'pending', 'succeeded', 'failed', 'canceled')",
            name=op.f("ck_payment_refund_state"),
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payment_refund_amount")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["payment_order.id"], name=op.f("fk_payment_refund_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_refund")),
        sqlite_strict=True,
    )
    op.create_index("ix_payment_refund_order", "payment_refund", ["order_id"])


def _document() -> None:
    op.create_table(
        "document",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("number", Int, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("net_minor", Int, nullable=False),
        sa.Column("tax_minor", Int, nullable=False),
        sa.Column("gross_minor", Int, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("issued_us", Int, nullable=False),
        sa.CheckConstraint("kind IN ('invoice', 'credit_note')", name=op.f("ck_document_kind")),
        sa.CheckConstraint("number > 0", name=op.f("ck_document_number")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.id"], name=op.f("fk_document_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("series", "number", name=op.f("uq_document_series_number")),
        sa.UniqueConstraint("wallet_id", "cause", name=op.f("uq_document_wallet_id_cause")),
        sqlite_strict=True,
    )
    op.create_index("ix_document_wallet", "document", ["wallet_id", "issued_us"])


def _document_pdf() -> None:
    op.create_table(
        "document_pdf",
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("rendered_us", Int, nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["document.id"], name=op.f("fk_document_pdf_document_id")
        ),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_document_pdf")),
        sqlite_strict=True,
    )


def _document_series() -> None:
    op.create_table(
        "document_series",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("next_number", Int, nullable=False),
        sa.CheckConstraint("next_number > 0", name=op.f("ck_document_series_next_number")),
        sa.PrimaryKeyConstraint("series", name=op.f("pk_document_series")),
        sqlite_strict=True,
    )


def _tier_change() -> None:
    op.create_table(
        "tier_change",
        sa.Column("seq", Int, sa.Identity(always=True), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at_us", Int, nullable=False),
        sa.ForeignKeyConstraint(
            ["wallet_id"], ["wallet.id"], name=op.f("fk_tier_change_wallet_id")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_tier_change")),
        sqlite_strict=True,
    )
    op.create_index("ix_tier_change_wallet", "tier_change", ["wallet_id", "seq"])
