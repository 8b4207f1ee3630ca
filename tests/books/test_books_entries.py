"""What becomes of entries in a real database, on both engines."""

import asyncio

import pytest

from grip import errors
from grip.money.amounts import NANO
from grip.money.entries import Admitted, Gone, Released, Settled, Stale
from grip.services import wallets


async def test_a_call_is_held_then_charged(house, books):
    """The hold's row becomes a row of usage, and the counters follow."""
    ana = await house.customer(budget=900)
    entry = await house.asks(books, ana, 5)
    admitted = await books.submit(entry)
    (hold,) = await house.rows("holds")
    held = await house.wallet(ana.wallet_id)
    settled = await books.submit(house.settles(entry, 2 * NANO + 7, upstream_id="cmpl_1"))

    assert (held.balance, held.held) == (1_000, 5)
    assert hold["admitted_us"] == admitted.admitted_us
    assert {name: hold[name] for name in ("amount", "estimate_nano", "boot_id", "ip")} == {
        "amount": 5,
        "estimate_nano": 5 * NANO,
        "boot_id": "boot_1",
        "ip": "192.0.2.1",
    }
    assert settled == Settled(cost_nano=2 * NANO + 7, credits=2, balance_after=998)
    assert await house.rows("holds") == []
    (usage,) = await house.rows("usage")
    assert usage["upstream_id"] == "cmpl_1"
    assert (usage["hold_credits"], usage["credits"], usage["carry_after"]) == (5, 2, 7)
    (key,) = await house.rows("api_key")
    assert (key["spent"], key["spent_nano"], key["held_nano"]) == (2, 7, 0)
    await house.verify()


async def test_a_released_call_leaves_nothing(house, books):
    """As if it had never been."""
    ana = await house.customer()
    entry = await house.asks(books, ana, 5)
    await books.submit(entry)

    assert await books.submit(house.releases(entry)) == Released()
    await house.untouched(ana)


async def test_a_settlement_after_the_release_is_too_late(house, books):
    """Void is final."""
    ana = await house.customer()
    entry = await house.asks(books, ana, 5)
    await books.submit(entry)
    await books.submit(house.releases(entry))

    assert await books.submit(house.settles(entry, NANO)) == Gone()
    assert await books.submit(house.releases(entry)) == Gone()
    await house.untouched(ana)


async def test_a_settlement_that_comes_again_is_answered_the_same(house, books):
    """By the same books, by others, and in one batch; it charges once."""
    ana = await house.customer()
    entry = await house.asks(books, ana, 5)
    await books.submit(entry)
    first, second = await house.all(books, *[house.settles(entry, 3 * NANO)] * 2)
    other = await house.open()

    assert first == second == await other.submit(house.settles(entry, 4 * NANO))
    assert (await house.wallet(ana.wallet_id)).balance == 997
    assert await books.submit(house.releases(entry)) == Gone()
    await house.verify()


async def test_proven_excess_is_paid_by_the_wallet_then_owed(house, books):
    """And a credit pays the debt first."""
    ana = await house.customer(10, budget=10)
    entry = await house.asks(books, ana, 10)
    await books.submit(entry)
    settled = await books.submit(house.settles(entry, 25 * NANO + 1))
    wallet = await house.wallet(ana.wallet_id)

    assert settled.balance_after == 0
    assert (wallet.balance, wallet.debt, wallet.carry_nano) == (0, 15, 1)
    await house.verify()


