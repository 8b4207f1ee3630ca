"""Several books on one database, as several workers and nodes are: limits and money stay exact."""

import asyncio

import pytest

from grip import errors
from grip.money.amounts import NANO
from grip.money.entries import Admitted, Settled
from grip.money.states import TierLimits


async def test_a_limit_holds_over_all_books(house):
    """100 requests a minute are 100, wherever 300 of them arrive."""
    three = [await house.open() for _ in range(3)]
    ana = await house.customer(rpm=100)
    entry = await house.asks(three[0], ana, 0)
    outcomes = await asyncio.gather(
        *(
            house.all(books, *(entry._replace(request_id=f"req_{n}_{i}") for i in range(100)))
            for n, books in enumerate(three)
        )
    )
    flat = [outcome for some in outcomes for outcome in some]

    assert sum(isinstance(outcome, Admitted) for outcome in flat) == 100
    assert sum(isinstance(outcome, errors.RateLimitExceeded) for outcome in flat) == 200
    assert {
        outcome.metadata["limit"]
        for outcome in flat
        if isinstance(outcome, errors.RateLimitExceeded)
    } == {"key_rpm"}


async def test_tokens_are_counted_over_all_books(house):
    """And those that a settlement gives back may be used by any."""
    tiers = {"free": TierLimits(tpm=1_000)}
    one, two = await house.open(tiers), await house.open(tiers)
    ana = await house.customer()
    entry = await house.asks(one, ana, 1, tokens=600)
    again = entry._replace(request_id="req_2")
    await one.submit(entry)
    with pytest.raises(errors.RateLimitExceeded):
        await two.submit(again)
    await one.submit(house.settles(entry, NANO))

    assert isinstance(await two.submit(again), Admitted)


async def test_credits_are_exact_over_all_books(house):
    """As many holds as there are credits for, and every one of them charged once."""
    three = [await house.open() for _ in range(3)]
    ana = await house.customer(1_000, budget=800)
    entry = await house.asks(three[0], ana, 30)

    async def call(number: int) -> bool:
        own = entry._replace(request_id=f"req_{number}")
        try:
            await three[number % 3].submit(own)
        except errors.ApiKeyBudgetExhausted:
            return False
        settle = house.settles(own, 30 * NANO)
        settled = await asyncio.gather(three[0].submit(settle), three[2].submit(settle))
        assert settled[0] == settled[1]
        return isinstance(settled[0], Settled)

    charged = sum(await asyncio.gather(*map(call, range(90))))
    wallet = await house.wallet(ana.wallet_id)

    assert (charged, wallet.balance, wallet.held) == (26, 1_000 - 26 * 30, 0)
    await house.verify()


async def test_batches_over_the_same_wallets_never_stop_each_other(house):
    """Admissions and settlements of many wallets, mixed in every book: no deadlock, no loss."""
    three = [await house.open() for _ in range(3)]
    customers = [await house.customer() for _ in range(6)]
    entries = [await house.asks(three[0], customer, 2) for customer in customers]

    async def work(number: int) -> None:
        for turn in range(6):
            entry = entries[(number * 5 + turn * (number % 3 + 1)) % len(entries)]
            own = entry._replace(request_id=f"req_{number}_{turn}")
            books = three[(number + turn) % 3]
            assert isinstance(await books.submit(own), Admitted)
            assert isinstance(await books.submit(house.settles(own, 2 * NANO)), Settled)

    await asyncio.gather(*map(work, range(48)))
    balances = [(await house.wallet(customer.wallet_id)).balance for customer in customers]

    assert sum(balances) == 6_000 - 48 * 6 * 2
    await house.verify()
