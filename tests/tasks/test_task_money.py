"""The money of tasks: held when they begin, charged or given back when they end, once."""

import asyncio
import itertools
from typing import Any

import pytest

from grip import errors
from grip.money.amounts import NANO
from grip.money.pricing import Usage
from grip.services import models
from grip.store import tasks
from grip.tasks.ending import Counted, Verdict
from tests.tasks.conftest import EACH_NANO, FAILED, Shop


def _counted(images: int, by: str = "upstream") -> Counted:
    return Counted(usage=Usage(images=images), by=by)


async def test_a_task_holds_the_most_that_it_can_cost(shop: Shop):
    """In the journal, on the wallet, and exactly against the key's budget and the member."""
    ana = await shop.house.customer(budget=500)
    task = (await shop.begin(ana, images=2)).task
    wallet = await shop.house.wallet(ana.wallet_id)
    (hold,) = await shop.house.rows("ledger_transfer", kind="task")
    (key,) = await shop.house.rows("api_key", id=ana.key_id)

    assert (task.status, task.phase, task.hold_credits) == ("pending", "queued", 81)
    assert (wallet.balance, wallet.held) == (1_000, 81)
    assert (hold["phase"], hold["amount"], hold["id"]) == ("pending", 81, task.hold_id)
    assert key["held_nano"] == 2 * EACH_NANO


async def test_what_was_used_is_charged_and_the_rest_given_back(shop: Shop):
    """One of two pictures came; the log of usage tells of it, and the journal moved the credits."""
    ana = await shop.house.customer()
    held = await shop.held((await shop.begin(ana, images=2)).task)
    ended = await shop.endings.complete(held, _counted(1))
    wallet = await shop.house.wallet(ana.wallet_id)
    (row,) = await shop.house.rows("usage", wallet_id=ana.wallet_id)
    post = (await shop.house.rows("ledger_transfer", kind="task"))[-1]

    assert ended is not None
    assert (ended.status, ended.credits, ended.cost_nano) == ("completed", 40, EACH_NANO)
    assert (wallet.balance, wallet.held, wallet.carry_nano) == (960, 0, 7)
    assert (row["request_id"], row["images"], row["credits"]) == (held.id, 1, 40)
    assert (post["phase"], post["amount"], post["id"]) == ("post", 40, row["transfer_id"])
    assert shop.told == [f"{held.id}:completed"]


async def test_a_task_never_costs_more_than_its_hold(shop: Shop):
    """Whatever its upstream counts."""
    ana = await shop.house.customer(credits_=41)
    held = await shop.held((await shop.begin(ana)).task)
    ended = await shop.endings.complete(held, _counted(900))

    assert ended is not None
    assert (ended.cost_nano, ended.credits) == (EACH_NANO, 40)
    assert (await shop.house.wallet(ana.wallet_id)).debt == 0
    assert (await shop.house.rows("usage"))[0]["status"] == "capped"


async def test_a_failed_task_gives_all_back(shop: Shop):
    """And is no row in the log of usage."""
    ana = await shop.house.customer()
    held = await shop.held((await shop.begin(ana)).task)
    ended = await shop.endings.fail(held, FAILED)
    wallet = await shop.house.wallet(ana.wallet_id)

    assert ended is not None
    assert (ended.status, ended.error_code, ended.credits) == ("failed", "upstream_failed", 0)
    assert (wallet.balance, wallet.held) == (1_000, 0)
    assert await shop.house.rows("usage", wallet_id=ana.wallet_id) == []
    assert shop.told == [f"{held.id}:failed"]


async def test_a_task_ends_once(shop: Shop):
    """Report 1 (new-api#6074) and 9 (elizaOS#11942): of many verdicts at once, the first stands."""
    ana = await shop.house.customer()
    held = await shop.held((await shop.begin(ana)).task)
    ends: list[Any] = [
        shop.endings.fail(held, FAILED) if number % 2 else shop.endings.complete(held, _counted(1))
        for number in range(8)
    ]
    ended = [one for one in await asyncio.gather(*ends) if one is not None]
    closing = [row for row in await shop.house.rows("ledger_transfer") if row["pending_id"]]

    assert len(ended) == len(closing) == len(shop.told) == 1
    assert (await shop.find(held)).status == ended[0].status


async def test_who_lost_the_lease_cannot_end_a_task(shop: Shop):
    """A worker that slept changes nothing."""
    ana = await shop.house.customer()
    task = (await shop.begin(ana)).task
    late = await shop.held(task)
    held = await shop.held(task)

    assert await shop.endings.fail(late, FAILED) is None
    assert await shop.endings.complete(held, _counted(1)) is not None


