"""What `/metrics` tells of a node and of the books, whichever of its workers is asked.

Each worker lays down what it has counted once a second (`metrics/shelf.py`); the one that is asked
adds all of it up, and reads how the books stand, at most every few seconds. Refuses to wait long
for a database: its absence is what somebody wants to see then.
"""

import asyncio
import time
from collections import Counter
from typing import Final

import structlog

import grip
from grip import errors
from grip.clock import Clock
from grip.metrics import Counts, Shelf, page
from grip.metrics.counts import Gauges, total
from grip.store import health, standing
from grip.store.books import HotBooks
from grip.store.engine import Database
from grip.store.records import Catalog
from grip.store.standing import Standing

_READ_EVERY_S: Final = 5.0
_PATIENCE_S: Final = 3.0

log = structlog.get_logger(__name__)


class Readings:
    """What is counted in this process and beside it, and how the books stand."""

    def __init__(
        self, database: Database, books: HotBooks, clock: Clock, counts: Counts, shelf: Shelf
    ) -> None:
        self._database = database
        self._books = books
        self._clock = clock
        self._counts = counts
        self._shelf = shelf
        self._lock = asyncio.Lock()
        self._read: Gauges = {}
        self._read_at: float | None = None

    def start(self) -> None:
        """Go on from where the worker before this one stopped."""
        self._shelf.carry_on(self._counts)

    async def publish(self) -> None:
        """Lay down what is counted by now, for the other workers where there are any."""
        if self._shelf.is_shared:
            self._shelf.put(self._counts.snapshot())

    async def page(self) -> bytes:
        """Return the page for Prometheus; what it says is laid down too, so that it never falls."""
        read = await self._readings()
        own = self._counts.snapshot()
        self._shelf.put(own)
        # With all the series that there may be, the text takes seconds.
        return await asyncio.to_thread(lambda: page(total([own, *self._shelf.others()]), read))

    async def _readings(self) -> Gauges:
        """Return how the books stand, as somebody read it moments ago."""
        async with self._lock:
            now = time.monotonic()
            if self._read_at is None or now - self._read_at > _READ_EVERY_S:
                self._read = await self._look()
                self._read_at = now
            return self._read

    async def _look(self) -> Gauges:
        said: Gauges = {"grip_build_info": {(grip.__version__,): 1}}
        try:
            async with asyncio.timeout(_PATIENCE_S):
                catalog = await self._books.catalog(fresh=True)
                async with self._database.read() as connection:
                    stood = await standing.read(connection)
                    sick = Counter(
                        one.channel_id for one in await health.load(connection) if one.is_sick
                    )
        except (errors.DatabaseUnavailable, TimeoutError) as error:
            log.warning("metrics.database_away", error=str(error))
            return {**said, "grip_database_up": {(): 0}}
        return {
            **said,
            "grip_database_up": {(): 1},
            **_channels(catalog, sick),
            **_stood(stood, self._clock()),
        }


def _channels(catalog: Catalog, sick: Counter[str]) -> Gauges:
    every = [(one, 1) for one in catalog.channels] + [(one, 0) for one in catalog.disabled]
    return {
        "grip_channel_enabled": {(one.name, one.kind): is_enabled for one, is_enabled in every},
        "grip_channel_sick_models": {(one.name, one.kind): sick[one.id] for one, _ in every},
    }


def _stood(stood: Standing, now_us: int) -> Gauges:
    said: Gauges = {
        "grip_holds": {(): stood.holds},
        "grip_held_credits": {(): stood.held_credits},
        "grip_tasks": {(phase,): number for phase, number in stood.tasks.items()},
        "grip_tasks_oldest_due_seconds": {(): _overdue_s(stood.tasks_due_us, now_us)},
        "grip_callbacks_waiting": {(): stood.callbacks},
        "grip_callbacks_oldest_due_seconds": {(): _overdue_s(stood.callbacks_due_us, now_us)},
    }
    if stood.verified is not None:
        said["grip_ledger_violations"] = {(): stood.verified.violations}
        at_s = stood.verified.at_us // 1_000_000
        said["grip_ledger_verified_timestamp_seconds"] = {(): at_s}
    return said


def _overdue_s(due_us: int | None, now_us: int) -> float:
    return 0 if due_us is None else max(now_us - due_us, 0) / 1_000_000
