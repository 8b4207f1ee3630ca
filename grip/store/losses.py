"""The rows of `task_loss`: what the operator may have paid for, and no owner of a task did.

Each task has one at the most. It is looked after until it has a reason, and never changes again.
"""

from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store import due, rows
from grip.store.tables import task, task_loss
from grip.store.tasks import Task

_OPEN = task_loss.c.due_us.is_not(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One loss, or while `reason` is None what may become one, to be looked at when it is due.

    `buy_cost_nano` is None where the channel has no buy price.
    """

    task_id: str
    created_us: int
    reason: str | None = None
    buy_cost_nano: int | None = None
    due_us: int | None = None
    looks: int = 0
    seen_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A loss beside its task."""

    loss: Loss
    task: Task


async def insert(connection: AsyncConnection, loss: Loss) -> None:
    """Write a loss, in the transaction that ends its task."""
    await connection.execute(sa.insert(task_loss).values(asdict(loss)))


async def claim(
    connection: AsyncConnection, *, now_us: int, until_us: int, limit: int
) -> list[Lost]:
    """Take what is due to be looked at; whoever dies over it leaves it to others at `until_us`."""
    statement = due.taken(
        task_loss, "task_id", "looks", _OPEN, now_us=now_us, until_us=until_us, limit=limit
    ).returning(task_loss.c.task_id)
    ids = list((await connection.execute(statement)).scalars())
    return await _load(connection, task_loss.c.task_id.in_(ids)) if ids else []


async def put_off(connection: AsyncConnection, looked: Loss, due_us: int) -> bool:
    """Say when to look again; returns whether it was this look's to say."""
    later = sa.update(task_loss).where(*_same(looked)).values(due_us=due_us)
    return (await connection.execute(later)).rowcount == 1


async def settle(
    connection: AsyncConnection,
    looked: Loss,
    *,
    reason: str,
    buy_cost_nano: int | None,
    seen_us: int,
) -> bool:
    """Write down for good what was lost; returns whether it was still open."""
    values = {
        "reason": reason,
        "buy_cost_nano": buy_cost_nano,
        "seen_us": seen_us,
        "due_us": None,
    }
    seen = sa.update(task_loss).where(*_same(looked)).values(values)
    return (await connection.execute(seen)).rowcount == 1


async def drop(connection: AsyncConnection, looked: Loss) -> bool:
    """Forget what has turned out to be no loss; returns whether it was still open."""
    return (await connection.execute(sa.delete(task_loss).where(*_same(looked)))).rowcount == 1


async def wake(connection: AsyncConnection, task_id: str, now_us: int) -> bool:
    """Have one that is looked after looked at now; returns whether there was one."""
    sooner = sa.update(task_loss).where(
        task_loss.c.task_id == task_id, _OPEN, task_loss.c.due_us > now_us
    )
    return (await connection.execute(sooner.values(due_us=now_us))).rowcount == 1


async def load(connection: AsyncConnection, *, limit: int | None = None) -> list[Lost]:
    """Return the losses, the newest first, without what is still looked after."""
    return await _load(connection, task_loss.c.reason.is_not(None), limit=limit)


async def find(connection: AsyncConnection, task_id: str) -> Loss | None:
    """Return what was lost by a task, None where nothing was, or nothing is known yet."""
    found = await _load(connection, task_loss.c.task_id == task_id, task_loss.c.reason.is_not(None))
    return found[0].loss if found else None


def _same(looked: Loss) -> tuple[sa.ColumnElement[bool], ...]:
    return task_loss.c.task_id == looked.task_id, _OPEN, task_loss.c.looks == looked.looks


async def _load(
    connection: AsyncConnection, *conditions: sa.ColumnElement[bool], limit: int | None = None
) -> list[Lost]:
    prefixed = [column.label(f"loss_{column.name}") for column in task_loss.c]
    query = (
        sa.select(task, *prefixed)
        .join(task_loss, task_loss.c.task_id == task.c.id)
        .where(*conditions)
        .order_by(task_loss.c.seen_us.desc(), task_loss.c.task_id)
        .limit(limit)
    )
    found = (await connection.execute(query)).mappings()
    return [Lost(task=rows.record(Task, row), loss=_loss(row)) for row in found]


def _loss(row: sa.RowMapping) -> Loss:
    return Loss(**{column.name: row[f"loss_{column.name}"] for column in task_loss.c})
