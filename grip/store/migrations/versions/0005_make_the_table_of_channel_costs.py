"""Make the table of what channels take for models."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")

RATES = (
    "input",
    "output",
    "cached_input",
    "cache_write",
    "image",
    "second",
    "character",
    "request",
)


def upgrade() -> None:
    """Make it empty: every channel takes what its models cost."""
    op.create_table(
        "channel_cost",
        sa.Column("channel_id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        *(sa.Column(f"{rate}_nano", Int, nullable=True) for rate in RATES),
        *(
            sa.CheckConstraint(f"{rate}_nano >= 0", name=op.f(f"ck_channel_cost_{rate}"))
            for rate in RATES
        ),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["channel.id"], name=op.f("fk_channel_cost_channel_id")
        ),
        sa.PrimaryKeyConstraint("channel_id", "model", name=op.f("pk_channel_cost")),
        sqlite_strict=True,
    )
