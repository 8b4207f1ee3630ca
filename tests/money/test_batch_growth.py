"""By how much a stream's hold grows, and what becomes of what it has grown by."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.money.amounts import NANO
from grip.money.entries import Gone, Grown, Released, Settled


def test_a_hold_grows_by_what_is_asked_for(desk):
    """On wallet, key and member; the wallet gives whole credits, the others nano-credits."""
    desk.ask(desk.admit(nano=2 * NANO))
    plan = desk.plan()
    outcome = plan.decide(desk.grow(nano=3 * NANO + 1))

    assert outcome == Grown(estimate_nano=3 * NANO + 1)
    assert (desk.wallet.balance, desk.wallet.held) == (1_000, 6)
    assert desk.key.held_nano == desk.member.held_nano == 5 * NANO + 1
    assert plan.changes_anything
    assert plan.grown_holds == desk.holds
    assert (desk.holds["req_1"].amount, desk.holds["req_1"].estimate_nano) == (6, 5 * NANO + 1)
    assert list(plan.dirty_wallets) == ["wal_1"]
    assert list(plan.dirty_keys) == ["key_1"]
    assert list(plan.dirty_members) == ["mem_1"]


@pytest.mark.parametrize("narrowest", ["wallet", "key", "member"])
def test_a_hold_grows_by_what_the_narrowest_purse_has_left(desk, narrowest):
    """Less than was asked for will do, and after it there is nothing."""
    desk.ask(desk.admit(1, 4 * NANO))
    desk.ask(desk.admit(2, 2 * NANO))
    desk.wallet.balance = 8 if narrowest == "wallet" else 100
    desk.key.budget = 8 if narrowest == "key" else 100
    desk.member.credit_limit = 8 if narrowest == "member" else 100

    assert desk.ask(desk.grow(nano=2 * NANO + 1)) == Grown(estimate_nano=2 * NANO)
    assert nothing_more(desk) == Grown(estimate_nano=0)
    assert (desk.wallet.held, desk.key.held_nano, desk.member.held_nano) == (8, *[8 * NANO] * 2)


@pytest.mark.parametrize("purse", ["key", "member"])
def test_what_was_spent_is_not_there_to_grow_by(desk, purse):
    """To the nano-credit."""
    row = getattr(desk, purse)
    setattr(row, "budget" if purse == "key" else "credit_limit", 10)
    row.spent, row.spent_nano = 6, 999_999_999
    desk.ask(desk.admit(nano=NANO))

    assert desk.ask(desk.grow(nano=NANO * 50)) == Grown(estimate_nano=2 * NANO + 1)


@pytest.mark.parametrize("purse", ["key", "member"])
def test_a_purse_that_was_overspent_has_nothing_to_grow_by(desk, purse):
    """Proven excess may have passed it; a hold never shrinks for that."""
    desk.ask(desk.admit(nano=2 * NANO))
    setattr(getattr(desk, purse), "budget" if purse == "key" else "credit_limit", 10)
    getattr(desk, purse).spent = 20

    assert nothing_more(desk) == Grown(estimate_nano=0)


def test_the_rest_of_a_credit_that_is_held_is_there_to_grow_by(desk):
    """A wallet that has no credit left still gives the fraction that it gave before."""
    desk.wallet.balance = 2
    desk.ask(desk.admit(nano=3 * NANO // 2))

    assert desk.ask(desk.grow(nano=NANO)) == Grown(estimate_nano=NANO // 2)
    assert desk.wallet.held == 2
    assert nothing_more(desk) == Grown(estimate_nano=0)


@pytest.mark.parametrize("end", ["none", "released", "settled"])
def test_a_hold_that_is_not_there_cannot_grow(desk, end):
    """It was resolved, or never was."""
    if end != "none":
        desk.ask(desk.admit())
        desk.ask(desk.release() if end == "released" else desk.settle())

    assert nothing_more(desk) == Gone()


def test_what_has_grown_in_steps_is_held_in_sum(desk):
    """Within one batch and over several; each step sees the one before."""
    desk.ask(desk.admit(nano=NANO // 2))
    assert (
        desk.batch(desk.grow(nano=NANO // 4), desk.grow(nano=NANO // 4))
        == [Grown(estimate_nano=NANO // 4)] * 2
    )
    assert desk.wallet.held == 1
    desk.ask(desk.grow(nano=1))

    assert (desk.wallet.held, desk.key.held_nano) == (2, NANO + 1)


def test_a_hold_may_grow_in_the_batch_that_makes_it(desk):
    """The row is written as it was admitted, then as it has grown."""
    plan = desk.plan()
    entry = desk.admit(nano=NANO)
    for each in (entry, desk.grow(nano=2 * NANO)):
        plan.decide(each)

    assert plan.new_holds == {entry.request_id: (entry, desk.now_us)}
    assert [hold.amount for hold in plan.grown_holds.values()] == [3]


def test_what_has_grown_may_be_charged_without_proof(desk):
    """The bound is the hold as it stands; all of it goes with the charge, in one batch too."""
    desk.ask(desk.admit(nano=NANO))
    plan = desk.plan()
    grown, settled = (
        plan.decide(desk.grow(nano=2 * NANO)),
        plan.decide(desk.settle(nano=9 * NANO, proven=False)),
    )

    assert grown == Grown(estimate_nano=2 * NANO)
    assert settled == Settled(cost_nano=3 * NANO, credits=3, balance_after=997)
    assert (plan.grown_holds, plan.gone_holds) == ({}, ["req_1"])
    assert plan.usage[0].hold_credits == 3
    assert is_free(desk)


def test_what_has_grown_is_released_whole(desk):
    """In the batch that made it grow, and in a later one."""
    for number in (1, 2):
        desk.ask(desk.admit(number, NANO))
    plan = desk.plan()
    assert plan.decide(desk.grow(1, 2 * NANO)) == Grown(estimate_nano=2 * NANO)
    assert plan.decide(desk.release(1)) == Released()
    assert (plan.grown_holds, plan.gone_holds) == ({}, ["req_1"])
    desk.ask(desk.grow(2, 2 * NANO))
    desk.ask(desk.release(2))

    assert is_free(desk)
    assert desk.wallet.balance == 1_000


def test_what_has_grown_is_not_there_for_others(desk):
    """A hold that grew to the wallet's last credit leaves nothing to admit on."""
    desk.ask(desk.admit(1, NANO))
    _, refusal = desk.batch(desk.grow(1, 5_000 * NANO), desk.admit(2, 1))

    assert refusal.code == "insufficient_credits"
    assert refusal.metadata == {"required": 1, "available": 0, "held": 1_000}


