"""The rows of `task`: made whole, claimed by one worker at a time, changed only by who holds them.

Every change names the lease that it rests on, and who no longer has it changes nothing: a worker
that slept through its lease cannot write over another's work.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip import errors
from grip.store import rows
from grip.store.columns import Int
from grip.store.tables import task


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A media task as it stands: what was asked for, what is held for it, and how far it is.

    `phase` is what drives it, `status` what its owner sees. The lease belongs to whoever counted
    `lease_seq` up last. `webhook_token_hash` is there where the vendor was asked to call: what the
    address that this submission named ends with, hashed.
    """

    id: str
    wallet_id: str
    key_id: str
    member_id: str
    key_name: str
    ip: str
    endpoint: str
    type: str
    model: str
    input: dict[str, Any]
    metadata: dict[str, Any] | None
    callback_url: str | None
    price_id: str
    hold_id: str
    hold_credits: int
    estimate_nano: int
    images: int
    seconds: int
    characters: int
    status: str
    phase: str
    progress: int
    channel_id: str | None
    channel: str | None
    provider: str | None
    upstream_model: str | None
    upstream_id: str | None
    webhook_token_hash: str | None
    correlation_id: str
    buy: dict[str, int] | None
    attempts: int
    polls: int
    misses: int
    fault: str | None
    due_us: int
    deadline_us: int
    lease_owner: str | None
    lease_until_us: int
    lease_seq: int
    error_code: str | None
    error_message: str | None
    cost_nano: int | None
    credits: int | None
    counted_by: str | None
    created_us: int
    submitted_us: int | None
    completed_us: int | None

    @property
    def is_over(self) -> bool:
        """Whether it has ended: nothing of it changes any more."""
        return self.completed_us is not None


_ALL = sa.select(task)
_OPEN = task.c.completed_us.is_(None)


async def insert(connection: AsyncConnection, added: Task) -> None:
    """Write a new task."""
    await connection.execute(sa.insert(task).values(asdict(added)))


async def find(connection: AsyncConnection, task_id: str) -> Task | None:
    """Return a task, None where there is none of this id."""
    if not rows.is_id(task_id):
        return None
    row = (await connection.execute(_ALL.where(task.c.id == task_id))).mappings().one_or_none()
    return None if row is None else rows.record(Task, row)


async def load(
    connection: AsyncConnection,
    *,
    wallet_id: str | None = None,
    member_id: str | None = None,
    status: str | None = None,
    kind: str | None = None,
    model: str | None = None,
    before: tuple[int, str] | None = None,
    limit: int | None = None,
) -> list[Task]:
    """Return tasks, newest first; `before` is time and id of the last one that was seen."""
    query = _ALL.order_by(task.c.created_us.desc(), task.c.id.desc()).limit(limit)
    for column, value in (
        (task.c.wallet_id, wallet_id),
        (task.c.member_id, member_id),
        (task.c.status, status),
        (task.c.type, kind),
        (task.c.model, model),
    ):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(sa.tuple_(task.c.created_us, task.c.id) < sa.tuple_(*before))
    return [rows.record(Task, row) for row in (await connection.execute(query)).mappings()]


