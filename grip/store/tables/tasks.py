"""Media tasks: jobs that outlive their request, what became of each, and where its results lie.

A task's money is in the journal: `hold_id` is the pending transfer that reserved it, resolved in
the transaction that ends the task. `wiped_us` is there once its `input` is gone.
"""

import sqlalchemy as sa

from grip.store.columns import Json, integer, text
from grip.store.tables.base import check, key, reference, table

task = table(
    "task",
    key(),
    reference("wallet_id", "wallet.id"),
    reference("key_id", "api_key.id"),
    reference("member_id", "member.id"),
    text("key_name"),
    text("ip"),
    text("endpoint"),
    text("type"),
    text("model"),
    sa.Column("input", Json, nullable=False),
    sa.Column("metadata", Json),
    text("callback_url", null=True),
    text("price_id"),
    text("hold_id"),
    integer("hold_credits"),
    integer("estimate_nano"),
    integer("images"),
    integer("seconds"),
    integer("characters"),
    text("status"),
    text("phase"),
    integer("progress", default=0),
    text("channel_id", null=True),
    text("channel", null=True),
    text("provider", null=True),
    text("upstream_model", null=True),
    text("upstream_id", null=True),
    text("webhook_token_hash", null=True),
    text("correlation_id"),
    sa.Column("buy", Json),
    integer("attempts", default=0),
    integer("polls", default=0),
    integer("misses", default=0),
    text("fault", null=True),
    integer("due_us"),
    integer("deadline_us"),
    text("lease_owner", null=True),
    integer("lease_until_us", default=0),
    integer("lease_seq", default=0),
    text("error_code", null=True),
    text("error_message", null=True),
    integer("cost_nano", null=True),
    integer("credits", null=True),
    text("counted_by", null=True),
    integer("created_us"),
    integer("submitted_us", null=True),
    integer("completed_us", null=True),
    integer("wiped_us", null=True),
    sa.UniqueConstraint("hold_id"),
    check("status", "status IN ('pending', 'processing', 'completed', 'failed')"),
    check(
        "phase",
        "phase IN ('queued', 'submitting', 'ambiguous', 'submitted', 'running', 'cancelling', "
        "'fetching', 'completed', 'failed')",
    ),
    check("ended", "(status IN ('completed', 'failed')) = (completed_us IS NOT NULL)"),
    check("ending", "(status = phase) = (completed_us IS NOT NULL)"),
    check("error", "(status = 'failed') = (error_code IS NOT NULL)"),
    check("charged", "(completed_us IS NULL) = (credits IS NULL)"),
    check("cost", "(completed_us IS NULL) = (cost_nano IS NULL)"),
    check("never_more", "credits BETWEEN 0 AND hold_credits"),
    check("progress", "progress BETWEEN 0 AND 100"),
)
_OPEN = task.c.completed_us.is_(None)
sa.Index("ix_task_due", task.c.due_us, task.c.id, sqlite_where=_OPEN, postgresql_where=_OPEN)
sa.Index("ix_task_wallet", task.c.wallet_id, task.c.created_us)
sa.Index("ix_task_key", task.c.key_id, task.c.created_us)
_UNWIPED = sa.and_(task.c.completed_us.is_not(None), task.c.wiped_us.is_(None))
sa.Index("ix_task_unwiped", task.c.completed_us, sqlite_where=_UNWIPED, postgresql_where=_UNWIPED)
sa.Index(
    "uq_task_upstream",
    task.c.channel_id,
    task.c.upstream_id,
    unique=True,
    sqlite_where=task.c.upstream_id.is_not(None),
    postgresql_where=task.c.upstream_id.is_not(None),
)

# A vendor's call that was taken: who sends it again changes nothing. `id` is the SHA-256 of the
# vendor's own, which may be of any length.
upstream_event = table(
    "upstream_event",
    key("provider"),
    key("id"),
    integer("taken_us"),
)
sa.Index("ix_upstream_event_taken", upstream_event.c.taken_us)

# One result of a task. It lies under `key` in the store, or at the vendor's `url`, which is a path
# of its API where it begins with `/`; `sha256` is empty where nobody read it whole. Without
# `expires_us` it is kept for ever.
task_result = table(
    "task_result",
    key("task_id"),
    sa.Column("n", integer("n").type, primary_key=True, autoincrement=False),
    text("key", null=True),
    text("url", null=True),
    text("content_type"),
    integer("size"),
    text("sha256"),
    integer("created_us"),
    integer("expires_us", null=True),
    integer("deleted_us", null=True),
    check("n", "n >= 0"),
    check("size", "size > 0"),
    check("place", "(key IS NULL) <> (url IS NULL)"),
)
sa.Index(
    "ix_task_result_due",
    task_result.c.expires_us,
    task_result.c.task_id,
    task_result.c.n,
    sqlite_where=task_result.c.deleted_us.is_(None),
    postgresql_where=task_result.c.deleted_us.is_(None),
)

# What the operator may have paid for a task that cost its owner nothing. Without a reason it is
# still looked after: its upstream may yet finish what nobody waits for.
task_loss = table(
    "task_loss",
    sa.Column("task_id", sa.Text, sa.ForeignKey("task.id"), primary_key=True),
    text("reason", null=True),
    integer("buy_cost_nano", null=True),
    integer("due_us", null=True),
    integer("looks", default=0),
    integer("created_us"),
    integer("seen_us", null=True),
    check("reason", "reason IN ('late', 'billed', 'unfetched', 'unknown')"),
    check("open", "(due_us IS NULL) = (reason IS NOT NULL)"),
    check("seen", "(reason IS NULL) = (seen_us IS NULL)"),
)
sa.Index("ix_task_loss_seen", task_loss.c.seen_us)
sa.Index(
    "ix_task_loss_due",
    task_loss.c.due_us,
    task_loss.c.task_id,
    sqlite_where=task_loss.c.due_us.is_not(None),
    postgresql_where=task_loss.c.due_us.is_not(None),
)
