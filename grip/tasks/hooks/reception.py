"""Takes the calls of vendors about tasks: who it is first, then what it says, then one transaction.

Whoever may not call about a task is told the same, whatever is wrong, and has changed nothing.
Refuses to believe what a call says of a task's state: it is looked at sooner, that is all.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import structlog

from grip import errors
from grip.clock import Clock
from grip.providers.task_port import Event, TaskAdapter, WebhookRefused
from grip.store import losses, tasks, upstream_events
from grip.store.engine import Connection, Database
from grip.store.tasks import Task
from grip.tasks import phases
from grip.tasks.channels import Channels
from grip.tasks.hooks.addresses import is_token, leads_to
from grip.tasks.hooks.keys import Keys
from grip.tasks.looking import Looking

_ALL: Final = ""
_IN_ALL: Final = 256
_AT_ONCE: Final = 4
"""So many calls are taken at a time, and about one task; a vendor sends the others again."""

_LOOKUPS: Final = 4
"""So many strangers may make the database busy."""

_REMEMBERED_US: Final = 24 * 3600 * 1_000_000
"""How long a call that was taken is known: signatures are too old long before."""

_TRIES: Final = 2

log = structlog.get_logger(__name__)


class Reception:
    """Takes the calls that reach this worker."""

    def __init__(
        self,
        database: Database,
        *,
        channels: Channels,
        looking: Looking,
        keys: Keys,
        adapters: Mapping[str, TaskAdapter],
        clock: Clock,
    ) -> None:
        self._database = database
        self._channels = channels
        self._looking = looking
        self._keys = keys
        self._adapters = adapters
        self._clock = clock
        self._calls: Counter[str] = Counter()
        self._lookups = asyncio.Semaphore(_LOOKUPS)

    @asynccontextmanager
    async def expected(self, provider: str, task_id: str, token: str) -> AsyncIterator[Task]:
        """Yield the task that an address leads to, before anything is read of the call.

        Raises HookRefused where it leads to none, ServiceUnavailable where too many call at once.
        """
        with self._counted(_ALL, _IN_ALL):
            task = await self._find(provider, task_id, token)
            with self._counted(task.id, _AT_ONCE):
                yield task

    async def take(self, task: Task, raw: bytes, headers: Mapping[str, str]) -> None:
        """Look at the task now, because its vendor says so, and write down its job's id.

        Raises HookRefused where it is not the vendor, or not about this task's job, or not for the
        first time.
        """
        for _ in range(_TRIES):
            event = await self._event(task, raw, headers)
            async with self._database.write() as connection:
                found = await tasks.lock(connection, task.id)
                if found is None or found.webhook_token_hash != task.webhook_token_hash:
                    raise refused()
                if found.upstream_id == task.upstream_id:
                    await self._take(connection, found, event)
                    return
            # It was given its id in this moment, and what is called so depends on that.
            task = found
        raise refused()

    async def forget(self) -> int:
        """Forget the calls of yesterday; return how many."""
        async with self._database.write() as connection:
            return await upstream_events.sweep(connection, self._clock() - _REMEMBERED_US)

    async def _find(self, provider: str, task_id: str, token: str) -> Task:
        task = None
        if provider in self._adapters and is_token(token):
            async with self._lookups, self._database.read() as connection:
                task = await tasks.find(connection, task_id)
        if task is None or not leads_to(task, provider, token):
            raise refused()
        return task

    @contextmanager
    def _counted(self, name: str, most: int) -> Iterator[None]:
        if self._calls[name] >= most:
            raise errors.ServiceUnavailable(
                "too many calls at once; send it again", retry_after_s=1
            )
        self._calls[name] += 1
        try:
            yield
        finally:
            self._calls[name] -= 1
            if not self._calls[name]:
                del self._calls[name]

    async def _event(self, task: Task, raw: bytes, headers: Mapping[str, str]) -> Event:
        try:
            bound = await self._channels.bound(task)
            return await self._keys.verified(bound, self._looking.call(task), raw, headers)
        except WebhookRefused as error:
            raise _told(task, error.reason) from None
        except errors.DatabaseUnavailable:
            raise
        except (errors.SecretUnresolved, errors.ServiceUnavailable) as error:
            raise _told(task, error.code) from error

    async def _take(self, connection: Connection, task: Task, event: Event) -> None:
        """Do what the call asks for, all or nothing."""
        now_us = self._clock()
        if task.upstream_id not in (None, event.upstream_id):
            raise _told(task, "it is about another job")
        if not await upstream_events.take(connection, task.provider or "", event.event_id, now_us):
            raise _told(task, "it was taken before")
        if task.upstream_id is not None:
            if not await tasks.wake(connection, task, phases.UPSTREAM, now_us):
                # It ran out of time, and its upstream may have finished after all.
                await losses.wake(connection, task.id, now_us)
            return
        try:
            await self._attach(connection, task, event.upstream_id, now_us)
        except errors.Conflict as error:
            raise _told(task, "its job is another task's") from error

    async def _attach(
        self, connection: Connection, task: Task, upstream_id: str, now_us: int
    ) -> None:
        """Give the task the job that was lost sight of.

        A submission that is under way keeps its lease: its own answer may come yet, and names the
        job better. Nobody looks for one any more that was given up.
        """
        values = {"upstream_id": upstream_id}
        if await tasks.attach(
            connection, task, (phases.SUBMITTING,), values, now_us=now_us
        ) or await tasks.attach(
            connection, task, (phases.AMBIGUOUS,), values | _found(task), now_us=now_us
        ):
            log.info("webhook.job_found", task_id=task.id, channel=task.channel)
        elif task.is_over:
            # It was given up and given back; the vendor may want to be paid all the same.
            log.warning(
                "webhook.job_too_late",
                task_id=task.id,
                channel=task.channel,
                upstream_id=upstream_id,
                estimate_nano=task.estimate_nano,
            )


def refused() -> errors.HookRefused:
    """Return the one answer to all who may not call."""
    return errors.HookRefused("this call is not expected here, or is not its sender's")


def _found(task: Task) -> dict[str, object]:
    return {
        "phase": phases.SUBMITTED,
        "fault": None,
        "misses": 0,
        "lease_owner": None,
        "lease_until_us": 0,
        "lease_seq": task.lease_seq + 1,
    }


def _told(task: Task, why: str) -> errors.HookRefused:
    """Return the refusal of a call whose reason the operator may want to know."""
    log.warning("webhook.refused", task_id=task.id, channel=task.channel, why=why)
    return refused()
