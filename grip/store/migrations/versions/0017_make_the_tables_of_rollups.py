"""Make the days and months of usage, their blocks, and what maintenance knows of itself."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")

KEY = ("wallet_id", "key_id", "model", "channel_id")
SUMS = (
    "estimated",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "images",
    "seconds",
    "characters",
    "attempts",
    "latency_ms",
    "first_byte_ms",
    "credits",
    "debt_credits",
)
NANO = 1_000_000_000


def upgrade() -> None:
    """Make them empty: `grip maintenance` fills them from the rows that are there."""
    _usage_day()
    op.execute(_usage_month())
    _rollup_block()
    op.create_table(
        "maintenance",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at_us", Int, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_maintenance")),
        sqlite_strict=True,
    )


def _usage_day() -> None:
    nanos = ("cost_credits", "cost_nano", "buy_credits", "buy_nano")
    op.create_table(
        "usage_day",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("day", *KEY)),
        sa.Column("calls", Int, nullable=False),
        *(sa.Column(name, Int, nullable=False) for name in (*SUMS, *nanos, "unknown_buy")),
        sa.CheckConstraint(f"cost_nano BETWEEN 0 AND {NANO - 1}", name=op.f("ck_usage_day_cost")),
        sa.CheckConstraint(f"buy_nano BETWEEN 0 AND {NANO - 1}", name=op.f("ck_usage_day_buy")),
        sa.CheckConstraint(
            "calls > 0 AND unknown_buy BETWEEN 0 AND calls", name=op.f("ck_usage_day_calls")
        ),
        sa.PrimaryKeyConstraint("day", *KEY, name=op.f("pk_usage_day")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_usage_day_wallet", "usage_day", ["wallet_id", "day"])


def _usage_month() -> str:
    """Return the view: PostgreSQL sums to a type of fractions, so that each sum is cast."""
    keys = ", ".join(("substr(day, 1, 7)", *KEY))
    sums = [f"CAST(SUM({name}) AS BIGINT) AS {name}" for name in ("calls", *SUMS, "unknown_buy")]
    for name in ("cost", "buy"):
        whole, rest = (f"CAST(SUM({name}_{unit}) AS BIGINT)" for unit in ("credits", "nano"))
        sums += [
            f"{whole} + {rest} / {NANO} AS {name}_credits",
            f"{rest} % {NANO} AS {name}_nano",
        ]
    shown = ", ".join(("substr(day, 1, 7) AS month", *KEY, *sums))
    return f"CREATE VIEW usage_month AS SELECT {shown} FROM usage_day GROUP BY {keys}"


def _rollup_block() -> None:
    op.create_table(
        "rollup_block",
        sa.Column("number", Int, autoincrement=False, nullable=False),
        sa.Column("first_seq", Int, nullable=False),
        sa.Column("last_seq", Int, nullable=False),
        sa.Column("first_us", Int, nullable=False),
        sa.Column("last_us", Int, nullable=False),
        sa.Column("rows", Int, nullable=False),
        sa.CheckConstraint(
            "last_seq >= first_seq AND last_us >= first_us", name=op.f("ck_rollup_block_bounds")
        ),
        sa.CheckConstraint("rows > 0", name=op.f("ck_rollup_block_rows")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_rollup_block")),
        sa.UniqueConstraint("first_seq", name=op.f("uq_rollup_block_first_seq")),
        sqlite_strict=True,
    )
