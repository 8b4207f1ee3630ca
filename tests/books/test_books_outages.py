"""While the database is away: who asks is told at once, and no hold is forgotten for it."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest

from grip import errors
from grip.money.amounts import NANO
from grip.money.entries import Admitted, Released, Settled
from grip.store.books import port
from grip.store.books import postgres as books_postgres


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Books that try again soon."""
    monkeypatch.setattr("grip.store.books.postgres._RETRY_AFTER_S", (0.01, 0.01))
    monkeypatch.setattr(port, "AGAIN_AFTER_S", 0.01)
    monkeypatch.setattr("grip.store.books.sqlite_writer._AGAIN_AFTER_S", 0.01)


class Outage:
    """A database that is away for batches as long as `lasts`; `tries` counts what it refused.

    The first batch is carried out where `loses` says so, and only its answer is lost.
    """

    def __init__(self, books: Any, monkeypatch: pytest.MonkeyPatch, *, loses: bool = False) -> None:
        self.lasts = True
        self.tries = 0
        self._loses = loses
        runner = getattr(books, "_batches" if hasattr(books, "_barrier") else "_writer")
        self._transact: Callable[[Any], Any] = runner._transact
        is_async = asyncio.iscoroutinefunction(runner._transact)
        monkeypatch.setattr(runner, "_transact", self._later if is_async else self._now)

    def _now(self, entries: Any) -> Any:
        if not self.lasts:
            return self._transact(entries)
        self.tries += 1
        raise sqlite3.OperationalError("database is locked")

    async def _later(self, entries: Any) -> Any:
        if not self.lasts:
            return await self._transact(entries)
        self.tries += 1
        if self._loses:
            self._loses = False
            await self._transact(entries)
        raise asyncpg.ConnectionDoesNotExistError("connection was closed")

    async def goes_on(self, tries: int) -> None:
        """Return when so many batches have been refused."""
        while self.tries < tries:
            await asyncio.to_thread(str)


@contextmanager
def given_up_after(monkeypatch: pytest.MonkeyPatch, tries: int):
    """Let books go on trying for as good as ever within the block."""
    with monkeypatch.context() as patch:
        patch.setattr("grip.store.books.postgres._RETRY_AFTER_S", (0.01,) * tries)
        yield


async def test_admissions_are_refused_while_settlements_wait_for_the_database(
    postgres_house, monkeypatch
):
    """Those that waited already and those that come; all settlements wait on, and are charged."""
    monkeypatch.setattr(port, "MAX_BATCH", 1)
    books = await postgres_house.open()
    ana = await postgres_house.customer()
    held = [await postgres_house.asks(books, ana, 2) for _ in range(4)]
    await postgres_house.all(books, *held)
    asks = [await postgres_house.asks(books, ana, 2) for _ in range(5)]
    with given_up_after(monkeypatch, 10_000):
        outage = Outage(books, monkeypatch)
        settling = [
            asyncio.create_task(books.submit(postgres_house.settles(entry, NANO))) for entry in held
        ]
        waiting = [asyncio.create_task(books.submit(entry)) for entry in asks[:4]]
        refused = await asyncio.gather(*waiting, return_exceptions=True)
        with pytest.raises(errors.DatabaseUnavailable):
            await books.submit(asks[4])
        await outage.goes_on(10)
        assert [task.done() for task in settling] == [False] * 4
        assert len(books._waiting) == 2
        outage.lasts = False
        settled = await asyncio.gather(*settling)

    assert [type(outcome) for outcome in refused] == [errors.DatabaseUnavailable] * 4
    assert [type(outcome) for outcome in settled] == [Settled] * 4
    assert isinstance(await books.submit(asks[4]), Admitted)
    assert (await postgres_house.wallet(ana.wallet_id)).held == 2
    await postgres_house.verify()


async def test_a_hold_in_doubt_is_let_go_however_long_the_database_is_away(
    postgres_house, monkeypatch
):
    """Its caller was told that nothing is held, long before the last try."""
    books = await postgres_house.open()
    ana = await postgres_house.customer()
    entry = await postgres_house.asks(books, ana, 5)
    outage = Outage(books, monkeypatch, loses=True)
    with pytest.raises(errors.DatabaseUnavailable):
        await books.submit(entry)
    assert (await postgres_house.wallet(ana.wallet_id)).held == 5
    await outage.goes_on(10)
    outage.lasts = False
    while (await postgres_house.wallet(ana.wallet_id)).held:
        pass

    await postgres_house.untouched(ana)


