"""Make the tables of how calls went: their details, and the routes that these name."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
Bytes = sa.LargeBinary().with_variant(sa.BLOB(), "sqlite")


def upgrade() -> None:
    """Make them empty: of calls before this one, the usage rows tell."""
    op.create_table(
        "detail",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("created_us", Int, nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("route_id", sa.Text(), nullable=True),
        sa.Column("trace", sa.Text(), nullable=False),
        sa.Column("request", Bytes, nullable=True),
        sa.Column("request_bytes", Int, nullable=True),
        sa.Column("request_form", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("response", Bytes, nullable=True),
        sa.Column("response_bytes", Int, nullable=True),
        sa.Column("response_form", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("redacted_us", Int, nullable=True),
        sa.CheckConstraint(
            "request_form BETWEEN 0 AND 3 AND response_form BETWEEN 0 AND 3",
            name=op.f("ck_detail_forms"),
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_detail")),
        sqlite_strict=True,
    )
    op.create_index("ix_detail_created", "detail", ["created_us"])
    op.create_table(
        "detail_route",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("seen_us", Int, nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_detail_route")),
        sqlite_strict=True,
    )
    op.create_index("ix_detail_route_seen", "detail_route", ["seen_us"])
