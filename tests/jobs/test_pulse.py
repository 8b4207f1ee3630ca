"""The pulse of a worker, through books that are open and a database that does not answer."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from grip.clock import Clock
from grip.jobs import pulse
from grip.money.entries import Release
from grip.store.engine import Database
from grip.systemd import Overseer
from tests.books.conftest import House

NOTHING = Release(request_id="")


@pytest.fixture
async def sqlite_house(sqlite_url: str, clock: Clock) -> AsyncIterator[House]:
    """A house on SQLite alone."""
    house = House(Database(sqlite_url), clock)
    yield house
    await house.close()


@pytest.fixture
async def postgres_house(postgres_url: str, clock: Clock) -> AsyncIterator[House]:
    """A house on PostgreSQL alone."""
    house = House(Database(postgres_url), clock)
    yield house
    await house.close()


def _signs(count: int) -> tuple[Callable[[], None], asyncio.Event]:
    """Return who takes signs of life, and what is set once there are so many of them."""
    enough = asyncio.Event()
    taken: list[None] = []

    def take() -> None:
        taken.append(None)
        if len(taken) == count:
            enough.set()

    return take, enough


async def _hears(house: House, count: int) -> None:
    """Wait for so many signs of life of the books that were opened first."""
    take, enough = _signs(count)
    async with pulse.felt(house.opened[0], Overseer(alive=take, alive_every_s=0)):
        await asyncio.wait_for(enough.wait(), 5)


async def test_a_pulse_beats_through_books_that_have_stopped(house: House):
    """A process that ends is alive until it has ended."""
    books = await house.open()
    await _hears(house, 3)
    await books.stop()
    await _hears(house, 3)


async def test_a_server_that_does_not_answer_stops_no_pulse(postgres_house: House):
    """What waits for it is tried again for minutes; the process is as healthy as before."""
    books = await postgres_house.open()
    other = await asyncpg.connect(postgres_house.database.dsn)
    try:
        async with other.transaction():
            await other.execute("LOCK TABLE holds IN ACCESS EXCLUSIVE MODE")
            waiting = asyncio.create_task(books.submit(NOTHING))
            await _hears(postgres_house, 3)
            assert not waiting.done()
        await waiting
    finally:
        await other.close()


async def test_a_writer_that_does_not_come_back_stops_the_pulse(sqlite_house: House):
    """Until it does: somebody else keeps the file locked, as a disk that hangs would."""
    books = await sqlite_house.open()
    signs: list[None] = []
    other = sqlite3.connect(sqlite_house.database.path or "", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(books.submit(NOTHING))
        while not books.hung_s:  # noqa: ASYNC110 - the loop counts milliseconds, and tells nobody
            await asyncio.sleep(0)
        overseer = Overseer(alive=lambda: signs.append(None), alive_every_s=0)
        async with pulse.felt(books, overseer):
            for _ in range(50):
                await asyncio.sleep(0)
        assert signs == []
        other.execute("ROLLBACK")
    finally:
        other.close()
    await waiting
    await _hears(sqlite_house, 3)
