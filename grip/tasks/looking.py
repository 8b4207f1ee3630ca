"""Asking an upstream about a task: one request, its bounded follow-ups, and what they mean."""

import asyncio
from typing import Final

import msgspec
import structlog

from grip import errors
from grip.clock import Clock
from grip.providers.port import UpstreamRequest
from grip.providers.task_input import normalised
from grip.providers.task_port import (
    MAX_STEPS,
    Ambiguous,
    Facts,
    Finished,
    Found,
    Further,
    Probed,
    Rejected,
    Snapshot,
    Submitted,
    TaskCall,
    Unclear,
)
from grip.store.tasks import Task
from grip.tasks import phases
from grip.tasks.channels import Bound, Channels
from grip.transport.port import Timeouts, Transport, TransportFault

_CONNECT_S: Final = 10.0
_LOOK_S: Final = 30.0
_CANDIDATES: Final = 20
"""So many jobs are looked at to find one that was lost sight of."""

log = structlog.get_logger(__name__)


class Looking:
    """Speaks to the upstreams of tasks."""

    def __init__(self, transport: Transport, channels: Channels, clock: Clock) -> None:
        self._transport = transport
        self._channels = channels
        self._clock = clock

    def facts(self, task: Task) -> Facts:
        """Return what the task's vendor can do for its type."""
        return self._channels.adapter(task).facts(task.type)

    async def submit(
        self, task: Task, webhook_url: str | None
    ) -> Submitted | Finished | Rejected | Ambiguous:
        """Send the submission, once; raises TransportFault where the exchange broke.

        The vendor is asked to call `webhook_url`, where there is one.
        """
        bound = await self._channels.bound(task)
        call = self.call(task, webhook_url)
        request = bound.adapter.submit(call, bound.target)
        if isinstance(request, Rejected):
            return request
        left_s = max((task.deadline_us - self._clock()) / 1_000_000, 1.0)
        answer = await self._send(request, left_s)
        return bound.adapter.submitted(call, answer.status, answer.headers, answer.body)

    async def look(self, task: Task) -> Snapshot | Unclear:
        """Return what the upstream says of the task."""
        try:
            bound = await self._channels.bound(task)
            call = self.call(task)
            return await self._look(bound, call, bound.adapter.probe(call, bound.target))
        except TransportFault as fault:
            return Unclear(reason=fault.reason, detail=fault.detail)
        except errors.GripError as error:
            return Unclear(reason=error.code, detail=error.detail or error.message)

    async def find(self, task: Task) -> Found | Unclear | None:
        """Return the one job of the vendor's that is this task's, None where nothing can tell."""
        try:
            bound = await self._channels.bound(task)
            if not bound.adapter.facts(task.type).finds:
                return None if task.webhook_token_hash is None else Unclear(reason="waits")
            return await self._find(bound, self.call(task))
        except TransportFault as fault:
            return Unclear(reason=fault.reason, detail=fault.detail)
        except errors.GripError as error:
            return Unclear(reason=error.code, detail=error.detail or error.message)

    async def cancel(self, task: Task, within_s: float) -> None:
        """Ask to stop; whether it did, the next look tells."""
        try:
            bound = await self._channels.bound(task)
            request = bound.adapter.cancel(self.call(task), bound.target)
            if request is not None:
                async with asyncio.timeout(within_s):
                    await self._send(request, within_s)
        except (TransportFault, TimeoutError, errors.GripError) as error:
            log.warning("task.cancel_failed", task_id=task.id, error=str(error))

    def call(self, task: Task, webhook_url: str | None = None) -> TaskCall:
        """Return the task as its adapter sees it; its vendor is told once where it may call."""
        return TaskCall(
            task_id=task.id,
            type=task.type,
            model=task.upstream_model or task.model,
            input=normalised(task.type, task.input),
            correlation_id=task.correlation_id,
            submitted_us=task.submitted_us or task.created_us,
            now_us=self._clock(),
            deadline_us=task.deadline_us,
            upstream_id=task.upstream_id,
            webhook_url=webhook_url,
            cancelling=task.phase == phases.CANCELLING,
        )

    async def _look(
        self, bound: Bound, call: TaskCall, request: UpstreamRequest
    ) -> Snapshot | Unclear:
        step = ""
        for _ in range(1 + MAX_STEPS):
            answer = await self._send(request, _LOOK_S)
            seen = bound.adapter.snapshot(call, bound.target, answer, step)
            if not isinstance(seen, Further):
                return seen
            request, step = seen.request, seen.step
        return Unclear(reason="too_many_steps")

    async def _find(self, bound: Bound, call: TaskCall) -> Found | Unclear:
        """Return the single match of what the vendor lists, or none yet."""
        request = bound.adapter.find(call, bound.target)
        ids: list[str] = []
        for _ in range(1 + MAX_STEPS):
            if request is None:
                break
            found = bound.adapter.found(call, bound.target, await self._send(request, _LOOK_S))
            if isinstance(found, Unclear) or found.certain:
                return found
            ids += found.upstream_ids
            request = found.further
        ours = [one for one in ids[:_CANDIDATES] if await self._matches(bound, call, one)]
        return Found(upstream_ids=tuple(ours), certain=len(ours) == 1)

    async def _matches(self, bound: Bound, call: TaskCall, upstream_id: str) -> bool:

        named = msgspec.structs.replace(call, upstream_id=upstream_id)
        answer = await self._send(bound.adapter.probe(named, bound.target), _LOOK_S)
        return bound.adapter.matches(named, answer)

    async def _send(self, request: UpstreamRequest, within_s: float) -> Probed:
        timeouts = Timeouts(
            connect_s=min(_CONNECT_S, within_s),
            first_byte_s=within_s,
            chunk_s=within_s,
            total_s=within_s,
        )
        reply = await self._transport.send(request, timeouts)
        return Probed(status=reply.status, headers=reply.headers, body=reply.body)
