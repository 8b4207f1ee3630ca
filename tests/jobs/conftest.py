"""A house with workers that live or die, and a time that passes when a test says so."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from grip.clock import Clock
from grip.gateway.boots import BEAT_EVERY_S, Boot, Janitor
from grip.store import boots
from grip.store.books import HotBooks
from grip.store.engine import Database
from tests.books.conftest import House


class Watcher:
    """A worker that lives and looks after the others: its boot, its janitor, its own time."""

    def __init__(self, house: House, books: HotBooks, number: int, verdict: str) -> None:
        self.now_s = 1_000.0 * number
        ids = itertools.count(1)
        self.boot = Boot(
            house.database,
            boot_id=f"watcher_{number}",
            new_id=lambda: f"watcher_{number}.{next(ids)}",
            clock=house.clock,
            host="host:1",
            region="",
        )
        self.janitor = Janitor(
            house.database,
            books,
            boot=self.boot,
            clock=house.clock,
            monotonic=lambda: self.now_s,
            verdict=verdict,
        )

    async def look(self, after_s: float = BEAT_EVERY_S) -> int:
        """Let so much time pass, then look; return how many holds it resolved."""
        self.now_s += after_s
        return await self.janitor.run()

    async def wait_out(self) -> int:
        """Look until whoever stands still is dead; return how many holds it resolved."""
        return sum([await self.look() for _ in range(4)])


Watch = Callable[..., Awaitable[Watcher]]


@pytest.fixture
async def house(database: Database, clock: Clock) -> AsyncIterator[House]:
    """A house, on each engine in turn."""
    house = House(database, clock)
    await house.prepare()
    yield house
    await house.close()


@pytest.fixture
async def books(house: House) -> HotBooks:
    """The books of the worker that dies, and of whoever else a test has."""
    return await house.open()


@pytest.fixture
async def watch(house: House) -> Watch:
    """Makes a worker that lives; its janitor judges as told."""
    numbers = itertools.count(1)

    async def make(books: HotBooks, verdict: str = "crash_void") -> Watcher:
        watcher = Watcher(house, books, next(numbers), verdict)
        await watcher.boot.start()
        return watcher

    return make


@pytest.fixture
async def died(house: House) -> str:
    """The boot of a worker that beats no more."""
    async with house.database.write() as connection:
        await boots.register(connection, "boot_1", host="host:2", region="there", now_us=0)
    return "boot_1"
