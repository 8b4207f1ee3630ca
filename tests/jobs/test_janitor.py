"""The janitor: what a dead process left is resolved once, and nothing that lives is touched."""

import asyncio
from typing import Any

import pytest

from grip import errors
from grip.money.amounts import NANO
from grip.money.entries import (
    CRASH_ESTIMATED,
    CRASH_VOID,
    Admit,
    Admitted,
    Gone,
    Grow,
    Stale,
)
from grip.store import boots
from grip.store.books import HotBooks
from tests.books.conftest import Customer, House
from tests.jobs.conftest import Watch


async def hold(
    house: House, books: HotBooks, customer: Customer, boot_id: str, **terms: Any
) -> Admit:
    """Admit a call of two credits under this boot."""
    terms = {"price_id": house.price_id, "boot_id": boot_id} | terms
    entry = await house.asks(books, customer, 2, **terms)
    assert isinstance(await books.submit(entry), Admitted)
    return entry


async def endings(house: House) -> dict[str, str | None]:
    return {row["id"]: row["ending"] for row in await house.rows("boot")}


async def test_what_a_dead_worker_held_is_void(house: House, books: HotBooks, watch: Watch, died):
    """A usage row says so; nothing is charged, and nothing is held."""
    ana, watcher = await house.customer(), await watch(books)
    entry = await hold(house, books, ana, died, input_tokens=700)
    resolved = await watcher.wait_out()
    (row,) = await house.rows("usage")
    wallet = await house.wallet(ana.wallet_id)

    assert resolved == 1
    assert (row["request_id"], row["status"], row["cost_nano"]) == (entry.request_id, CRASH_VOID, 0)
    assert (row["credits"], row["input_tokens"], row["estimated"]) == (0, 0, 0)
    assert (row["region"], row["model"], row["ip"]) == ("there", "gpt", "192.0.2.1")
    assert (wallet.balance, wallet.held, wallet.carry_nano) == (1_000, 0, 0)
    assert await house.rows("holds") == []
    assert (await endings(house))[died] == boots.DEAD
    await house.verify()


async def test_its_input_is_charged_where_the_operator_says_so(
    house: House, books: HotBooks, watch: Watch, died
):
    """By estimate, and marked as one; the answer, which nobody saw, costs nothing."""
    ana, watcher = await house.customer(), await watch(books, CRASH_ESTIMATED)
    await hold(house, books, ana, died, input_tokens=700)
    resolved = await watcher.wait_out()
    (row,) = await house.rows("usage")
    wallet = await house.wallet(ana.wallet_id)

    assert resolved == 1
    assert (row["status"], row["estimated"]) == (CRASH_ESTIMATED, 1)
    assert (row["cost_nano"], row["input_tokens"], row["output_tokens"]) == (700, 700, 0)
    assert (wallet.balance, wallet.held, wallet.carry_nano) == (1_000, 0, 700)
    await house.verify()


async def test_an_estimate_is_never_above_the_hold(
    house: House, books: HotBooks, watch: Watch, died
):
    """Whatever its input would cost."""
    ana, watcher = await house.customer(), await watch(books, CRASH_ESTIMATED)
    await hold(house, books, ana, died, input_tokens=50 * NANO)
    await watcher.wait_out()
    (row,) = await house.rows("usage")

    assert (row["cost_nano"], row["credits"], row["debt_credits"]) == (2 * NANO, 2, 0)
    assert (await house.wallet(ana.wallet_id)).balance == 998
    await house.verify()


async def test_a_call_whose_price_is_not_known_is_void_all_the_same(
    house: House, books: HotBooks, watch: Watch, died
):
    """A hold of a version before this one says no price."""
    ana, watcher = await house.customer(), await watch(books, CRASH_ESTIMATED)
    await hold(house, books, ana, died, input_tokens=700, price_id="")
    await watcher.wait_out()
    (row,) = await house.rows("usage")

    assert (row["status"], row["cost_nano"], row["estimated"]) == (CRASH_VOID, 0, 0)
    await house.verify()


