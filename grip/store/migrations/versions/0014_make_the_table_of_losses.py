"""Make the table of what the operator paid for, and no customer did."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None

Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
REASONS = "'late', 'billed', 'unfetched', 'unknown'"


def upgrade() -> None:
    """Make it empty, with an index of the tasks that are still looked after."""
    op.create_table(
        "task_loss",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("buy_cost_nano", Int, nullable=True),
        sa.Column("due_us", Int, nullable=True),
        sa.Column("looks", Int, server_default="0", nullable=False),
        sa.Column("created_us", Int, nullable=False),
        sa.Column("seen_us", Int, nullable=True),
        sa.CheckConstraint(f"reason IN ({REASONS})", name=op.f("ck_task_loss_reason")),
        sa.CheckConstraint(
            "(due_us IS NULL) = (reason IS NOT NULL)", name=op.f("ck_task_loss_open")
        ),
        sa.CheckConstraint("(reason IS NULL) = (seen_us IS NULL)", name=op.f("ck_task_loss_seen")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_loss_task_id_task")),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_task_loss")),
        sqlite_strict=True,
    )
    op.create_index("ix_task_loss_seen", "task_loss", ["seen_us"])
    open_ = sa.text("due_us IS NOT NULL")
    op.create_index(
        "ix_task_loss_due",
        "task_loss",
        ["due_us", "task_id"],
        sqlite_where=open_,
        postgresql_where=open_,
    )
