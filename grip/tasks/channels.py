"""Which channels a task may go to, and the one that it went to: a task never changes its channel.

Owns the way from a task to its adapter, its address and its secret.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from grip import errors
from grip.gateway import routing
from grip.gateway.call import Candidate
from grip.gateway.health import Health
from grip.money.pricing import RATE_NAMES, Rates
from grip.providers.port import Target
from grip.providers.task_port import TaskAdapter
from grip.store import channels as channel_store
from grip.store import keys
from grip.store.books import HotBooks
from grip.store.engine import Database
from grip.store.records import Channel
from grip.store.tasks import Task


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """A task's own channel: the adapter of its kind, and where to reach it."""

    channel: Channel
    adapter: TaskAdapter
    target: Target


class Channels:
    """Finds the channels of tasks."""

    def __init__(
        self,
        database: Database,
        *,
        books: HotBooks,
        adapters: Mapping[str, TaskAdapter],
        health: Health,
        resolve_secret: Callable[[str], str],
        tier_groups: Mapping[str, frozenset[str] | None],
        region: str,
        attempts: int,
        random: routing.Random,
    ) -> None:
        self._database = database
        self._books = books
        self._adapters = adapters
        self._health = health
        self._resolve_secret = resolve_secret
        self._tier_groups = tier_groups
        self._region = region
        self._attempts = attempts
        self._random = random
        self._bound: dict[str, Bound] = {}
        self._reading = asyncio.Lock()

    def forget(self) -> None:
        """Read every channel again before the next look at a task."""
        self._bound.clear()

    async def candidates(self, task: Task) -> tuple[Candidate, ...]:
        """Return the channels that may take a task, in the order in which they are to be asked.

        What the key may use is judged again: the task may have waited.
        """
        catalog = await self._books.catalog(fresh=True)
        async with self._database.read() as connection:
            caller = await keys.caller(connection, task.key_id)
        model = catalog.models.get(task.model)
        if caller is None or model is None or not model.enabled:
            return ()
        offers = routing.offers(catalog, caller, model)[:1]
        reach = routing.reach_of(
            caller,
            self._tier_groups,
            kinds=tuple(
                kind for kind, adapter in self._adapters.items() if task.type in adapter.types
            ),
            region=self._region,
            attempts=self._attempts,
        )
        found = routing.choices(catalog, offers, reach)
        return routing.order(found, reach, self._random, self._health.rest_us)

    def chosen(self, candidate: Candidate) -> dict[str, Any]:
        """Return the columns that name the channel, as it is called now."""
        channel = candidate.channel
        return {
            "channel_id": channel.id,
            "channel": channel.name,
            "provider": channel.kind,
            "upstream_model": candidate.upstream_model,
            "buy": _rates(candidate.buy),
        }

    async def bound(self, task: Task, *, fresh: bool = False) -> Bound:
        """Return the channel that a task went to, whatever has become of it in the catalog.

        `fresh` is for who has no rounds. Raises ServiceUnavailable where it has gone or is of
        another kind now, and SecretUnresolved where its secret cannot be read.
        """
        channel_id = task.channel_id or ""
        async with self._reading:
            bound = None if fresh else self._bound.get(channel_id)
            if bound is None:
                bound = self._bound[channel_id] = await self._read(task, channel_id)
        if bound.channel.kind != task.provider:
            # Another kind of vendor than the task's knows nothing of it, nor may see its key.
            raise errors.ServiceUnavailable(
                "the channel of the task is of another kind now",
                detail=f"{task.id}: {task.channel} was {task.provider}",
            )
        return bound

    async def _read(self, task: Task, channel_id: str) -> Bound:
        async with self._database.read() as connection:
            channel = await channel_store.find(connection, channel_id)
        if channel is None or channel.kind not in self._adapters:
            raise errors.ServiceUnavailable(
                "the channel of the task has gone", detail=f"{task.id}: {task.channel}"
            )
        secret = None if channel.secret is None else self._resolve_secret(channel.secret)
        return Bound(
            channel=channel,
            adapter=self._adapters[channel.kind],
            target=Target(base_url=channel.base_url, secret=secret),
        )

    def adapter(self, task: Task) -> TaskAdapter:
        """Return the adapter of the kind of channel that a task went to."""
        return self._adapters[task.provider or ""]

    def failed(self, candidate: Candidate, reason: str) -> None:
        """Remember that a channel failed, for all calls."""
        self._health.failed(candidate, reason, None)

    def served(self, candidate: Candidate) -> None:
        """Remember that a channel took a task."""
        self._health.served(candidate)


def _rates(buy: Rates) -> dict[str, int] | None:
    named = {name: rate for name in RATE_NAMES if (rate := getattr(buy, name)) is not None}
    return named or None
