"""What tasks made: where each result lies, what it is, and until when it is kept."""

import sqlalchemy as sa

from grip.store.columns import integer, text
from grip.store.tables.base import check, key, table

# One result of a task. It lies under `key` in the store, or at the vendor's `url`; `sha256` is
# empty where nobody read it whole. Without `expires_us` it is kept for ever.
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