async def test_nothing_is_touched_before_its_worker_is_dead(
    house: House, books: HotBooks, watch: Watch, died
):
    """Not a second before its time, and not while it beats."""
    ana, watcher = await house.customer(), await watch(books)
    entry = await hold(house, books, ana, died)
    early = [await watcher.look(after_s) for after_s in (1, 5, 5, 4)]
    async with house.database.write() as connection:
        await boots.beat(connection, died)
    beaten = [await watcher.look() for _ in range(3)]
    held = [row["request_id"] for row in await house.rows("holds")]
    dead = await watcher.look()

    assert early + beaten == [0] * 7
    assert held == [entry.request_id]
    assert dead == 1


async def test_a_heartbeat_in_the_last_moment_saves_the_worker(
    house: House, books: HotBooks, watch: Watch, died, monkeypatch: pytest.MonkeyPatch
):
    """It may come between the look and the ending, which names the count that it was seen at."""
    ana, watcher = await house.customer(), await watch(books)
    await hold(house, books, ana, died)
    end = boots.end

    async def beat_first(connection: Any, *args: Any, **kwargs: Any) -> bool:
        await boots.beat(connection, died)
        return await end(connection, *args, **kwargs)

    monkeypatch.setattr(boots, "end", beat_first)

    assert await watcher.wait_out() == 0
    assert (await endings(house))[died] is None


async def test_two_janitors_at_the_same_moment_resolve_each_hold_once(
    house: House, books: HotBooks, watch: Watch, died
):
    """Each on books of its own, as two nodes; what one counts, the other does not."""
    customers = [await house.customer() for _ in range(3)]
    entries = [await hold(house, books, customers[n % 3], died) for n in range(30)]
    watchers = [await watch(await house.open()) for _ in range(3)]
    for _ in range(3):
        await asyncio.gather(*(watcher.look() for watcher in watchers))
    resolved = await asyncio.gather(*(watcher.look() for watcher in watchers))
    rows = await house.rows("usage")

    assert sum(resolved) == 30
    assert {row["request_id"] for row in rows} == {entry.request_id for entry in entries}
    assert {(row["status"], row["cost_nano"]) for row in rows} == {(CRASH_VOID, 0)}
    for customer in customers:
        assert (await house.wallet(customer.wallet_id)).held == 0
    await house.verify()


async def test_more_holds_than_are_looked_at_in_one_go_are_resolved_in_one_run(
    house: House, books: HotBooks, watch: Watch, died, monkeypatch: pytest.MonkeyPatch
):
    """Page by page."""
    monkeypatch.setattr("grip.gateway.boots._BATCH", 4)
    ana, watcher = await house.customer(), await watch(books)
    for _ in range(11):
        await hold(house, books, ana, died)

    assert await watcher.wait_out() == 11
    assert await house.rows("holds") == []


async def test_what_a_given_up_worker_asks_for_late_is_gone(
    house: House, books: HotBooks, watch: Watch, died
):
    """Its settlement, its release, and more of the wallet: a void is final."""
    ana, watcher = await house.customer(), await watch(books)
    entry = await hold(house, books, ana, died)
    await watcher.wait_out()
    late = await house.all(
        await house.open(),
        house.settles(entry, NANO),
        house.releases(entry),
        Grow(request_id=entry.request_id, estimate_nano=NANO),
    )

    assert late == [Gone(), Gone(), Gone()]
    assert [row["cost_nano"] for row in await house.rows("usage")] == [0]
    assert (await house.wallet(ana.wallet_id)).balance == 1_000
    await house.verify()