async def test_a_hold_that_nobody_waits_for_is_let_go_however_long_the_database_is_away(
    house, books, monkeypatch
):
    """The caller was cancelled, and the database went away after the admission."""
    ana = await house.customer()
    entry = await house.asks(books, ana, 5)
    admitting = asyncio.create_task(books.submit(entry))
    answer = books._answer
    outages: list[Outage] = []

    def cancelled_just_before(*facts: Any) -> None:
        if not outages:
            admitting.cancel()
            asyncio.get_running_loop().call_soon(answer, *facts)
            outages.append(Outage(books, monkeypatch))
        else:
            answer(*facts)

    monkeypatch.setattr(books, "_answer", cancelled_just_before)
    with pytest.raises(asyncio.CancelledError):
        await admitting
    await outages[0].goes_on(10)
    assert (await house.wallet(ana.wallet_id)).held == 5
    outages[0].lasts = False
    while (await house.wallet(ana.wallet_id)).held:
        pass

    await house.untouched(ana)


async def test_books_that_are_stopped_wait_for_no_database(house, monkeypatch):
    """What they could not let go of is left to whoever sees that their process has ended."""
    books = await house.open()
    ana = await house.customer()
    entry = await house.asks(books, ana, 5)
    await books.submit(entry)
    outage = Outage(books, monkeypatch)
    books._enqueue(house.releases(entry))
    await outage.goes_on(5)
    await books.stop()
    house.opened.clear()

    assert (await house.wallet(ana.wallet_id)).held == 5


async def test_a_release_that_its_caller_waits_for_is_answered_and_not_kept(
    house, books, monkeypatch
):
    """They ask again themselves: the queue does not grow with the length of an outage."""
    ana = await house.customer()
    entry = await house.asks(books, ana, 5)
    await books.submit(entry)
    outage = Outage(books, monkeypatch)
    for _ in range(3):
        with pytest.raises(errors.DatabaseUnavailable):
            await books.submit(house.releases(entry))
    tries = outage.tries
    outage.lasts = False

    assert tries == 9
    assert await books.submit(house.releases(entry)) == Released()
    await house.untouched(ana)


@pytest.mark.parametrize(
    "loss",
    [
        asyncpg.ConnectionDoesNotExistError("the answer was lost"),
        asyncpg.InternalClientError("another operation is in progress"),
        asyncpg.AdminShutdownError("terminating connection"),
        ConnectionResetError(),
        TimeoutError(),
    ],
)
async def test_a_commit_whose_answer_was_lost_counts_once(postgres_house, monkeypatch, loss):
    """The settlement is found in the books, the admission in doubt is let go."""
    books = await postgres_house.open()
    ana = await postgres_house.customer()
    held, next_ = [await postgres_house.asks(books, ana, 2) for _ in range(2)]
    await books.submit(held)
    transact = books._batches._transact
    lost: list[Any] = []

    async def lose_the_answer(entries):
        outcomes = await transact(entries)
        if not lost:
            lost.append(outcomes)
            raise loss
        return outcomes

    monkeypatch.setattr(books._batches, "_transact", lose_the_answer)
    outcomes = await postgres_house.all(books, postgres_house.settles(held, NANO), next_)

    assert [type(outcome) for outcome in lost[0]] == [Settled, Admitted]
    assert outcomes[0] == lost[0][0]
    assert isinstance(outcomes[1], errors.DatabaseUnavailable)
    assert len(await postgres_house.rows("usage")) == 1
    assert await postgres_house.rows("holds") == []
    await postgres_house.verify()


@pytest.mark.parametrize(
    "trouble", [ConnectionRefusedError(), asyncpg.DeadlockDetectedError("x"), TimeoutError()]
)
async def test_trouble_that_lasts_is_told_in_the_end(postgres_house, monkeypatch, trouble):
    """After the last try; the books go on when it is over."""
    books = await postgres_house.open()
    ana = await postgres_house.customer()
    held = await postgres_house.asks(books, ana, 2)
    await books.submit(held)
    tries = []

    async def fail(entries):
        tries.append(entries)
        raise trouble

    monkeypatch.setattr(books_postgres, "_RETRY_AFTER_S", (0, 0))
    with monkeypatch.context() as patch:
        patch.setattr(books._batches, "_transact", fail)
        with pytest.raises(errors.DatabaseUnavailable):
            await books.submit(postgres_house.settles(held, NANO))

    assert len(tries) == 3
    assert isinstance(await books.submit(postgres_house.settles(held, NANO)), Settled)