async def claim(
    connection: AsyncConnection, owner: str, *, now_us: int, until_us: int, limit: int
) -> list[Task]:
    """Take at most `limit` tasks that are due and that nobody works on, the longest due first.

    Each comes with a lease until `until_us` and a number that only its holder knows.
    """
    due = (
        sa.select(task.c.id)
        .where(_OPEN, task.c.due_us <= now_us, task.c.lease_until_us <= now_us)
        .order_by(task.c.due_us, task.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    # PostgreSQL may run a plain subquery again for each row, and lock more than it takes.
    chosen = due.cte("due").prefix_with("MATERIALIZED", dialect="postgresql")
    taken = (
        sa.update(task)
        .where(task.c.id.in_(sa.select(chosen.c.id)))
        .values(lease_owner=owner, lease_until_us=until_us, lease_seq=task.c.lease_seq + 1)
        .returning(*task.c)
    )
    found = (await connection.execute(taken)).mappings()
    return sorted((rows.record(Task, row) for row in found), key=lambda one: (one.due_us, one.id))


async def renew(connection: AsyncConnection, held: Iterable[Task], until_us: int) -> None:
    """Keep leases for longer, those that are still held and were not given back."""
    values = [
        {"p_id": one.id, "p_lease_seq": one.lease_seq, "p_owner": one.lease_owner}
        for one in sorted(held, key=_by_id)
    ]
    if not values:
        return
    await connection.execute(
        sa.update(task)
        .where(
            task.c.id == sa.bindparam("p_id"),
            task.c.lease_seq == sa.bindparam("p_lease_seq"),
            task.c.lease_owner == sa.bindparam("p_owner"),
            _OPEN,
        )
        .values(lease_until_us=until_us),
        values,
    )


async def change(
    connection: AsyncConnection, held: Task, phases: Collection[str], values: Mapping[str, Any]
) -> bool:
    """Change a claimed task that is in one of these phases; returns whether it was."""
    return await _change(connection, held, values, task.c.phase.in_(phases))


async def begin(
    connection: AsyncConnection, held: Task, phases: Collection[str], values: Mapping[str, Any]
) -> bool:
    """Change a claimed task that is to be submitted; not one whose vendor has called about a job.

    Returns whether it was.
    """
    free = (task.c.phase.in_(phases), task.c.upstream_id.is_(None))
    return await _change(connection, held, values, *free)


async def put_back(
    connection: AsyncConnection, waiting: Iterable[tuple[Task, Mapping[str, Any]]]
) -> None:
    """Write columns of many tasks at once; those that others hold stay as they are.

    One that was woken since it was claimed is not put off.
    """
    in_order = sorted(waiting, key=lambda one: _by_id(one[0]))
    for names, group in groupby(in_order, key=lambda one: tuple(one[1])):
        of_each = [_parameters(held, changes) for held, changes in group]
        columns: dict[str, Any] = {name: sa.bindparam(f"p_{name}") for name in names}
        if "due_us" in columns:
            columns["due_us"] = _unless_woken(
                sa.bindparam("p_seen_us", type_=Int), sa.bindparam("p_due_us", type_=Int)
            )
        await connection.execute(
            sa.update(task)
            .where(
                task.c.id == sa.bindparam("p_id"),
                task.c.lease_seq == sa.bindparam("p_lease_seq"),
                _OPEN,
            )
            .values(columns),
            of_each,
        )


async def wake(
    connection: AsyncConnection, locked: Task, phases: Collection[str], now_us: int
) -> bool:
    """Have a locked task in one of these phases looked at now; returns whether it is.

    Whoever looks at it meanwhile may have looked too early: they cannot put it off any more.
    """
    sooner = (
        sa.update(task)
        .where(task.c.id == locked.id, _OPEN, task.c.phase.in_(phases))
        .values(due_us=_woken_us(locked, now_us))
    )
    return (await connection.execute(sooner)).rowcount == 1


async def attach(
    connection: AsyncConnection,
    locked: Task,
    phases: Collection[str],
    values: Mapping[str, Any],
    *,
    now_us: int,
) -> bool:
    """Give a locked task in one of these phases, which has none, its job; looked at now.

    `values` has the vendor's id. Returns whether it was; raises Conflict where the job is another
    task's.
    """
    statement = (
        sa.update(task)
        .where(
            task.c.id == locked.id, _OPEN, task.c.phase.in_(phases), task.c.upstream_id.is_(None)
        )
        .values({**values, "due_us": _woken_us(locked, now_us)})
    )
    try:
        return (await connection.execute(statement)).rowcount == 1
    except sa.exc.IntegrityError as error:
        raise errors.Conflict(f"{locked.id}: the job is another task's") from error


async def lock(connection: AsyncConnection, task_id: str) -> Task | None:
    """Return a task as it stands, locked until the end of the transaction."""
    if not rows.is_id(task_id):
        return None
    query = _ALL.where(task.c.id == task_id).with_for_update()
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else rows.record(Task, row)


async def take(connection: AsyncConnection, locked: Task, owner: str, until_us: int) -> Task:
    """Take a locked task away from whoever holds it: their number is outdated from now on."""
    values = {"lease_owner": owner, "lease_until_us": until_us, "lease_seq": locked.lease_seq + 1}
    if not await _change(connection, locked, values):
        raise errors.BooksBroken(f"{locked.id}: a locked task changed; restore the database")
    return Task(**{**asdict(locked), **values})


async def count_open(connection: AsyncConnection, channel_id: str) -> int:
    """Return how many open tasks have begun on a channel."""
    query = sa.select(sa.func.count()).where(task.c.channel_id == channel_id, _OPEN)
    return int((await connection.execute(query)).scalar_one())


def _parameters(held: Task, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `put_back` binds for one task."""
    values = {f"p_{name}": value for name, value in changes.items()}
    values |= {"p_id": held.id, "p_lease_seq": held.lease_seq}
    if "due_us" in changes:
        values["p_seen_us"] = held.due_us
    return values


def _by_id(one: Task) -> str:
    """Return what rows are locked in the order of, where several are at once."""
    return one.id


async def _change(
    connection: AsyncConnection,
    held: Task,
    values: Mapping[str, Any],
    *conditions: sa.ColumnElement[bool],
) -> bool:
    changes = dict(values)
    if "due_us" in changes:
        changes["due_us"] = _unless_woken(
            sa.literal(held.due_us, Int), sa.literal(changes["due_us"], Int)
        )
    statement = (
        sa.update(task)
        .where(task.c.id == held.id, _OPEN, task.c.lease_seq == held.lease_seq, *conditions)
        .values(changes)
    )
    return (await connection.execute(statement)).rowcount == 1


def _woken_us(locked: Task, now_us: int) -> int:
    """Return a time that is due, and that whoever has claimed the task has not seen."""
    return now_us if locked.due_us > now_us else locked.due_us - 1


def _unless_woken(
    seen_us: sa.ColumnElement[int], due_us: sa.ColumnElement[int]
) -> sa.ColumnElement[int]:
    """Return `due_us`, unless somebody has woken the task since it was claimed."""
    return sa.case((task.c.due_us == seen_us, due_us), else_=task.c.due_us)