async def test_a_late_settlement_in_the_same_moment_charges_or_is_gone(
    house: House, books: HotBooks, watch: Watch, died
):
    """Never both: verdict and settlement are one row of usage."""
    ana, watcher = await house.customer(), await watch(await house.open())
    entries = [await hold(house, books, ana, died) for _ in range(20)]
    for _ in range(3):
        await watcher.look()
    _, *late = await asyncio.gather(
        watcher.look(), *(books.submit(house.settles(entry, NANO)) for entry in entries)
    )
    charged = sum(not isinstance(outcome, Gone) for outcome in late)
    rows = await house.rows("usage")

    assert len(rows) == 20
    assert sum(row["cost_nano"] for row in rows) == charged * NANO
    assert sum(row["status"] == CRASH_VOID for row in rows) == 20 - charged
    assert (await house.wallet(ana.wallet_id)).balance == 1_000 - charged
    await house.verify()


async def test_an_admission_under_a_dead_boot_is_refused_by_the_books(
    house: House, books: HotBooks, watch: Watch, died
):
    """It would be held by nobody."""
    ana, watcher = await house.customer(), await watch(books)
    await watcher.wait_out()
    entry = await house.asks(books, ana, 2, boot_id=died)

    assert await books.submit(entry) == Stale()
    assert await books.submit(entry._replace(boot_id=watcher.boot.id)) != Stale()


async def test_an_admission_and_the_end_of_its_boot_at_the_same_moment_leave_no_hold(
    house: House, books: HotBooks, watch: Watch, died
):
    """Held before the end, it is resolved; asked for after it, it is refused."""
    ana, watcher = await house.customer(), await watch(await house.open())
    entries = [await house.asks(books, ana, 2, boot_id=died) for _ in range(40)]
    for _ in range(3):
        await watcher.look()
    _, *outcomes = await asyncio.gather(watcher.look(), *(books.submit(e) for e in entries))
    await watcher.look()
    held = sum(isinstance(outcome, Admitted) for outcome in outcomes)

    assert held + sum(outcome == Stale() for outcome in outcomes) == 40
    assert len(await house.rows("usage")) == held
    assert await house.rows("holds") == []
    await house.verify()


async def test_a_void_frees_the_idempotency_key(house: House, books: HotBooks, watch: Watch, died):
    """Nothing was charged, so that the call may be carried out."""
    ana, watcher = await house.customer(), await watch(books)
    claim = {"idem_key": "k", "fingerprint": "f"}
    await hold(house, books, ana, died, **claim)
    again = await house.asks(books, ana, 2, boot_id=watcher.boot.id, **claim)
    with pytest.raises(errors.IdempotencyKeyInUse):
        await books.submit(again)
    await watcher.wait_out()

    assert isinstance(await books.submit(again), Admitted)


async def test_a_charged_estimate_does_not_free_the_idempotency_key(
    house: House, books: HotBooks, watch: Watch, died
):
    """A second call with it would be charged as well; there is no answer to be given again."""
    ana, watcher = await house.customer(), await watch(books, CRASH_ESTIMATED)
    claim = {"idem_key": "k", "fingerprint": "f"}
    await hold(house, books, ana, died, input_tokens=700, **claim)
    await watcher.wait_out()
    again = await house.asks(books, ana, 2, boot_id=watcher.boot.id, **claim)
    with pytest.raises(errors.IdempotencyResultUnavailable):
        await books.submit(again)

    await house.verify()


async def test_a_look_that_failed_begins_anew(
    house: House, books: HotBooks, watch: Watch, died, monkeypatch: pytest.MonkeyPatch
):
    """Nobody is given up for a time in which the database was away."""
    ana, watcher = await house.customer(), await watch(books)
    await hold(house, books, ana, died)
    early = [await watcher.look() for _ in range(3)]

    async def fail(*_: Any) -> None:
        raise errors.DatabaseUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(boots, "living", fail)
        with pytest.raises(errors.DatabaseUnavailable):
            await watcher.look()
    late = [await watcher.look() for _ in range(3)]

    assert early + late == [0] * 6
    assert await watcher.look() == 1


