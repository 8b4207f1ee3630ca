"""What a batch charges, and that it charges once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.money.amounts import MAX_CREDITS, NANO
from grip.money.entries import Gone, Released, Settled


def test_a_settlement_turns_the_hold_into_a_charge(desk):
    """The hold goes whole, the cost is drawn, and the rest is the wallet's carry."""
    desk.ask(desk.admit(nano=5 * NANO))
    plan = desk.plan()
    outcome = plan.decide(desk.settle(nano=2 * NANO + 25))

    assert outcome == Settled(cost_nano=2 * NANO + 25, credits=2, balance_after=998)
    assert (desk.wallet.balance, desk.wallet.held, desk.wallet.carry_nano) == (998, 0, 25)
    assert (desk.key.spent, desk.key.spent_nano, desk.key.held_nano) == (2, 25, 0)
    assert (desk.member.spent, desk.member.spent_nano, desk.member.held_nano) == (2, 25, 0)
    assert plan.gone_holds == ["req_1"]
    (row,) = plan.usage
    assert row._replace(facts=None) == (
        *("req_1", "wal_1", "key_1", "mem_1", desk.now_us),
        *(5, 2 * NANO + 25, 0, 25, 2, 0, 998, None),
    )


def test_what_is_below_a_credit_is_carried_to_the_next_call(desk):
    """Fifty calls of a fiftieth of a credit are one credit."""
    for number in range(50):
        desk.ask(desk.admit(number, NANO // 50))
        desk.ask(desk.settle(number, NANO // 50))
        assert desk.wallet.carry_nano == (number + 1) * NANO // 50 % NANO

    assert (desk.wallet.balance, desk.key.spent, desk.member.spent) == (999, 1, 1)


def test_a_settlement_that_comes_twice_charges_once(desk):
    """In the same batch or later, the answer is the same."""
    desk.ask(desk.admit())
    plan = desk.plan()
    first, second = plan.decide(desk.settle()), plan.decide(desk.settle(nano=7 * NANO))

    assert first == second == desk.ask(desk.settle())
    assert desk.wallet.balance == 999
    assert (len(plan.usage), len(plan.gone_holds)) == (1, 1)


@pytest.mark.parametrize("nano", [0, 3 * NANO, 9 * NANO])
def test_an_unproven_cost_is_no_more_than_its_estimate(desk, nano):
    """To the nano-credit: whole credits of the hold are not the bound."""
    desk.ask(desk.admit(nano=3 * NANO - 1))
    outcome = desk.ask(desk.settle(nano=nano, proven=False))

    assert outcome.cost_nano == min(nano, 3 * NANO - 1)


def test_a_proven_excess_comes_from_the_wallet_then_from_its_debt(desk):
    """What other calls hold stays theirs."""
    desk.ask(desk.admit(1, 10 * NANO))
    desk.ask(desk.admit(2, 900 * NANO))
    plan = desk.plan()
    outcome = plan.decide(desk.settle(1, 150 * NANO))

    assert outcome == Settled(cost_nano=150 * NANO, credits=150, balance_after=900)
    assert (desk.wallet.balance, desk.wallet.held, desk.wallet.debt) == (900, 900, 50)
    assert plan.usage[0].debt_credits == 50
    assert desk.wallet.available == 0


def test_a_proven_excess_may_pass_budget_and_member_limit(desk):
    """It alone may: the upstream has served it."""
    desk.key.budget = desk.member.credit_limit = 1
    desk.ask(desk.admit())
    desk.ask(desk.settle(nano=5 * NANO))

    assert (desk.key.spent, desk.member.spent) == (5, 5)


def test_a_release_gives_back_the_whole_hold(desk):
    """And charges nothing."""
    desk.ask(desk.admit(nano=5 * NANO + 1))
    plan = desk.plan()

    assert plan.decide(desk.release()) == Released()
    assert (desk.wallet.balance, desk.wallet.held, desk.wallet.carry_nano) == (1_000, 0, 0)
    assert (desk.key.held_nano, desk.member.held_nano) == (0, 0)
    assert (plan.gone_holds, plan.usage) == (["req_1"], [])


def test_a_hold_is_resolved_once(desk):
    """What comes after is told that it has gone."""
    desk.ask(desk.admit(1))
    desk.ask(desk.admit(2))

    assert desk.batch(desk.release(1), desk.release(1), desk.settle(1)) == [
        Released(),
        Gone(),
        Gone(),
    ]
    assert desk.batch(desk.settle(2), desk.release(2))[1] == Gone()
    assert desk.batch(desk.settle(3), desk.release(3)) == [Gone(), Gone()]
    assert (desk.wallet.balance, desk.wallet.held) == (999, 0)


def test_a_call_may_be_admitted_and_settled_in_one_batch(desk):
    """Its hold is never written, and its charge stays."""
    plan = desk.plan()
    for entry in (desk.admit(), desk.settle()):
        plan.decide(entry)

    assert (plan.new_holds, plan.gone_holds, len(plan.usage)) == ({}, [], 1)
    assert (desk.wallet.balance, desk.wallet.held) == (999, 0)


CALLS = st.lists(
    st.tuples(
        st.integers(0, 400 * NANO),
        st.integers(0, 500 * NANO),
        st.sampled_from(["proven", "unproven", "released", "left"]),
        st.booleans(),
    ),
    max_size=12,
)


@given(CALLS)
def test_the_books_are_exact_whatever_happens_to_the_calls(new_desk, calls):
    """Every nano-credit is on the wallet, drawn, carried or owed; in one batch or in many."""
    desk = new_desk()
    desk.key.budget = 1_500
    entries, plans, plan = [], [], None
    for number, (estimate, cost, end, shares) in enumerate(calls):
        entries.append((desk.admit(number, estimate), shares))
        if end == "released":
            entries.append((desk.release(number), shares))
        elif end != "left":
            entries.append((desk.settle(number, cost, proven=end == "proven"), shares))
    for entry, shares in entries:
        if plan is None or not shares:
            plan = desk.plan()
            plans.append(plan)
        plan.decide(entry)
        check(desk)
    rows = [row for plan in plans for row in plan.usage]
    cost = sum(row.cost_nano for row in rows)

    drawn = 1_000 - desk.wallet.balance + desk.wallet.debt
    assert cost == drawn * NANO + desk.wallet.carry_nano
    assert cost == desk.key.spent * NANO + desk.key.spent_nano
    assert sum(row.debt_credits for row in rows) == desk.wallet.debt


def check(desk: Any) -> None:
    """Hold the rows to what must be true after every entry."""
    wallet, key, member = desk.wallet, desk.key, desk.member
    assert 0 <= wallet.held <= wallet.balance <= MAX_CREDITS
    assert wallet.debt >= 0
    assert 0 <= wallet.carry_nano < NANO
    assert wallet.held == sum(hold.amount for hold in desk.holds.values())
    assert key.held_nano == sum(hold.estimate_nano for hold in desk.holds.values())
    assert (member.held_nano, member.spent, member.spent_nano) == (
        key.held_nano,
        key.spent,
        key.spent_nano,
    )