AMOUNTS = st.integers(0, 30 * NANO)
CAPS = st.none() | st.integers(0, 30)


@given(st.tuples(st.integers(0, 30), CAPS, CAPS), AMOUNTS, st.lists(AMOUNTS, max_size=8))
def test_holds_grow_to_the_last_nano_credit_and_no_further(new_desk, caps, first, more):
    """Whatever is asked for in whichever steps: the narrowest purse is the sum of the grants."""
    desk = new_desk()
    balance, budget, limit = caps
    desk.wallet.balance, desk.key.budget, desk.member.credit_limit = balance, budget, limit
    bound = min(cap for cap in caps if cap is not None) * NANO
    first = min(first, bound)
    desk.ask(desk.admit(nano=first))
    granted = first
    for nano in more:
        outcome = desk.ask(desk.grow(nano=nano))
        assert outcome.estimate_nano == min(nano, bound - granted)
        granted += outcome.estimate_nano

        assert desk.key.held_nano == desk.member.held_nano == granted
        assert desk.wallet.held == -(-granted // NANO) <= balance


def nothing_more(desk: Any) -> Any:
    """Return what an asking for more comes to that changes nothing at all."""
    before = desk.rows()
    plan = desk.plan()
    outcome = plan.decide(desk.grow())

    assert desk.rows() == before
    assert not plan.changes_anything
    assert not any((plan.dirty_wallets, plan.dirty_keys, plan.dirty_members))
    return outcome


def is_free(desk: Any) -> bool:
    """Whether nothing is held on any of the rows."""
    return (desk.wallet.held, desk.key.held_nano, desk.member.held_nano) == (0, 0, 0)
