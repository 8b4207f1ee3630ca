"""A process that stalls in the middle of a transaction, and comes back later."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from grip.clock import system_clock
from grip.money.amounts import NANO
from grip.money.entries import Admitted, Settled
from grip.store.books import HotBooks, PostgresBooks
from grip.store.engine import Database
from tests.books.conftest import House


@pytest.fixture
async def house(postgres_url: str) -> AsyncIterator[House]:
    """A house on PostgreSQL, whose nodes are on different machines."""
    house = House(Database(postgres_url), system_clock)
    await house.prepare()
    yield house
    await house.close()


class Stall:
    """Stops the next batch of these books when it has locked its rows, until it is to go on."""

    def __init__(self, books: HotBooks, monkeypatch: pytest.MonkeyPatch) -> None:
        self.has_begun, self.go_on = asyncio.Event(), asyncio.Event()
        assert isinstance(books, PostgresBooks)
        self._load = books._batches._load
        monkeypatch.setattr(books._batches, "_load", self._load_and_stall)

    async def _load_and_stall(self, connection: Any, entries: Any) -> Any:
        loaded = await self._load(connection, entries)
        if not self.has_begun.is_set():
            connection._con._transport.pause_reading()  # a process that stalls hears nothing
            self.has_begun.set()
            await self.go_on.wait()
            connection._con._transport.resume_reading()
        return loaded


async def test_a_node_that_stalls_in_a_transaction_does_not_lock_the_others_out(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    """The server lets go of what it has locked; when it comes back, it charges what it was to."""
    monkeypatch.setattr("grip.store.books.postgres_batches._STALLED_AFTER_S", 0.3)
    stalled, other = [await house.open() for _ in range(2)]
    ana = await house.customer()
    held = await house.asks(stalled, ana, 2)
    await stalled.submit(held)
    stall = Stall(stalled, monkeypatch)
    late = asyncio.create_task(stalled.submit(house.settles(held, NANO)))
    await stall.has_begun.wait()
    entry = await house.asks(other, ana, 2)
    try:
        admitted = await other.submit(entry)
        settled = await other.submit(house.settles(entry, NANO))
    finally:
        stall.go_on.set()

    assert isinstance(admitted, Admitted)
    assert isinstance(settled, Settled)
    assert isinstance(await late, Settled)
    assert (await house.wallet(ana.wallet_id)).balance == 998
    await house.verify()
