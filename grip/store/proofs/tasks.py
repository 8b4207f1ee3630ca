"""What must hold of media tasks, between their rows, the journal and the log of usage."""

from typing import Any

import sqlalchemy as sa

from grip.money import ledger
from grip.store.proofs.invariant import Invariant, Since, newer
from grip.store.tables import ledger_transfer, task, usage

_transfer = ledger_transfer
_OPEN_TASK = task.c.completed_us.is_(None)


def task_hold(since: Since | None = None) -> Invariant:
    """Every task has its hold in the journal, open for as long as the task is."""
    hold, resolution = _transfer.alias("hold"), _transfer.alias("resolution")
    broken = sa.or_(
        hold.c.id.is_(None),
        hold.c.phase != ledger.PENDING,
        hold.c.wallet_id != task.c.wallet_id,
        hold.c.amount != task.c.hold_credits,
        resolution.c.id.is_(None) != _OPEN_TASK,
    )
    query = (
        sa.select(task.c.id, task.c.status, task.c.hold_id, resolution.c.phase.label("resolved"))
        .select_from(
            task.outerjoin(hold, hold.c.id == task.c.hold_id).outerjoin(
                resolution, resolution.c.pending_id == task.c.hold_id
            )
        )
        .where(broken, *_touched(since))
        .order_by(task.c.id)
    )
    return Invariant(
        "task_hold",
        query,
        "{id}: it is {status}, and its hold {hold_id} is resolved by {resolved}",
    )


def task_charge(since: Since | None = None) -> Invariant:
    """A completed task was charged what its row and its usage say, a failed one nothing."""
    resolution = _transfer.alias("resolution")
    charged = sa.case((resolution.c.phase == ledger.POST, resolution.c.amount), else_=0)
    is_completed = task.c.status == "completed"
    broken = sa.or_(
        task.c.credits != charged,
        is_completed != (resolution.c.phase == ledger.POST),
        is_completed != usage.c.request_id.is_not(None),
        usage.c.cost_nano != task.c.cost_nano,
        usage.c.credits != task.c.credits,
        usage.c.transfer_id.is_distinct_from(
            sa.case((is_completed, resolution.c.id), else_=sa.null())
        ),
    )
    query = (
        sa.select(task.c.id, task.c.status, task.c.credits, charged.label("charged"))
        .select_from(
            task.join(resolution, resolution.c.pending_id == task.c.hold_id).outerjoin(
                usage, usage.c.request_id == task.c.id
            )
        )
        .where(broken, *_touched(since))
        .order_by(task.c.id)
    )
    return Invariant(
        "task_charge",
        query,
        "{id}: it is {status} at {credits} credits, journal and usage make {charged}",
    )


def _touched(since: Since | None) -> list[sa.ColumnElement[bool]]:
    """Return what picks the tasks that are open, or that the journal has named since."""
    if since is None:
        return []

    def named(reference: sa.Column[Any]) -> sa.Select[Any]:
        joined = _transfer.join(task, task.c.hold_id == reference)
        return sa.select(task.c.id).select_from(joined).where(*newer(_transfer, since))

    is_open = sa.select(task.c.id).where(_OPEN_TASK)
    which = sa.union_all(named(_transfer.c.id), named(_transfer.c.pending_id), is_open)
    return [task.c.id.in_(which)]
