"""Make the table of media tasks, and let usage name the transfer that moved its credits."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")


def upgrade() -> None:
    """Make it empty; the usage of synchronous calls names no transfer."""
    op.add_column("usage", sa.Column("transfer_id", sa.Text(), nullable=True))
    op.create_table(
        "task",
        *_owner(),
        *_request(),
        *_money(),
        *_state(),
        *_channel(),
        *_ending(),
        *_checks(),
        sqlite_strict=True,
    )
    is_open, is_known = sa.text("completed_us IS NULL"), sa.text("upstream_id IS NOT NULL")
    op.create_index(
        "ix_task_due", "task", ["due_us", "id"], sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index("ix_task_wallet", "task", ["wallet_id", "created_us"])
    op.create_index("ix_task_key", "task", ["key_id", "created_us"])
    op.create_index(
        "uq_task_upstream",
        "task",
        ["channel_id", "upstream_id"],
        unique=True,
        sqlite_where=is_known,
        postgresql_where=is_known,
    )


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def _integer(name: str, *, null: bool = False, default: bool = False) -> sa.Column[int]:
    return sa.Column(name, Int, nullable=null, server_default=sa.text("0") if default else None)


def _owner() -> list[sa.Column[str]]:
    return [
        _text("id"),
        _text("wallet_id"),
        _text("key_id"),
        _text("member_id"),
        _text("key_name"),
        _text("ip"),
    ]


def _request() -> list[sa.Column[str]]:
    return [
        _text("endpoint"),
        _text("type"),
        _text("model"),
        _text("input"),
        _text("metadata", null=True),
        _text("callback_url", null=True),
    ]


def _money() -> list[sa.Column[str] | sa.Column[int]]:
    return [
        _text("price_id"),
        _text("hold_id"),
        _integer("hold_credits"),
        _integer("estimate_nano"),
        _integer("images"),
        _integer("seconds"),
        _integer("characters"),
    ]


def _state() -> list[sa.Column[str] | sa.Column[int]]:
    return [
        _text("status"),
        _text("phase"),
        _integer("progress", default=True),
        _integer("attempts", default=True),
        _integer("polls", default=True),
        _integer("misses", default=True),
        _text("fault", null=True),
        _integer("due_us"),
        _integer("deadline_us"),
        _text("lease_owner", null=True),
        _integer("lease_until_us", default=True),
        _integer("lease_seq", default=True),
    ]


def _channel() -> list[sa.Column[str]]:
    return [
        _text("channel_id", null=True),
        _text("channel", null=True),
        _text("provider", null=True),
        _text("upstream_model", null=True),
        _text("upstream_id", null=True),
        _text("correlation_id"),
        _text("buy", null=True),
    ]


def _ending() -> list[sa.Column[str] | sa.Column[int]]:
    return [
        _text("error_code", null=True),
        _text("error_message", null=True),
        _integer("cost_nano", null=True),
        _integer("credits", null=True),
        _text("counted_by", null=True),
        _integer("created_us"),
        _integer("submitted_us", null=True),
        _integer("completed_us", null=True),
    ]


def _checks() -> list[sa.schema.SchemaItem]:
    conditions = {
        "status": "status IN ('pending', 'processing', 'completed', 'failed')",
        "phase": "phase IN ('queued', 'submitting', 'ambiguous', 'submitted', 'running', "
        "'cancelling', 'fetching', 'completed', 'failed')",
        "ended": "(status IN ('completed', 'failed')) = (completed_us IS NOT NULL)",
        "ending": "(status = phase) = (completed_us IS NOT NULL)",
        "error": "(status = 'failed') = (error_code IS NOT NULL)",
        "charged": "(completed_us IS NULL) = (credits IS NULL)",
        "cost": "(completed_us IS NULL) = (cost_nano IS NULL)",
        "never_more": "credits BETWEEN 0 AND hold_credits",
        "progress": "progress BETWEEN 0 AND 100",
    }
    references = {"wallet_id": "wallet.id", "key_id": "api_key.id", "member_id": "member.id"}
    return [
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_task_{name}"))
            for name, condition in conditions.items()
        ),
        *(
            sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_task_{column}"))
            for column, target in references.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("hold_id", name=op.f("uq_task_hold_id")),
    ]
