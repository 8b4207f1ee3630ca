"""The composition root: settings, store, transport, adapters and clock become one `App`.

Nothing here decides anything; it is the one place that knows which implementation stands where.
"""

import random
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from grip import errors
from grip import settings as configuration
from grip.clock import Clock, system_clock
from grip.gateway.answers import Answers
from grip.gateway.beside import Beside
from grip.gateway.boots import Boot, Janitor
from grip.gateway.call import Spans
from grip.gateway.details import ContentTerms, Details
from grip.gateway.health import Health, HealthShare
from grip.gateway.observing import Observer
from grip.gateway.pipeline import Pipeline
from grip.gateway.prober import Prober
from grip.gateway.readings import Readings
from grip.gateway.streams import StreamTerms
from grip.gateway.upstream import Upstream
from grip.ids import IdSource
from grip.metrics import Counts, Shelf
from grip.money.states import TierLimits
from grip.payments.build import Providers
from grip.providers.anthropic import AnthropicAdapter
from grip.providers.clients import ChatWire, MessagesWire
from grip.providers.gemini import GeminiAdapter
from grip.providers.openai import AzureAdapter, OpenAIAdapter
from grip.providers.port import Adapter
from grip.providers.sandbox import SandboxAdapter
from grip.providers.wires import ClientWire
from grip.services.context import Context
from grip.settings import Settings
from grip.store import detail_writers, schema
from grip.store.aside import Aside
from grip.store.books import BatchMeter, HotBooks, PostgresBooks, SqliteBooks
from grip.store.engine import Database
from grip.tasks.callbacks import Deliveries, rules_of
from grip.tasks.cancelling import Cancelling
from grip.tasks.patience import PATIENCE, Patience
from grip.tasks.room import TaskRoom, endings_of
from grip.transport.guarded import GuardedClient
from grip.transport.network import Network
from grip.transport.port import Timeouts, Transport

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """Everything that a running gateway is made of."""

    settings: Settings
    context: Context
    books: HotBooks
    transport: Transport
    pipeline: Pipeline
    boot: Boot
    janitor: Janitor
    answers: Answers
    details: Details
    health: HealthShare
    prober: Prober | None
    beside: Beside
    strangers: GuardedClient
    callbacks: Deliveries
    tasks: TaskRoom
    payments: Providers
    counts: Counts
    readings: Readings
    spans: Spans | None

    async def start(self, *, succeeds: Sequence[str] = ()) -> None:
        """Make or check the schema, open the books, and resolve what the dead have left.

        `succeeds` are the boots of workers that were seen to die, and that this one replaces.
        """
        found = await schema.ensure(self.context.database)
        if found.is_newer:
            log.warning("schema.is_newer", schema=found.current, made_for=found.head)
        await self.books.start()
        await self.boot.start(succeeds=succeeds)
        await self.janitor.run()
        await self.health.run()
        self.details.start()
        self.readings.start()

    async def drain(self) -> None:
        """Put what is open into the books, unless they take nothing any more."""
        if not self.books.lost.is_set():
            await self.pipeline.drain()

    async def stop(self) -> None:
        """Put what is open into the books, say so, and close everything."""
        await self.drain()
        await self.tasks.stop()
        await self.callbacks.stop()
        await self.details.stop()
        try:
            await self.boot.stop()
        except errors.DatabaseUnavailable as error:
            log.warning("boot.not_ended", error=str(error))
        await self.books.stop()
        if self.spans is not None:
            await self.spans.stop()
        self.beside.close()
        await self.transport.close()
        await self.strangers.close()
        await self.tasks.store.close()
        await self.payments.close()
        await self.context.database.close()


def build(
    settings: Settings,
    *,
    clock: Clock = system_clock,
    boot_id: str | None = None,
    patience: Patience = PATIENCE,
    shelf: Shelf | None = None,
) -> App:
    """Assemble a gateway from its settings; nothing is opened yet.

    `shelf` is where it lays what it counts, where other workers do so too.
    """
    counts = Counts()
    surroundings = context(settings, clock=clock)
    database = surroundings.database
    books = _books(database, settings, clock, counts)
    transport = Network()
    answers = Answers(database, clock)
    details = _details(database, settings, clock, counts)
    health = Health(clock)
    beside = Beside()
    calls = upstream(settings, transport, health, beside)
    boot = Boot(
        database,
        boot_id=boot_id or surroundings.new_id("boot"),
        new_id=lambda: surroundings.new_id("boot"),
        clock=clock,
        host=socket.gethostname(),
        region=settings.server.region,
    )
    pipeline = Pipeline(
        books=books,
        upstream=calls,
        clock=clock,
        random=random.random,
        tier_groups=_tier_groups(settings),
        region=settings.server.region,
        attempts=settings.routing.attempts,
        health=health,
        boot=boot,
        answers=answers,
        observer=Observer(details, counts),
        streams=StreamTerms(
            slice_tokens=settings.streams.slice_tokens,
            drain_s=settings.streams.drain_timeout_s,
        ),
    )
    strangers = GuardedClient(allow=settings.callbacks.allow)
    return App(
        settings=settings,
        context=surroundings,
        books=books,
        transport=transport,
        pipeline=pipeline,
        boot=boot,
        janitor=Janitor(
            database,
            books,
            boot=boot,
            clock=clock,
            monotonic=time.monotonic,
            verdict=settings.server.crash_verdict,
        ),
        answers=answers,
        details=details,
        health=HealthShare(database, health, clock),
        prober=(
            None
            if (every_s := settings.health.probe_every_s) is None
            else Prober(
                database=database,
                books=books,
                upstream=calls,
                health=health,
                clock=clock,
                every_s=every_s,
            )
        ),
        beside=beside,
        strangers=strangers,
        callbacks=deliveries(settings, surroundings, strangers, owner=boot.id),
        tasks=TaskRoom(
            settings,
            database,
            books=books,
            transport=transport,
            client=strangers,
            health=health,
            answers=answers,
            clock=clock,
            new_id=surroundings.new_id,
            counts=counts,
            tiers=_tiers(settings),
            tier_groups=_tier_groups(settings),
            owner=boot.id,
            host=socket.gethostname(),
            patience=patience,
        ),
        payments=payment_providers(settings),
        counts=counts,
        readings=Readings(database, books, clock, counts, shelf or Shelf()),
        spans=_spans(settings, clock),
    )


