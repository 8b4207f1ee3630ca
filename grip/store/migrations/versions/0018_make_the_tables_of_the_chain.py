"""Make the tables of the hash chain and of checkpoints, and guard those that only grow.

An index lets what is asked of orders pass over the rest of the journal.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
Bytes = sa.LargeBinary().with_variant(sa.BLOB(), "sqlite")

TAKEN = {
    "chain_block": "journal = NEW.journal AND number = NEW.number",
    "checkpoint": "number = NEW.number OR id = NEW.id",
}


def upgrade() -> None:
    """Make them empty: `grip maintenance` closes the first blocks."""
    _chain_block()
    _checkpoint()
    _checkpoint_balance()
    of_orders = sa.text("kind IN ('bonus', 'purchase', 'reinstatement', 'reversal')")
    op.create_index(
        "ix_ledger_transfer_order",
        "ledger_transfer",
        ["idem_key"],
        sqlite_where=of_orders,
        postgresql_where=of_orders,
    )
    for table, taken in TAKEN.items():
        _guard(table, taken)


def _guard(table: str, taken: str) -> None:
    """Make the triggers that reject changes."""
    if op.get_bind().dialect.name == "sqlite":
        reject = f"BEGIN SELECT RAISE(ABORT, 'the table {table} is append-only'); END"
        op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {reject}")
        op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {reject}")
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {taken}) {reject}"
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


def _chain_block() -> None:
    op.create_table(
        "chain_block",
        sa.Column("journal", sa.Text(), nullable=False),
        sa.Column("number", Int, autoincrement=False, nullable=False),
        sa.Column("format", Int, nullable=False),
        sa.Column("first_seq", Int, nullable=False),
        sa.Column("last_seq", Int, nullable=False),
        sa.Column("row_count", Int, nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("digests", Bytes, nullable=False),
        sa.Column("closed_us", Int, nullable=False),
        sa.CheckConstraint("first_seq <= last_seq", name=op.f("ck_chain_block_bounds")),
        sa.CheckConstraint("number > 0", name=op.f("ck_chain_block_number")),
        sa.CheckConstraint("row_count > 0", name=op.f("ck_chain_block_row_count")),
        sa.PrimaryKeyConstraint("journal", "number", name=op.f("pk_chain_block")),
        sqlite_strict=True,
    )


def _checkpoint() -> None:
    op.create_table(
        "checkpoint",
        sa.Column("number", Int, autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at_us", Int, nullable=False),
        sa.Column("heads", sa.Text(), nullable=False),
        sa.Column("balances", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_checkpoint_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_checkpoint")),
        sa.UniqueConstraint("id", name=op.f("uq_checkpoint_id")),
        sqlite_strict=True,
    )


def _checkpoint_balance() -> None:
    op.create_table(
        "checkpoint_balance",
        sa.Column("checkpoint_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("credits", Int, nullable=False),
        sa.Column("nano", Int, nullable=False),
        sa.Column("debt", Int, nullable=False),
        sa.CheckConstraint(
            "kind IN ('wallet', 'key', 'member', 'hold')", name=op.f("ck_checkpoint_balance_kind")
        ),
        sa.PrimaryKeyConstraint("checkpoint_id", "kind", "id", name=op.f("pk_checkpoint_balance")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
