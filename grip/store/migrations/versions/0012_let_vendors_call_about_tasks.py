"""Let a task say where its vendor may call, and remember which calls were taken."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")


def upgrade() -> None:
    """Nobody was asked to call about the tasks that there are."""
    op.add_column("task", sa.Column("webhook_token_hash", sa.Text(), nullable=True))
    op.create_table(
        "upstream_event",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("taken_us", Int, nullable=False),
        sa.PrimaryKeyConstraint("provider", "id", name=op.f("pk_upstream_event")),
        sqlite_strict=True,
    )
    op.create_index("ix_upstream_event_taken", "upstream_event", ["taken_us"])