def payment_providers(settings: Settings) -> Providers:
    """Return the payment providers of a configuration; who asks for it closes it."""
    server = settings.server
    address = server.public_url or f"http://{server.host}:{server.port}"
    return Providers(settings.payments, address=address)


def deliveries(
    settings: Settings, surroundings: Context, strangers: GuardedClient, *, owner: str
) -> Deliveries:
    """Return what delivers callbacks, for the worker that `owner` is the name of."""
    return Deliveries(
        surroundings.database,
        strangers,
        terms=settings.callbacks,
        rules=rules_of(settings, host_names=[socket.gethostname()]),
        owner=owner,
        clock=surroundings.clock,
        new_id=surroundings.new_id,
        chance=random.random,
    )


def cancelling(surroundings: Context) -> Cancelling:
    """Return what cancels tasks, for a command: no worker, no upstream and no books are needed."""
    database, clock = surroundings.database, surroundings.clock
    endings = endings_of(
        database,
        clock=clock,
        new_id=surroundings.new_id,
        region=surroundings.settings.server.region,
    )
    return Cancelling(database, endings, clock)


def context(settings: Settings, *, clock: Clock = system_clock) -> Context:
    """Return the surroundings of use cases, for this configuration."""
    return Context(
        database=Database(settings.database.url), settings=settings, clock=clock, ids=IdSource()
    )


_CLIENTS: Mapping[str, ClientWire] = {
    "/chat/completions": ChatWire(),
    "/messages": MessagesWire(),
}
"""The wires of clients that can be translated to a vendor's."""

ADAPTERS: Mapping[str, Adapter] = {
    "anthropic": AnthropicAdapter({"/chat/completions": _CLIENTS["/chat/completions"]}),
    "azure": AzureAdapter(_CLIENTS),
    "gemini": GeminiAdapter(_CLIENTS),
    "openai": OpenAIAdapter(_CLIENTS),
    "sandbox": SandboxAdapter(_CLIENTS),
}
"""The adapter of each kind of channel."""


def _books(database: Database, settings: Settings, clock: Clock, counts: Counts) -> HotBooks:
    tiers, meter = _tiers(settings), BatchMeter(counts)
    books: HotBooks = (
        SqliteBooks(database, tiers, clock, meter)
        if database.is_sqlite
        else PostgresBooks(database, tiers, meter)
    )
    counts.gauge("grip_queue_entries", lambda: books.waiting, ("books",))
    return books


def check(settings: Settings) -> None:
    """See that what the settings ask for is installed; raises ConfigurationInvalid."""
    if not settings.traces.endpoint:
        return
    try:
        import grip.gateway.otel  # noqa: F401, PLC0415 - 15 MB in each worker, that few need
    except ModuleNotFoundError:
        raise errors.ConfigurationInvalid(
            'traces.endpoint: traces need a library; pip install "grip-gateway[otel]"',
            param="traces.endpoint",
        ) from None


def _spans(settings: Settings, clock: Clock) -> Spans | None:
    """Return what makes traces, where somebody wants them; raises ConfigurationInvalid."""
    endpoint = settings.traces.endpoint
    if not endpoint:
        return None
    check(settings)
    from grip.gateway import otel  # noqa: PLC0415 - 15 MB in each worker, that few need

    return otel.OtelSpans(otel.exporting_to(endpoint), clock, region=settings.server.region)


def _details(database: Database, settings: Settings, clock: Clock, counts: Counts) -> Details:
    chosen = settings.content
    aside = Aside("details")
    terms = ContentTerms(logging=chosen.logging, max_bytes=chosen.max_bytes, redact=chosen.redact)
    lost = counts.counter("grip_details_lost_total")
    details = Details(detail_writers.writer(database, aside), aside, clock, terms, lost)
    counts.gauge("grip_queue_entries", lambda: details.waiting, ("details",))
    return details


def upstream(settings: Settings, transport: Transport, health: Health, beside: Beside) -> Upstream:
    """Return what calls channels, with this configuration's timeouts."""
    return Upstream(
        transport=transport,
        adapters=ADAPTERS,
        resolve_secret=configuration.resolve_secret,
        defaults=Timeouts(
            connect_s=settings.upstream.connect_timeout_s,
            first_byte_s=settings.upstream.first_byte_timeout_s,
            chunk_s=settings.upstream.chunk_timeout_s,
            total_s=settings.upstream.total_timeout_s,
        ),
        health=health,
        beside=beside,
    )


def _tiers(settings: Settings) -> dict[str, TierLimits]:
    return {name: TierLimits(qps=tier.qps, tpm=tier.tpm) for name, tier in settings.tiers.items()}


def _tier_groups(settings: Settings) -> dict[str, frozenset[str] | None]:
    return {
        name: None if tier.groups is None else frozenset(tier.groups)
        for name, tier in settings.tiers.items()
    }
