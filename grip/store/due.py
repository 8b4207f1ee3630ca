"""Taking what is due: several workers and nodes ask, and each row is one's until a time.

Who dies over a row leaves it to whoever asks after that time. What another has locked is passed by.
"""

from typing import Any

import sqlalchemy as sa


def taken(
    table: sa.Table,
    key: str,
    counts: str,
    *where: sa.ColumnElement[bool],
    now_us: int,
    until_us: int,
    limit: int,
) -> sa.Update:
    """Return the statement that takes the rows whose `due_us` has come, the longest due first.

    Their `due_us` becomes `until_us`, and the column `counts` one more.
    """
    row: Any = table.c
    due = (
        sa.select(row[key])
        .where(*where, row.due_us <= now_us)
        .order_by(row.due_us, row[key])
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    # Or PostgreSQL asks again for each row, and takes more than `limit`.
    chosen = due.cte("due").prefix_with("MATERIALIZED", dialect="postgresql")
    return (
        sa.update(table)
        .where(row[key].in_(sa.select(chosen.c[key])))
        .values({"due_us": until_us, counts: row[counts] + 1})
    )
