"""Bringing in what a task made: each result kept, or looked at and left where it is; all counted.

Who counts, in this order: the upstream, what lies in the store, the request. Refuses to charge for
what could not be fetched.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import structlog

from grip import errors
from grip.clock import Clock
from grip.money.pricing import Usage
from grip.providers.port import Report, UpstreamRequest
from grip.providers.sandbox import SCHEME
from grip.providers.task_input import normalised
from grip.providers.task_port import Artifact, Snapshot
from grip.providers.task_reading import MAX_RESULTS
from grip.storage import ResultStore
from grip.store.results import Result
from grip.store.tasks import Task
from grip.tasks import units
from grip.tasks.channels import Bound, Channels
from grip.tasks.dialing import dial_to
from grip.tasks.ending import Counted
from grip.tasks.results.fetching import Incoming, fetch, look, of_bytes
from grip.tasks.results.vendor import Origin, incoming
from grip.transport.guarded import GuardedClient
from grip.transport.port import Timeouts, Transport

_SECOND_US: Final = 1_000_000
_DAY_US: Final = 24 * 3600 * _SECOND_US
_OK: Final = 200
_SANDBOX: Final = Timeouts(connect_s=30, first_byte_s=30, chunk_s=30, total_s=30)

log = structlog.get_logger(__name__)


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """How results are kept: the largest one in bytes, and for how many days; None for ever.

    With `passes_on`, only what has no address at its vendor is kept, and of all else where it lies.
    """

    max_bytes: int
    keep_days: int | None
    passes_on: bool = False


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a task, and what they come to."""

    results: tuple[Result, ...]
    counted: Counted


class Fetching:
    """Fetches results into the store, or sees that they are there."""

    def __init__(
        self,
        store: ResultStore,
        *,
        client: GuardedClient,
        transport: Transport,
        channels: Channels,
        clock: Clock,
        terms: Keeping,
    ) -> None:
        self._store = store
        self._client = client
        self._transport = transport
        self._channels = channels
        self._clock = clock
        self._terms = terms

    async def keep(self, task: Task, snapshot: Snapshot) -> Fetched:
        """Keep all results; raises ResultUnavailable and its kin, and what the store raises.

        What was kept until then stays: somebody else may have completed the task with it. Where
        nobody does, `drop` is for whoever ends the task.
        """
        bound = await self._channels.bound(task)
        results = [
            await self._one(task, bound, number, artifact)
            for number, artifact in enumerate(snapshot.results)
        ]
        return Fetched(results=tuple(results), counted=_counted(task, snapshot, results))

    async def drop(self, task: Task) -> None:
        """Delete what may have been kept of a task that completes with nothing.

        Nobody knows how much that is: a worker that died may have fetched it.
        """
        try:
            for number in range(MAX_RESULTS):
                await self._store.delete(f"{task.id}/{number}")
        except errors.GripError as error:
            log.warning("task.result_not_dropped", task_id=task.id, error=str(error))

    async def _one(self, task: Task, bound: Bound, number: int, artifact: Artifact) -> Result:
        key = f"{task.id}/{number}"
        terms = self._terms
        request = None if artifact.data else bound.adapter.fetch(artifact, bound.target)
        is_away = request is not None and not request.url.startswith(SCHEME)
        passes_on = terms.passes_on and is_away
        async with self._incoming(bound, artifact, request) as found:
            if passes_on:
                stored = await look(found, media=task.type, most_bytes=terms.max_bytes)
            else:
                stored = await fetch(
                    self._store, key, found, media=task.type, most_bytes=terms.max_bytes
                )
        now_us = self._clock()
        return Result(
            task_id=task.id,
            n=number,
            key=None if passes_on else key,
            url=artifact.url if passes_on else None,
            content_type=stored.content_type,
            size=stored.size,
            sha256=stored.sha256,
            created_us=now_us,
            expires_us=self._expires_us(task, bound, artifact if passes_on else None, now_us),
        )

    @asynccontextmanager
    async def _incoming(
        self, bound: Bound, artifact: Artifact, request: UpstreamRequest | None
    ) -> AsyncIterator[Incoming]:
        """Yield a result on its way: it is there, in the gateway's own sandbox, or at a vendor."""
        if request is None:
            yield of_bytes(artifact.data)
        elif request.url.startswith(SCHEME):
            reply = await self._transport.send(request, _SANDBOX)
            yield of_bytes(reply.body if reply.status == _OK else b"")
        else:
            own = bound.target.base_url
            origin = Origin(url=request.url, headers=request.headers, own=(own,))
            dial = dial_to(self._client, own, self._terms.max_bytes)
            async with incoming(dial, origin) as found:
                yield found

    def _expires_us(
        self, task: Task, bound: Bound, left: Artifact | None, now_us: int
    ) -> int | None:
        """Return when a result's time is over; one that is left at its vendor has no more there."""
        days = self._terms.keep_days
        ends = [] if days is None else [now_us + days * _DAY_US]
        if left is not None:
            lifetime_s = bound.adapter.facts(task.type).result_lifetime_s
            if left.expires_us is not None and left.expires_us > now_us:
                ends.append(left.expires_us)
            elif lifetime_s is not None:
                ends.append(now_us + lifetime_s * _SECOND_US)
        return min(ends, default=None)


def count(task: Task, report: Report, pictures: int | None = None) -> Counted:
    """Return what a task used, and who says so; `pictures` are those that lie in the store."""
    guess = units.expected(normalised(task.type, task.input))
    told = (report.input_tokens, report.output_tokens, report.images, report.seconds)
    if any(one is not None for one in told):
        by = "upstream"
    else:
        by = "measured" if pictures else "requested"
    return Counted(
        usage=Usage(
            input_tokens=_or(report.input_tokens, guess.input_tokens),
            output_tokens=_or(report.output_tokens, guess.output_tokens),
            cached_input_tokens=report.cached_input_tokens,
            cache_write_tokens=report.cache_write_tokens,
            images=_or(report.images, _or(pictures, guess.images)),
            seconds=_or(report.seconds, guess.seconds),
            characters=guess.characters,
        ),
        by=by,
    )


def _counted(task: Task, snapshot: Snapshot, results: Sequence[Result]) -> Counted:
    pictures = len(results) if task.type == "image" else None
    return count(task, snapshot.usage, pictures)


def _or(told: int | None, guess: int) -> int:
    return guess if told is None else told
