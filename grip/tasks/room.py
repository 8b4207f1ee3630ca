"""The parts of the room put together, for one worker."""

import random
from collections.abc import Callable, Mapping
from typing import Final

from grip import settings as configuration
from grip.clock import Clock
from grip.gateway.answers import Answers
from grip.gateway.health import Health
from grip.metrics import Counts
from grip.money.states import TierLimits
from grip.providers.task_adapters import TASK_ADAPTERS
from grip.settings import Settings
from grip.storage import ResultReader, ResultStore
from grip.storage import build as build_store
from grip.store import callbacks
from grip.store.books import HotBooks
from grip.store.engine import Connection, Database
from grip.store.results import Result
from grip.store.tasks import Task
from grip.tasks.callbacks import check_callback_url, message, rules_of
from grip.tasks.channels import Channels
from grip.tasks.creation import Creator
from grip.tasks.desk import Desk
from grip.tasks.ending import Endings
from grip.tasks.fetching import Fetching, Keeping
from grip.tasks.hooks.addresses import Addresses
from grip.tasks.hooks.keys import Keys
from grip.tasks.hooks.reception import Reception
from grip.tasks.looking import Looking
from grip.tasks.losses import Losses
from grip.tasks.passing import Passing
from grip.tasks.patience import PATIENCE, Patience
from grip.tasks.results.sweeping import Swept, sweep
from grip.tasks.shown import task_view
from grip.tasks.steps import Steps
from grip.tasks.worker import Worker
from grip.transport.guarded import GuardedClient
from grip.transport.port import Transport

_STOP_S: Final = 20


class TaskRoom:
    """Everything about tasks that one worker has: desk, reception, store, and the work itself."""

    desk: Desk
    store: ResultStore

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        books: HotBooks,
        transport: Transport,
        client: GuardedClient,
        health: Health,
        answers: Answers,
        clock: Clock,
        new_id: Callable[[str], str],
        tiers: Mapping[str, TierLimits],
        tier_groups: Mapping[str, frozenset[str] | None],
        owner: str,
        host: str,
        patience: Patience = PATIENCE,
        counts: Counts | None = None,
    ) -> None:
        region = settings.server.region
        self.store = build_store(settings.results)
        self._database = database
        self._clock = clock
        endings = endings_of(database, clock=clock, new_id=new_id, region=region, counts=counts)
        channels = Channels(
            database,
            books=books,
            adapters=TASK_ADAPTERS,
            health=health,
            resolve_secret=configuration.resolve_secret,
            tier_groups=tier_groups,
            region=region,
            attempts=settings.routing.attempts,
            random=random.random,
        )
        looking = Looking(transport, channels, clock)
        fetching = Fetching(
            self.store,
            client=client,
            transport=transport,
            channels=channels,
            clock=clock,
            terms=Keeping(
                max_bytes=settings.results.max_bytes,
                keep_days=settings.results.keep_days,
                passes_on=settings.results.mode == "proxy",
            ),
        )
        self._passing = Passing(client, channels, settings.results.max_bytes)
        steps = Steps(
            database,
            channels=channels,
            looking=looking,
            fetching=fetching,
            endings=endings,
            hooks=Addresses(settings.server.public_url, TASK_ADAPTERS),
            clock=clock,
            patience=patience,
        )
        self.reception = Reception(
            database,
            channels=channels,
            looking=looking,
            keys=Keys(transport, clock),
            adapters=TASK_ADAPTERS,
            clock=clock,
        )
        self.losses = Losses(database, looking, clock=clock)
        self.worker = Worker(database, steps, clock=clock, owner=owner, patience=patience)
        rules = rules_of(settings, host_names=[host])
        creator = Creator(
            database=database,
            books=books,
            clock=clock,
            new_id=new_id,
            tiers=tiers,
            tier_groups=tier_groups,
            kinds=_kinds,
            region=region,
        )
        self.desk = Desk(
            database,
            books=books,
            creator=creator,
            endings=endings,
            answers=answers,
            clock=clock,
            check_url=lambda url: check_callback_url(url, rules),
            patience=patience,
        )

    async def reader(self, task: Task, result: Result) -> ResultReader:
        """Return what reads a result where it lies; raises ResultUnavailable."""
        if result.url is None:
            return self.store
        return await self._passing.reader(task, result.url)

    async def sweep(self) -> Swept:
        """Delete results whose time is over, and forget old calls of vendors."""
        await self.reception.forget()
        return await sweep(self._database, self.store, self._clock())

    async def stop(self) -> None:
        """Let the steps under way come to their end, within bounds."""
        await self.worker.stop(_STOP_S)


def endings_of(
    database: Database,
    *,
    clock: Clock,
    new_id: Callable[[str], str],
    region: str,
    counts: Counts | None = None,
) -> Endings:
    """Return what ends tasks, and lets their owners' servers know."""
    return Endings(database, clock=clock, new_id=new_id, region=region, outbox=_tell, counts=counts)


def _kinds(task_type: str) -> tuple[str, ...]:
    """Return the kinds of channel that carry tasks of a type."""
    return tuple(kind for kind, adapter in TASK_ADAPTERS.items() if task_type in adapter.types)


async def _tell(connection: Connection, task: Task, made: tuple[Result, ...]) -> None:
    """Put what the owner's server is to hear into the outbox, in the transaction that ends it."""
    if task.callback_url is None or task.completed_us is None:
        return
    event = f"task.{task.status}"
    shown = task_view(task, made, task.completed_us)
    await callbacks.enqueue(
        connection,
        task_id=task.id,
        wallet_id=task.wallet_id,
        url=task.callback_url,
        event=event,
        body=message(event, at_us=task.completed_us, data=shown),
        now_us=task.completed_us,
    )