async def test_an_unproven_cost_stays_within_its_estimate(house, books):
    """And the books say that it was estimated."""
    ana = await house.customer()
    entry = await house.asks(books, ana, estimate_nano=3 * NANO // 2)
    await books.submit(entry)
    settled = await books.submit(house.settles(entry, 40 * NANO, proven=False))

    assert settled.cost_nano == 3 * NANO // 2
    await house.verify()


async def test_fifty_calls_at_once_cannot_overspend(house, books):
    """Three holds of 300 fit on 1,000 credits."""
    ana = await house.customer(1_000)
    entries = [await house.asks(books, ana, 300) for _ in range(50)]
    outcomes = await house.all(books, *entries)

    assert sum(isinstance(outcome, Admitted) for outcome in outcomes) == 3
    assert sum(isinstance(outcome, errors.InsufficientCredits) for outcome in outcomes) == 47
    assert (await house.wallet(ana.wallet_id)).held == 900
    await house.verify()


async def test_more_entries_than_a_batch_takes_are_all_answered(house, books):
    """In as many batches as it needs."""
    ana = await house.customer(1_000)
    entry = await house.asks(books, ana, 1)
    entries = [entry._replace(request_id=f"req_{number}") for number in range(600)]
    assert {type(outcome) for outcome in await house.all(books, *entries)} == {Admitted}
    outcomes = await house.all(books, *(house.settles(each, NANO) for each in entries))

    assert {type(outcome) for outcome in outcomes} == {Settled}
    assert (await house.wallet(ana.wallet_id)).balance == 400
    await house.verify()


async def test_rows_that_are_not_there_make_an_admission_stale(house, books):
    """Whoever removed them, the caller looks again."""
    ana = await house.customer()
    entry = await house.asks(books, ana)
    for change in ({"wallet_id": "wal_0"}, {"key_id": "key_0"}, {"member_id": "mem_0"}):
        assert await books.submit(entry._replace(**change)) == Stale()
    await house.untouched(ana)


DEFECTS = {
    "twice": lambda entry, settle: entry,
    "too many tokens": lambda entry, settle: entry._replace(request_id="req_x", tokens=2**70),
    "broken text": lambda entry, settle: entry._replace(request_id="req_x", ip="\ud800"),
    "costs a world": lambda entry, settle: settle._replace(cost_nano=2**80),
    "costs less than nothing": lambda entry, settle: settle._replace(cost_nano=-(2**40)),
}


@pytest.mark.parametrize("defect", DEFECTS)
async def test_a_defective_entry_fails_alone(house, books, defect):
    """Its batch is halved until it stands by itself; its neighbours are carried out."""
    ana, bob = await house.customer(), await house.customer()
    held = await house.asks(books, ana, 7)
    await books.submit(held)
    bad = DEFECTS[defect](held, house.settles(held, NANO))
    before = [await house.asks(books, bob) for _ in range(4)]
    after = [await house.asks(books, bob) for _ in range(3)]
    outcomes = await house.all(books, *before, bad, *after)

    assert [type(outcome) for outcome in outcomes] == [
        *[Admitted] * 4,
        errors.BooksBroken,
        *[Admitted] * 3,
    ]
    assert (await house.wallet(ana.wallet_id)).held == 7
    assert (await house.wallet(bob.wallet_id)).held == 7
    assert await books.submit(house.settles(held, NANO)) == Settled(
        cost_nano=NANO, credits=1, balance_after=999
    )
    await house.verify()


async def test_two_of_one_name_in_one_batch_are_held_once(house, books):
    """A request's id is the identity of its effect."""
    ana = await house.customer()
    entry = await house.asks(books, ana, 5)
    outcomes = await house.all(books, entry, entry)

    assert [type(outcome) for outcome in outcomes] == [Admitted, errors.BooksBroken]
    assert (await house.wallet(ana.wallet_id)).held == 5


async def test_books_charge_while_credits_come_and_go(house, books):
    """Both paths lock the wallet's row: no change is lost."""
    ana = await house.customer(1_000)
    entry = await house.asks(books, ana, 2)

    async def call(number: int) -> None:
        own = entry._replace(request_id=f"req_{number}")
        await books.submit(own)
        await books.submit(house.settles(own, 2 * NANO))

    async def post(number: int) -> None:
        change = wallets.credit if number % 3 else wallets.debit
        await change(house.context, ana.wallet_id, 7, actor="test", reason="race")

    await asyncio.gather(*map(call, range(60)), *map(post, range(12)))
    wallet = await house.wallet(ana.wallet_id)

    assert (wallet.balance, wallet.held) == (1_000 - 120 + 8 * 7 - 4 * 7, 0)
    await house.verify()


async def test_a_debit_cannot_take_what_a_call_holds(house, books):
    """However they race: the wallet never has less than is held of it."""
    ana = await house.customer(1_000)
    entries = [await house.asks(books, ana, 300) for _ in range(3)]
    debits = [
        wallets.debit(house.context, ana.wallet_id, 300, actor="test", reason="race")
        for _ in range(3)
    ]
    asked, posted = await asyncio.gather(
        house.all(books, *entries), asyncio.gather(*debits, return_exceptions=True)
    )
    admitted = sum(isinstance(outcome, Admitted) for outcome in asked)
    debited = sum(not isinstance(outcome, BaseException) for outcome in posted)

    assert admitted + debited == 3
    wallet = await house.wallet(ana.wallet_id)
    assert (wallet.balance, wallet.held) == (1_000 - 300 * debited, 300 * admitted)
    await house.verify()
