"""How the books stand at this moment, in numbers for whoever watches the gateway.

Each is read from an index of what is under way, so that its cost does not grow with the years.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store import meta
from grip.store.tables import callback, holds, task

_VERIFIED = "ledger.verified"


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """When the books were checked last, and how many violations stand.

    `whole_us` is when all of their rows were, None where they never were.
    """

    at_us: int
    violations: int
    whole_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is held and what waits; times are those from which the oldest was due, None for none."""

    holds: int
    held_credits: int
    tasks: Mapping[str, int] = field(default_factory=dict)
    tasks_due_us: int | None
    callbacks: int
    callbacks_due_us: int | None
    verified: Verified | None


async def read(connection: AsyncConnection) -> Standing:
    """Return how the books stand."""
    count = sa.func.count()
    held = (
        await connection.execute(sa.select(count, sa.func.coalesce(sa.func.sum(holds.c.amount), 0)))
    ).one()
    is_open = task.c.completed_us.is_(None)
    phases = (
        await connection.execute(
            sa.select(task.c.phase, count, sa.func.min(task.c.due_us))
            .where(is_open)
            .group_by(task.c.phase)
        )
    ).all()
    waiting = (
        await connection.execute(
            sa.select(count, sa.func.min(callback.c.due_us)).where(callback.c.state == "pending")
        )
    ).one()
    return Standing(
        holds=held[0],
        held_credits=int(held[1]),
        tasks={phase: number for phase, number, _ in phases},
        tasks_due_us=min((due_us for _, _, due_us in phases), default=None),
        callbacks=waiting[0],
        callbacks_due_us=waiting[1],
        verified=await verified(connection),
    )


async def verified(connection: AsyncConnection) -> Verified | None:
    """Return how the books were when they were checked last, None where nobody has."""
    told = await meta.get(connection, _VERIFIED)
    return None if told is None else msgspec.json.decode(told, type=Verified)


async def note_verified(connection: AsyncConnection, verified: Verified) -> None:
    """Write down that the books were checked, in place of the time before."""
    await meta.replace(connection, _VERIFIED, msgspec.json.encode(verified).decode())
