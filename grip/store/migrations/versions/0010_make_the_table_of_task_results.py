"""Make the table of what tasks made."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")


def upgrade() -> None:
    """Make it empty, with an index of those that are still to be deleted."""
    op.create_table(
        "task_result",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("n", Int, autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size", Int, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_us", Int, nullable=False),
        sa.Column("expires_us", Int, nullable=True),
        sa.Column("deleted_us", Int, nullable=True),
        sa.CheckConstraint("n >= 0", name=op.f("ck_task_result_n")),
        sa.CheckConstraint("size > 0", name=op.f("ck_task_result_size")),
        sa.CheckConstraint("(key IS NULL) <> (url IS NULL)", name=op.f("ck_task_result_place")),
        sa.PrimaryKeyConstraint("task_id", "n", name=op.f("pk_task_result")),
        sqlite_strict=True,
    )
    alive = sa.text("deleted_us IS NULL")
    op.create_index(
        "ix_task_result_due",
        "task_result",
        ["expires_us", "task_id", "n"],
        sqlite_where=alive,
        postgresql_where=alive,
    )
