"""How a task is cancelled: at once where nobody upstream has it, else by asking the upstream to.

Owns which phases can be. Refuses to promise anything of an upstream: what it made of the wish,
later looks tell.
"""

from typing import Final

from grip import errors
from grip.clock import Clock
from grip.store import audit, tasks
from grip.store.engine import Connection, Database
from grip.store.records import Caller
from grip.store.tasks import Task
from grip.tasks import phases
from grip.tasks.ending import Endings, Verdict
from grip.tasks.sight import may_see, unknown

_LEASE_US: Final = 30 * 1_000_000
_OWNER: Final = "desk"
_CANCELLED: Final = Verdict(code="cancelled", message="the task was cancelled before it began")


class Cancelling:
    """Cancels tasks, for their owners and for operators."""

    def __init__(self, database: Database, endings: Endings, clock: Clock) -> None:
        self._database = database
        self._endings = endings
        self._clock = clock

    async def cancel(
        self, task_id: str, caller: Caller | None = None, *, actor: str | None = None
    ) -> Task:
        """Stop a task, and return it as it stood; one that is over stays as it is.

        An operator is the `actor` of an audit row. Raises NotFound, for strangers too, and
        Conflict where it is being handed over or fetched.
        """
        async with self._database.write() as connection:
            task = await tasks.lock(connection, task_id)
            if task is None or not may_see(task, caller):
                raise unknown(task_id)
            if task.is_over or task.phase == phases.CANCELLING:
                return task
            held = await self._take(connection, task)
            if actor is not None:
                await audit.append(
                    connection,
                    at_us=self._clock(),
                    actor=actor,
                    action="task.cancel",
                    subject=task.id,
                    before={"phase": task.phase},
                    after={"phase": _leads_to(task.phase)},
                )
        if task.phase == phases.QUEUED:
            await self._endings.fail(held, _CANCELLED)
        return task

    async def _take(self, connection: Connection, task: Task) -> Task:
        """Take the task away from whoever works on it, and write down what is wished for."""
        if task.phase not in (phases.QUEUED, phases.SUBMITTED, phases.RUNNING):
            raise errors.Conflict(
                "the task is being handed over or fetched at this moment; try again in a minute"
            )
        now_us = self._clock()
        held = await tasks.take(connection, task, _OWNER, now_us + _LEASE_US)
        if task.phase != phases.QUEUED:
            values = {
                "phase": phases.CANCELLING,
                "due_us": now_us,
                "lease_owner": None,
                "lease_until_us": 0,
            }
            await tasks.change(connection, held, (task.phase,), values)
        return held


def _leads_to(phase: str) -> str:
    """Return the phase that a task is brought to, from one in which it can be cancelled."""
    return phases.FAILED if phase == phases.QUEUED else phases.CANCELLING
