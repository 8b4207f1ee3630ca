"""What tasks were asked for: wiped when it was kept for long enough. The rest of them stays."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store.tables import task, task_loss


async def count(connection: AsyncConnection, before_us: int) -> int:
    """Return how many inputs there are of tasks that ended before then."""
    query = sa.select(sa.func.count()).select_from(task).where(*_over(before_us))
    return int((await connection.execute(query)).scalar_one())


async def wipe(connection: AsyncConnection, before_us: int, now_us: int, limit: int) -> int:
    """Empty the inputs of tasks that ended before then, so many at the most; return how many."""
    chosen = (
        sa.select(task.c.id)
        .where(*_over(before_us))
        .order_by(task.c.completed_us)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list((await connection.execute(chosen)).scalars())
    wiped = sa.update(task).where(task.c.id.in_(ids), task.c.wiped_us.is_(None))
    return (await connection.execute(wiped.values(input={}, wiped_us=now_us))).rowcount


def _over(before_us: int) -> tuple[sa.ColumnElement[bool], ...]:
    """Of a task whose upstream is still looked after, its adapter may yet ask for the input."""
    watched = sa.exists().where(task_loss.c.task_id == task.c.id, task_loss.c.due_us.is_not(None))
    return (task.c.completed_us < before_us, task.c.wiped_us.is_(None), ~watched)
