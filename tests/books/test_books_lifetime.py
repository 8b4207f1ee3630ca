"""Every entry is answered, whoever still waits for it, until the books are closed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from grip import errors
from grip.money.amounts import NANO
from grip.money.entries import Admitted, Entry, Outcome, Released, Settled
from grip.store.books import HotBooks
from grip.store.tables import wallet

BEGUN = 3


@asynccontextmanager
async def blocked(house: Any, customer: Any) -> AsyncIterator[None]:
    """Keep the wallet's row for oneself, so that no batch on it can end."""
    async with house.database.write() as connection:
        await connection.execute(
            sa.select(wallet.c.id).where(wallet.c.id == customer.wallet_id).with_for_update()
        )
        yield


async def begun(books: HotBooks, *entries: Entry) -> list[asyncio.Task[Outcome]]:
    """Submit entries, and return their tasks when all of them wait in the books."""
    tasks = [asyncio.create_task(books.submit(entry)) for entry in entries]
    for _ in range(BEGUN):
        await asyncio.sleep(0)
    return tasks


async def test_an_admission_that_nobody_waits_for_is_let_go(house, books):
    """The books release what they admitted for a caller who was cancelled."""
    ana = await house.customer()
    entry = await house.asks(books, ana, 5)
    async with blocked(house, ana):
        (task,) = await begun(books, entry)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await books.stop()
    house.opened.clear()

    await house.untouched(ana)


async def test_a_caller_who_is_cancelled_as_the_answer_arrives_holds_nothing(
    house, books, monkeypatch
):
    """They have not seen it, and nobody else knows of it."""
    ana = await house.customer()
    entry = await house.asks(books, ana, 5)
    loop = asyncio.get_running_loop()
    create = loop.create_future
    made: list[asyncio.Future[Any]] = []

    def create_future() -> asyncio.Future[Any]:
        future = create()
        if not made:
            # This callback is the first, so it runs before the caller goes on.
            future.add_done_callback(lambda _: task.cancel())
        made.append(future)
        return future

    async with blocked(house, ana):
        monkeypatch.setattr(loop, "create_future", create_future)
        (task,) = await begun(books, entry)
        monkeypatch.undo()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert isinstance(made[0].result(), Admitted)
    await books.stop()
    house.opened.clear()

    await house.untouched(ana)


async def test_a_refusal_or_a_charge_is_not_undone_when_its_caller_is_cancelled(house, books):
    """A settlement stands whoever has gone, and there is nothing to undo of a refusal."""
    ana = await house.customer(5)
    held, dear = await house.asks(books, ana, 5), await house.asks(books, ana, 6)
    await books.submit(held)
    async with blocked(house, ana):
        tasks = await begun(books, house.settles(held, 3 * NANO), dear)
        for task in tasks:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await books.stop()
    house.opened.clear()
    row = await house.wallet(ana.wallet_id)

    assert (row.balance, row.held) == (2, 0)
    assert len(await house.rows("usage")) == 1


async def test_stopping_finishes_what_waits(house, books, monkeypatch):
    """Also what is in later batches; only what comes afterwards is turned away."""
    monkeypatch.setattr("grip.store.books.port.MAX_BATCH", 2)
    ana = await house.customer()
    entries = [await house.asks(books, ana, 2) for _ in range(9)]
    await books.submit(entries[0])
    async with blocked(house, ana):
        tasks = await begun(books, *entries[1:], house.settles(entries[0], NANO))
        stopping = asyncio.create_task(books.stop())
        await asyncio.sleep(0)
        with pytest.raises(errors.ServiceUnavailable, match="stopping"):
            await books.submit(house.releases(entries[0]))
    await stopping
    house.opened.clear()

    assert [type(await task) for task in tasks] == [Admitted] * 8 + [Settled]
    assert (await house.wallet(ana.wallet_id)).held == 16


async def test_books_that_did_nothing_can_be_closed(house):
    """Nothing waits, so nothing is waited for."""
    await (await house.open()).stop()
    house.opened.clear()


async def test_a_long_queue_turns_away_admissions_and_no_settlement(house, books, monkeypatch):
    """What is under way must be able to end."""
    monkeypatch.setattr("grip.store.books.port.MAX_WAITING", 4)
    monkeypatch.setattr("grip.store.books.port.MAX_BATCH", 1)
    ana = await house.customer()
    held = [await house.asks(books, ana, 2) for _ in range(2)]
    for entry in held:
        await books.submit(entry)
    entries = [await house.asks(books, ana, 2) for _ in range(20)]
    async with blocked(house, ana):
        tasks = await begun(books, *entries)
        for _ in range(BEGUN):
            await asyncio.sleep(0)
        late = await begun(books, house.settles(held[0], NANO), house.releases(held[1]))
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    shed = [outcome for outcome in outcomes if isinstance(outcome, errors.ServiceUnavailable)]

    assert shed
    assert {(outcome.code, outcome.retry_after_s) for outcome in shed} == {
        ("service_unavailable", 1)
    }
    assert {type(outcome) for outcome in outcomes} == {Admitted, errors.ServiceUnavailable}
    assert [type(await task) for task in late] == [Settled, Released]
    assert (await house.wallet(ana.wallet_id)).held == 2 * (20 - len(shed))
    await house.verify()