async def test_nobody_is_given_up_while_nobody_can_write(
    house: House, books: HotBooks, watch: Watch, died, monkeypatch: pytest.MonkeyPatch
):
    """A disk that is full takes no heartbeats, though it can be read."""
    ana, watcher = await house.customer(), await watch(books)
    await hold(house, books, ana, died)
    early = [await watcher.look() for _ in range(3)]

    async def fail(*_: Any) -> None:
        raise errors.DatabaseUnavailable("full")

    with monkeypatch.context() as patch:
        patch.setattr(boots, "beat", fail)
        for _ in range(10):
            with pytest.raises(errors.DatabaseUnavailable):
                await watcher.look()
    late = [await watcher.look() for _ in range(3)]

    assert early + late == [0] * 6
    assert await watcher.look() == 1


async def test_a_worker_that_was_given_up_holds_on_under_its_new_boot(
    house: House, books: HotBooks, watch: Watch
):
    """What it held before is void, what it holds from now on is its own."""
    ana = await house.customer()
    slept, awake = await watch(books), await watch(await house.open())
    before = await hold(house, books, ana, slept.boot.id)
    await awake.wait_out()
    await slept.look(3600)
    after = await hold(house, books, ana, slept.boot.id)
    for _ in range(5):
        await slept.look()
        await awake.look()

    assert slept.boot.id == "watcher_1.1"
    assert await books.submit(house.settles(before, NANO)) == Gone()
    assert await books.submit(house.settles(after, NANO)) != Gone()
    assert (await house.wallet(ana.wallet_id)).balance == 999
    await house.verify()


async def test_what_a_stop_could_not_finish_is_resolved_as_well(
    house: House, books: HotBooks, watch: Watch, died
):
    """The boot ended, whatever its ending is called."""
    ana, watcher = await house.customer(), await watch(books)
    await hold(house, books, ana, died)
    async with house.database.write() as connection:
        await boots.end(connection, died, boots.STOPPED, 1)

    assert await watcher.look() == 1
    assert (await endings(house))[died] == boots.STOPPED


async def test_a_hold_that_cannot_be_resolved_keeps_no_other_from_it(
    house: House, books: HotBooks, watch: Watch, died, monkeypatch: pytest.MonkeyPatch
):
    """The look fails and is tried again; what else was left is resolved all the same."""
    ana, watcher = await house.customer(), await watch(books)
    broken, *_ = [await hold(house, books, ana, died) for _ in range(5)]
    submit = books.submit

    async def refuse(entry: Any) -> Any:
        if entry.request_id == broken.request_id:
            raise errors.BooksBroken("the ledger refused the call")
        return await submit(entry)

    with monkeypatch.context() as patch:
        patch.setattr(books, "submit", refuse)
        with pytest.raises(errors.BooksBroken):
            await watcher.wait_out()
        while len(left := await house.rows("holds")) > 1:
            pass

    assert [row["request_id"] for row in left] == [broken.request_id]
    assert await watcher.look() == 1
    await house.verify()


async def test_boots_that_ended_long_ago_are_forgotten(house: House, books: HotBooks, watch: Watch):
    """A month after their end, unless something is still held under them."""
    watcher, ana, now_us = await watch(books), await house.customer(), house.clock()
    month_us = 30 * 24 * 3600 * 1_000_000
    async with house.database.write() as connection:
        for name, ended_us in (
            ("boot_old", now_us - month_us - 1),
            ("boot_late", now_us - month_us),
            ("boot_held", now_us - month_us - 1),
        ):
            await boots.register(connection, name, host="there", region="", now_us=1)
            if name != "boot_held":
                await boots.end(connection, name, boots.STOPPED, ended_us)
    await hold(house, books, ana, "boot_held")
    async with house.database.write() as connection:
        await boots.end(connection, "boot_held", boots.DEAD, now_us - month_us - 1)

    assert await watcher.janitor.forget() == 1
    assert {"boot_late", "boot_held"} <= (await endings(house)).keys()
    assert "boot_old" not in await endings(house)
