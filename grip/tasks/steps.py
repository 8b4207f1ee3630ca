"""The steps of a task between its beginning and its end: each asks an upstream once.

Owns what an answer does to a task. Refuses to send a submission again unless it is proven that
nothing of it arrived, and to end a task on a word that its vendor has not documented.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog

from grip import errors, failpoints
from grip.clock import Clock
from grip.gateway.call import Candidate
from grip.providers import task_policy
from grip.providers.port import Report
from grip.providers.task_port import (
    Ambiguous,
    Effect,
    Finished,
    Found,
    Rejected,
    Snapshot,
    Submitted,
    TaskError,
    Unclear,
)
from grip.store import tasks
from grip.store.engine import Connection, Database
from grip.store.tasks import Task
from grip.tasks import losses, phases
from grip.tasks.channels import Channels
from grip.tasks.ending import Endings, Lost, Verdict
from grip.tasks.fetching import Fetching
from grip.tasks.hooks.addresses import Address, Addresses
from grip.tasks.looking import Looking
from grip.tasks.pacing import next_look_us, unclear_look_us, unclear_wait_us
from grip.tasks.patience import PATIENCE, Patience
from grip.transport.port import TransportFault

_UNSENT: Final = (phases.QUEUED, phases.SUBMITTING)
_UNSENT_S: Final = (1, 5, 15, 60)
_CANCEL_S: Final = 5
_FETCH_US: Final = 3600 * 1_000_000
"""How long after its deadline a finished task is still asked for its results."""

log = structlog.get_logger(__name__)

Change = Callable[[Connection, Task, Collection[str], Mapping[str, Any]], Awaitable[bool]]
"""Changes a claimed task in one of these phases; tells whether it did."""


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """When to look again at a task that is as it was, or now `runs` at its upstream."""

    due_us: int
    fault: str | None = None
    missed: bool = False
    progress: int | None = None
    runs: bool = False

    def values(self, task: Task) -> dict[str, Any]:
        """Return the columns that say so; whoever looks next has no lease to wait for."""
        runs = {"phase": phases.RUNNING, "status": phases.PROCESSING}
        begins = self.runs and task.phase == phases.SUBMITTED
        return (runs if begins else {}) | {
            "due_us": self.due_us,
            "fault": self.fault,
            "polls": task.polls + 1,
            "misses": task.misses + 1 if self.missed else 0,
            "progress": max(task.progress, min(self.progress or 0, 99)),
            "lease_owner": None,
            "lease_until_us": 0,
        }


class Steps:
    """Does one step of a task that is held by a lease."""

    def __init__(
        self,
        database: Database,
        *,
        channels: Channels,
        looking: Looking,
        fetching: Fetching,
        endings: Endings,
        hooks: Addresses,
        clock: Clock,
        patience: Patience = PATIENCE,
    ) -> None:
        self._database = database
        self._channels = channels
        self._looking = looking
        self._fetching = fetching
        self._endings = endings
        self._hooks = hooks
        self._clock = clock
        self._patience = patience

    def begin_round(self) -> None:
        """Let the steps that follow rest on channels as they are now."""
        self._channels.forget()

    async def submit(self, task: Task) -> Waits | None:
        """Send it to the first channel that takes it, each time after writing down that it will be.

        A channel that provably got nothing, or said that it made nothing of it, is no obstacle to
        the next one.
        """
        if self._clock() >= task.deadline_us:
            return await self._fail(task, "timeout", "no channel took the task in time")
        rejected: Rejected | None = None
        for candidate in await self._channels.candidates(task):
            hook = self._hooks.new(candidate.channel.kind, task)
            begun = await self._begin(task, candidate, hook)
            if begun is None:
                return None
            task = begun
            outcome = await self._post(task, candidate, hook)
            if isinstance(outcome, Rejected) and outcome.retry:
                rejected = outcome
                continue
            if outcome is not None:
                return await self._submitted(task, outcome)
        if rejected is not None and self._is_last(task):
            return await self._fail(task, rejected.code, rejected.message)
        return await self._queue_again(task)

    async def recover(self, task: Task) -> Waits | None:
        """Take over a submission whose worker died: nobody knows whether it was sent."""
        return await self._lose(task, "the worker that submitted it died")

    async def find(self, task: Task) -> Waits | None:
        """Look for a submission that was lost sight of, where its vendor can tell, or will call."""
        if task.upstream_id is not None:
            # The vendor has called before it was given up.
            return await self._adopt(task, task.upstream_id, due_us=self._clock())
        found = await self._looking.find(task)
        if isinstance(found, Found) and len(found.upstream_ids) == 1:
            return await self._adopt(task, found.upstream_ids[0])
        since_us = task.submitted_us or task.created_us
        until_us = min(since_us + self._patience.ambiguous_us, task.deadline_us)
        if task.webhook_token_hash is not None:
            until_us = task.deadline_us
        if found is None or self._clock() >= until_us:
            log.error(
                "task.submit_unknown",
                task_id=task.id,
                channel=task.channel,
                estimate_nano=task.estimate_nano,
            )
            return await self._fail(
                task,
                "submit_unknown",
                "nobody knows whether the upstream took the task",
                losses.lost(task, losses.UNKNOWN),
            )
        return Waits(due_us=next_look_us(task, self._looking.facts(task), self._clock()))

    async def poll(self, task: Task) -> Waits | None:
        """Ask how it goes; at the deadline, ask to stop and look once more."""
        now_us = self._clock()
        is_late = now_us >= task.deadline_us
        if is_late or (task.phase == phases.CANCELLING and task.fault != _ASKED):
            await self._looking.cancel(task, _CANCEL_S)
        seen = await self._looking.look(task)
        if isinstance(seen, Snapshot):
            return await self._seen(task, seen, is_late=is_late)
        if is_late:
            return await self._fail(task, "timeout", _LATE, losses.watched(task))
        missed = seen.effect is Effect.COUNT_MISS
        since_us = now_us - (task.submitted_us or task.created_us)
        if missed and task_policy.is_expired(task.misses + 1, since_us):
            return await self._fail(task, "expired", "the upstream does not know the task any more")
        return Waits(due_us=unclear_look_us(task, seen, now_us), fault=seen.reason, missed=missed)

    async def fetch(self, task: Task, snapshot: Snapshot | None = None) -> Waits | None:
        """Bring the results in, then charge what they come to."""
        if task.fault == _GIVEN_UP:
            return await self._unfetchable(task)
        if snapshot is None:
            seen = await self._looking.look(task)
            if isinstance(seen, Unclear):
                return await self._fetch_later(task, seen)
            if seen.error is not None:
                return await self._failed(task, seen, seen.error)
            snapshot = seen
        if snapshot.state != "completed" or not snapshot.results:
            return await self._unfetched(task, snapshot, "no_result")
        try:
            fetched = await self._fetching.keep(task, snapshot)
        except errors.GripError as error:
            log.warning("task.result_failed", task_id=task.id, error=str(error))
            return await self._unfetched(task, snapshot, error.code)
        failpoints.hit("task.before_end")
        if await self._endings.complete(task, fetched.counted, fetched.results) is None:
            await self._disown(task)
        return None

    async def _fetch_later(self, task: Task, seen: Unclear) -> Waits | None:
        """Look again for what is done already, as long as its vendor may still have it."""
        now_us = self._clock()
        if now_us >= task.deadline_us + _FETCH_US:
            return await self._unfetchable(task)
        return Waits(due_us=now_us + unclear_wait_us(task, seen), fault=seen.reason, missed=True)

    async def _unfetched(self, task: Task, snapshot: Snapshot, why: str) -> Waits | None:
        """Try again in a moment, a few times in all."""
        if task.misses + 1 >= task_policy.MISSES_MAX:
            return await self._unfetchable(task, snapshot.usage)
        due_us = self._clock() + task_policy.back_off_s(task.misses + 1) * 1_000_000
        return Waits(due_us=due_us, fault=why, missed=True)

    async def _unfetchable(self, task: Task, usage: Report | None = None) -> Waits | None:
        """Give all back: what was made is lost to its owner, and to the operator."""
        lost = losses.lost(task, losses.UNFETCHED, usage)
        return await self._fail(task, "result_unavailable", _GONE, lost)

    async def _begin(self, task: Task, candidate: Candidate, hook: Address | None) -> Task | None:
        """Write down that this channel is about to be asked: whoever comes after knows."""
        values = self._channels.chosen(candidate) | {
            "phase": phases.SUBMITTING,
            "attempts": task.attempts + 1,
            "submitted_us": self._clock(),
            "webhook_token_hash": None if hook is None else hook.token_hash,
        }
        return await self._change(task, _UNSENT, values, tasks.begin)

    async def _post(
        self, task: Task, candidate: Candidate, hook: Address | None
    ) -> Submitted | Finished | Rejected | Ambiguous | None:
        """Send the submission once; None where it is proven that nothing of it arrived."""
        failpoints.hit("task.before_post")
        try:
            outcome = await self._looking.submit(task, None if hook is None else hook.url)
        except TransportFault as fault:
            self._channels.failed(candidate, fault.reason)
            if fault.reason in task_policy.NOT_SENT:
                return None
            return Ambiguous(reason=fault.reason, detail=fault.detail)
        except (errors.SecretUnresolved, errors.ServiceUnavailable) as error:
            # Its address or secret could not be had, so that there was nothing to send.
            self._channels.failed(candidate, error.code)
            return None
        failpoints.hit("task.after_post")
        if isinstance(outcome, Rejected) and outcome.retry:
            self._channels.failed(candidate, outcome.reason)
        else:
            self._channels.served(candidate)
        return outcome

    async def _submitted(
        self, task: Task, outcome: Submitted | Finished | Rejected | Ambiguous
    ) -> Waits | None:
        if isinstance(outcome, Submitted):
            return await self._adopt(task, outcome.upstream_id, outcome.poll_after_s)
        if isinstance(outcome, Finished):
            return await self._seen(task, outcome.snapshot, is_late=False)
        if isinstance(outcome, Rejected):
            return await self._fail(task, outcome.code, outcome.message)
        return await self._lose(task, outcome.reason)

    async def _adopt(
        self,
        task: Task,
        upstream_id: str,
        poll_after_s: float | None = None,
        *,
        due_us: int | None = None,
    ) -> Waits | None:
        """Write down the vendor's name of the job, at once: it is all that leads back to it."""
        if due_us is None:
            facts, now_us = self._looking.facts(task), self._clock()
            due_us = next_look_us(task, facts, now_us, hint_s=poll_after_s)
        values = {
            "phase": phases.SUBMITTED,
            "upstream_id": upstream_id,
            "due_us": due_us,
            "fault": None,
            "misses": 0,
            "lease_owner": None,
            "lease_until_us": 0,
        }
        await self._change(task, (phases.SUBMITTING, phases.AMBIGUOUS), values)
        return None

    async def _seen(self, task: Task, snapshot: Snapshot, *, is_late: bool) -> Waits | None:
        """Do what the upstream's documented word asks for."""
        if snapshot.error is not None:
            return await self._failed(task, snapshot, snapshot.error)
        if snapshot.state == "completed":
            if not snapshot.results:
                lost = losses.lost(task, losses.BILLED, snapshot.usage)
                return await self._fail(task, "content_policy", _EMPTY, lost)
            fetching = await self._change(
                task,
                phases.leading_to(phases.FETCHING),
                {"phase": phases.FETCHING, "status": phases.PROCESSING, "misses": 0},
            )
            return None if fetching is None else await self.fetch(fetching, snapshot)
        if is_late:
            return await self._fail(task, "timeout", _LATE, losses.watched(task))
        facts = self._looking.facts(task)
        due_us = next_look_us(task, facts, self._clock(), hint_s=snapshot.poll_after_s)
        asked = _ASKED if task.phase == phases.CANCELLING else None
        runs = snapshot.state == "running"
        return Waits(due_us=due_us, progress=snapshot.progress, fault=asked, runs=runs)

    async def _lose(self, task: Task, why: str) -> Waits | None:
        """Give a submission up for unknown; it is never sent again blindly."""
        log.warning("task.ambiguous", task_id=task.id, channel=task.channel, why=why)
        values = {
            "phase": phases.AMBIGUOUS,
            "fault": why,
            "due_us": self._clock(),
            "lease_owner": None,
            "lease_until_us": 0,
        }
        await self._change(task, (phases.SUBMITTING,), values)
        return None

    async def _queue_again(self, task: Task) -> Waits | None:
        wait_s = _UNSENT_S[min(task.attempts, len(_UNSENT_S)) - 1]
        values = {
            "phase": phases.QUEUED,
            "due_us": self._clock() + wait_s * 1_000_000,
            "webhook_token_hash": None,
            "lease_owner": None,
            "lease_until_us": 0,
        }
        await self._change(task, _UNSENT, values, tasks.begin)
        return None

    def _is_last(self, task: Task) -> bool:
        return task.attempts >= _MAX_ATTEMPTS or self._clock() >= task.deadline_us

    async def _failed(self, task: Task, snapshot: Snapshot, error: TaskError) -> Waits | None:
        """End it as its upstream did; what that charges for all the same is the operator's."""
        lost = losses.lost(task, losses.BILLED, snapshot.usage) if snapshot.billed else None
        return await self._fail(task, error.code, error.message, lost)

    async def _fail(
        self, task: Task, code: str, message: str, lost: Lost | None = None
    ) -> Waits | None:
        """Give all back, with a sentence for the owner; there is nothing to wait for after it."""
        if task.phase == phases.FETCHING:
            # From here on nobody completes it, so that what was kept of it can go.
            if await self._change(task, (phases.FETCHING,), {"fault": _GIVEN_UP}) is None:
                return None
            await self._fetching.drop(task)
        await self._endings.fail(task, Verdict(code=code, message=message), lost)
        return None

    async def _disown(self, task: Task) -> None:
        """Drop what was fetched for a task that somebody else has ended without it meanwhile."""
        async with self._database.read() as connection:
            found = await tasks.find(connection, task.id)
        if found is not None and found.phase == phases.FAILED:
            await self._fetching.drop(task)

    async def _change(
        self,
        task: Task,
        before: Sequence[str],
        values: Mapping[str, Any],
        change: Change = tasks.change,
    ) -> Task | None:
        """Change the task; None where it is not held any more, and nothing may be done for it."""
        async with self._database.write() as connection:
            if not await change(connection, task, before, values):
                log.warning("task.lost", task_id=task.id, phase=task.phase)
                return None
            return await tasks.find(connection, task.id)


_ASKED: Final = "asked to stop"
_EMPTY: Final = "the upstream finished without a result"
_GIVEN_UP: Final = "its results are given up"
_LATE: Final = "the upstream did not finish in time"
_GONE: Final = "the upstream's result could not be fetched"
_MAX_ATTEMPTS: Final = 9
