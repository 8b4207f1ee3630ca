"""Let the inputs of tasks go when their days are over: prompts are no part of the books."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
_UNWIPED = sa.text("completed_us IS NOT NULL AND wiped_us IS NULL")


def upgrade() -> None:
    """What has ended is wiped by the next run of maintenance, as old as it may be."""
    op.add_column("task", sa.Column("wiped_us", Int, nullable=True))
    op.create_index(
        "ix_task_unwiped",
        "task",
        ["completed_us"],
        sqlite_where=_UNWIPED,
        postgresql_where=_UNWIPED,
    )
