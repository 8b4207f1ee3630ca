"""What PostgreSQL has on disk when an entry is answered, and what becomes of a failing flush."""

import asyncio
from typing import Any

import asyncpg
import pytest

from grip import errors
from grip.money.amounts import NANO
from grip.money.entries import Admitted, Released, Settled
from grip.store.books import postgres as books_postgres
from grip.store.books.postgres_barrier import Barrier

LOST = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


class Flush:
    """A flush that ends when a test says so; `count` of them have begun."""

    def __init__(self) -> None:
        self.count = 0
        self._ends: list[asyncio.Future[None]] = []
        self._is_let_go = False

    async def __call__(self) -> None:
        self.count += 1
        if self._is_let_go:
            return
        end = asyncio.get_running_loop().create_future()
        self._ends.append(end)
        await end

    def end(self, error: Exception | None = None) -> None:
        """End the oldest one."""
        future = self._ends.pop(0)
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    def let_go(self) -> None:
        """End all of them, those to come at once."""
        self._is_let_go = True
        while self._ends:
            self.end()


async def turns() -> None:
    """Let the loop do what it can do now."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def slow(postgres_house, monkeypatch):
    """Books whose flushes end when the test says so."""
    books = await postgres_house.open()
    books.flush = Flush()
    monkeypatch.setattr(books._barrier, "_flush", books.flush)
    monkeypatch.setattr(books_postgres, "_RETRY_AFTER_S", (0, 0))
    yield books
    books.flush.let_go()


def ran(books: Any, monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """Return the outcomes of every batch that is committed from now on."""
    transact, batches = books._batches._transact, []

    async def record(entries: Any) -> Any:
        outcomes = await transact(entries)
        batches.append(outcomes)
        return outcomes

    monkeypatch.setattr(books._batches, "_transact", record)
    return batches


async def begun(flush: Flush, count: int) -> None:
    """Return when so many flushes have begun."""
    while flush.count < count:
        await turns()


async def test_whoever_joins_during_a_flush_shares_the_next_one():
    """The running one may have begun before what they wait for was committed."""
    flush = Flush()
    barrier = Barrier(flush)
    first = asyncio.create_task(barrier.wait())
    await turns()
    later = [asyncio.create_task(barrier.wait()) for _ in range(20)]
    await turns()
    assert flush.count == 1
    flush.end()
    await first
    await turns()
    assert [task.done() for task in later] == [False] * 20
    assert flush.count == 2
    flush.end()
    await asyncio.gather(*later)

    assert flush.count == 2


async def test_a_flush_that_fails_is_told_to_all_who_waited_for_it():
    """Those who join meanwhile have one of their own, and the barrier works on."""
    flush = Flush()
    barrier = Barrier(flush)
    sharing = [asyncio.create_task(barrier.wait()) for _ in range(3)]
    await turns()
    later = asyncio.create_task(barrier.wait())
    await turns()
    flush.end(LOST)
    assert await asyncio.gather(*sharing, return_exceptions=True) == [LOST] * 3
    flush.end()
    await later
    again = asyncio.create_task(barrier.wait())
    await turns()
    flush.end()
    await again

    assert flush.count == 3


@pytest.mark.parametrize("error", [None, LOST])
async def test_who_stops_waiting_at_the_barrier_disturbs_nobody(error):
    """Neither those who share their flush nor the next one."""
    flush = Flush()
    barrier = Barrier(flush)
    leaving, staying = [asyncio.create_task(barrier.wait()) for _ in range(2)]
    await turns()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    flush.end(error)

    (told,) = await asyncio.gather(staying, return_exceptions=True)
    assert told is error


async def test_an_admission_is_answered_before_the_barrier(postgres_house, slow, monkeypatch):
    """The settlement of the same batch waits for it, committed and visible to all."""
    ana = await postgres_house.customer()
    held, next_ = [await postgres_house.asks(slow, ana, 2) for _ in range(2)]
    await slow.submit(held)
    batches = ran(slow, monkeypatch)
    settling, admitting = [
        asyncio.create_task(slow.submit(entry))
        for entry in (postgres_house.settles(held, NANO), next_)
    ]

    assert isinstance(await admitting, Admitted)
    assert [[type(outcome) for outcome in outcomes] for outcomes in batches] == [
        [Settled, Admitted]
    ]
    assert (slow.flush.count, settling.done()) == (1, False)
    assert (await postgres_house.wallet(ana.wallet_id)).balance == 999
    slow.flush.end()
    assert isinstance(await settling, Settled)


async def test_admissions_alone_wait_for_no_flush(postgres_house, slow):
    """What a power cut takes of them costs nobody anything."""
    ana = await postgres_house.customer()
    entries = [await postgres_house.asks(slow, ana) for _ in range(3)]

    assert [type(each) for each in await postgres_house.all(slow, *entries)] == [Admitted] * 3
    assert slow.flush.count == 0


async def test_batches_share_a_flush(postgres_house, slow, monkeypatch):
    """Those that commit while one runs wait for the next, and none of them holds a slot up."""
    monkeypatch.setattr("grip.store.books.port.MAX_BATCH", 2)
    ana = await postgres_house.customer()
    entries = [await postgres_house.asks(slow, ana) for _ in range(12)]
    await postgres_house.all(slow, *entries)
    batches = ran(slow, monkeypatch)
    tasks = [
        asyncio.create_task(slow.submit(postgres_house.settles(each, NANO))) for each in entries
    ]
    while len(batches) < 6:
        await postgres_house.rows("meta")
    assert slow.flush.count == 1
    slow.flush.end()
    await turns()
    slow.flush.end()
    outcomes = await asyncio.gather(*tasks)

    assert [type(outcome) for outcome in outcomes] == [Settled] * 12
    assert slow.flush.count == 2
    await postgres_house.verify()


async def test_a_batch_whose_flush_fails_runs_again_and_charges_once(
    postgres_house, slow, monkeypatch
):
    """What the server has not lost is found; the answer is the same, and comes after a flush."""
    ana = await postgres_house.customer()
    held, left = [await postgres_house.asks(slow, ana, 2) for _ in range(2)]
    await postgres_house.all(slow, held, left)
    batches = ran(slow, monkeypatch)
    asking = asyncio.gather(
        slow.submit(postgres_house.settles(held, NANO)),
        slow.submit(postgres_house.releases(left)),
    )
    for count, error in enumerate((LOST, ConnectionRefusedError(), None), 1):
        await begun(slow.flush, count)
        assert not asking.done()
        slow.flush.end(error)
    settled, released = await asking

    assert [outcomes[0] for outcomes in batches] == [settled] * 3
    assert isinstance(settled, Settled)
    assert type(released) is not errors.DatabaseUnavailable
    assert len(await postgres_house.rows("usage")) == 1
    assert await postgres_house.rows("holds") == []
    await postgres_house.verify()


async def test_a_flush_that_keeps_failing_is_told_in_the_end(postgres_house, slow):
    """The charge may be lost yet, so the client must not see an end; asked again, it is found."""
    ana = await postgres_house.customer()
    held = await postgres_house.asks(slow, ana, 2)
    await slow.submit(held)
    settle = postgres_house.settles(held, NANO)
    asking = asyncio.create_task(slow.submit(settle))
    for count in (1, 2, 3):
        await begun(slow.flush, count)
        slow.flush.end(LOST)
    with pytest.raises(errors.DatabaseUnavailable):
        await asking
    again = asyncio.create_task(slow.submit(settle))
    await begun(slow.flush, 4)
    slow.flush.end()

    assert await again == Settled(cost_nano=NANO, credits=1, balance_after=999)
    await postgres_house.verify()


@pytest.mark.parametrize("default", ["on", "off"])
@pytest.mark.parametrize("end", ["settled", "released"])
async def test_what_ends_a_call_is_on_disk_when_it_is_answered(
    postgres_house, operator, monkeypatch, default, end
):
    """Also where the server's default is not to wait for the disk."""
    name = await operator.fetchval("SELECT current_database()")
    await operator.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = {default}')
    books = await postgres_house.open()
    ana = await postgres_house.customer()
    held = await postgres_house.asks(books, ana, 2)
    await books.submit(held)
    transact, written = books._batches._transact, []

    async def record(entries: Any) -> Any:
        outcomes = await transact(entries)
        written.append(await operator.fetchval("SELECT pg_current_wal_insert_lsn()"))
        return outcomes

    monkeypatch.setattr(books._batches, "_transact", record)
    ending = postgres_house.settles(held, NANO), postgres_house.releases(held)
    outcome = await books.submit(ending[end == "released"])

    assert isinstance(outcome, Released if end == "released" else Settled)
    assert await operator.fetchval("SELECT pg_current_wal_flush_lsn() >= $1", written[0])
