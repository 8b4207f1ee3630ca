"""Make the table of channels that are or were sick."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")


def upgrade() -> None:
    """Make it empty: everybody is well until a call says otherwise."""
    op.create_table(
        "channel_health",
        sa.Column("channel_id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("is_sick", Int, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since_us", Int, nullable=False),
        sa.Column("until_us", Int, nullable=False),
        sa.Column("level", Int, nullable=False),
        sa.Column("changed_us", Int, nullable=False),
        sa.CheckConstraint("is_sick IN (0, 1)", name=op.f("ck_channel_health_is_sick")),
        sa.PrimaryKeyConstraint("channel_id", "model", name=op.f("pk_channel_health")),
        sqlite_strict=True,
    )