async def test_a_task_that_is_not_there_yet_cannot_complete(shop: Shop):
    """Only what was fetched is charged."""
    ana = await shop.house.customer()
    held = await shop.held((await shop.begin(ana)).task, "running")

    assert await shop.endings.complete(held, _counted(1)) is None
    assert (await shop.house.wallet(ana.wallet_id)).held == 41


@pytest.mark.parametrize(
    ("terms", "credits_", "error"),
    [
        ({}, 40, errors.InsufficientCredits),
        ({"budget": 40}, 1_000, errors.ApiKeyBudgetExhausted),
        ({"models": ["gpt"]}, 1_000, errors.ModelNotAllowed),
    ],
    ids=["wallet", "budget", "models"],
)
async def test_a_task_that_may_not_be_leaves_nothing(
    shop: Shop, terms: dict[str, Any], credits_: int, error: type[errors.GripError]
):
    """Neither a row nor a hold, and none of the limits."""
    ana = await shop.house.customer(credits_=credits_, rpm=1, **terms)
    for _ in range(2):
        with pytest.raises(error):
            await shop.begin(ana)

    assert await shop.house.rows("task") == []
    assert (await shop.house.wallet(ana.wallet_id)).held == 0


async def test_tasks_count_against_the_limits_of_requests(shop: Shop):
    """As calls do."""
    ana = await shop.house.customer(rpm=2)
    for _ in range(2):
        await shop.begin(ana)
    with pytest.raises(errors.RateLimitExceeded):
        await shop.begin(ana)

    assert len(await shop.house.rows("task")) == 2


async def test_many_tasks_at_once_hold_what_is_there(shop: Shop):
    """Nobody overspends, however they race."""
    ana = await shop.house.customer(credits_=41 * 3 + 10)
    made = await asyncio.gather(*(shop.begin(ana) for _ in range(8)), return_exceptions=True)
    refused = [one for one in made if isinstance(one, errors.InsufficientCredits)]

    assert len(refused) == 5
    assert (await shop.house.wallet(ana.wallet_id)).held == 41 * 3


async def test_an_idempotency_key_stands_for_one_task(shop: Shop):
    """Report 11 (aws-samples#58): one hold; the answer is there from the task's beginning."""
    ana = await shop.house.customer()
    task = (await shop.begin(ana, idem_key="once", fingerprint="body")).task
    with pytest.raises(errors.IdempotencyKeyInUse):
        await shop.begin(ana, idem_key="once", fingerprint="body")
    with pytest.raises(errors.IdempotencyKeyReused):
        await shop.begin(ana, idem_key="once", fingerprint="other")
    (kept,) = await shop.house.rows("idempotency_answer")

    assert (kept["request_id"], kept["body"]) == (task.id, task.id.encode())
    assert len(await shop.house.rows("task")) == 1


async def test_a_price_that_changes_does_not_change_a_task(shop: Shop):
    """Report 24: the charge is by the version that was held for."""
    ana = await shop.house.customer()
    held = await shop.held((await shop.begin(ana)).task)
    await models.change(shop.house.context, "draw", {}, sell={"per_image": 9 * NANO}, actor="test")
    ended = await shop.endings.complete(held, _counted(1))

    assert ended is not None
    assert ended.cost_nano == EACH_NANO


async def test_tasks_that_are_due_are_claimed_once(shop: Shop):
    """The longest due first, by one worker each, until the lease is over."""
    ana = await shop.house.customer()
    made = [(await shop.begin(ana)).task for _ in range(5)]
    now_us = shop.house.clock() + 10**9

    async def claim(owner: str, at_us: int) -> list[str]:
        async with shop.house.database.write() as connection:
            found = await tasks.claim(connection, owner, now_us=at_us, until_us=at_us + 60, limit=2)
        return [task.id for task in found]

    taken = await asyncio.gather(*(claim(f"w{number}", now_us) for number in range(4)))

    assert sorted(itertools.chain.from_iterable(taken)) == sorted(task.id for task in made)
    assert await claim("late", now_us + 59) == []
    assert len(await claim("next", now_us + 60)) == 2


async def test_verdicts_say_why(shop: Shop):
    """In the words that the owner is given."""
    ana = await shop.house.customer()
    held = await shop.held((await shop.begin(ana)).task, "queued")
    ended = await shop.endings.fail(held, Verdict(code="cancelled", message="you cancelled it"))

    assert ended is not None
    assert (ended.error_code, ended.error_message) == ("cancelled", "you cancelled it")
