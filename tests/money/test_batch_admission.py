"""Whom a batch admits, and why it turns the others away."""

from typing import Any

import pytest

from grip import errors
from grip.money.amounts import MAX_CREDITS, NANO
from grip.money.entries import Admit, Admitted, Stale
from grip.money.states import TierLimits


def refused(desk: Any, entry: Admit) -> Any:
    """Return the refusal of an entry that changes nothing at all."""
    before = desk.rows()
    plan = desk.plan()
    outcome = plan.decide(entry)

    assert desk.rows() == before
    assert not plan.changes_anything
    assert not any((plan.new_holds, plan.gone_holds, plan.usage, plan.new_claims))
    assert not any((plan.dirty_wallets, plan.dirty_keys, plan.dirty_members))
    return outcome


def test_an_admission_holds_its_cost_on_wallet_key_and_member(desk):
    """Whole credits on the wallet, the exact estimate where exactness limits."""
    plan = desk.plan()
    outcome = plan.decide(desk.admit(nano=2 * NANO + 1, tokens=7))

    assert isinstance(outcome, Admitted)
    assert outcome[:3] == (desk.now_us, None, None)
    assert outcome.stood is not None
    assert (outcome.stood.balance, outcome.stood.held) == (1_000, 3)
    assert outcome.stood.held_nano == outcome.stood.member_held_nano == 2 * NANO + 1
    assert (desk.wallet.balance, desk.wallet.held, desk.wallet.available) == (1_000, 3, 997)
    assert desk.key.held_nano == desk.member.held_nano == 2 * NANO + 1
    assert list(plan.new_holds.values()) == [(desk.admit(nano=2 * NANO + 1, tokens=7), desk.now_us)]
    assert list(plan.dirty_wallets) == ["wal_1"]
    assert list(plan.dirty_keys) == ["key_1"]
    assert list(plan.dirty_members) == ["mem_1"]


@pytest.mark.parametrize(
    "change",
    [
        {"catalog_version": 2},
        {"key_version": 2},
        {"tier": "plus"},
        {"wallet_id": "wal_2"},
        {"key_id": "key_2"},
        {"member_id": "mem_2"},
    ],
)
def test_an_admission_that_rests_on_what_is_no_longer_so_is_stale(desk, change):
    """The caller looks again; nothing was held."""
    assert refused(desk, desk.admit(**change)) == Stale()


def test_an_admission_of_a_boot_that_was_given_up_is_stale(desk):
    """Its holds are being resolved; the same call under a living boot is taken."""
    desk.dead_boots = {"boot_0", "boot_1"}
    assert refused(desk, desk.admit()) == Stale()

    assert isinstance(desk.ask(desk.admit(boot_id="boot_2")), Admitted)


def test_staleness_comes_before_every_refusal(desk):
    """A refusal on old facts could be a wrong one."""
    desk.wallet.balance = 0
    desk.key.expires_us = 1

    assert refused(desk, desk.admit(key_version=9)) == Stale()


@pytest.mark.parametrize(("left_us", "kind"), [(0, errors.InvalidApiKey), (1, Admitted)])
def test_a_key_ends_at_its_expiry(desk, left_us, kind):
    """In the time of the books, at the very microsecond."""
    desk.key.expires_us = desk.now_us + left_us

    assert isinstance(desk.ask(desk.admit()), kind)


def test_a_tier_that_nobody_configured_admits_nobody(desk):
    """Guessing its limits would be worse."""
    desk.wallet.tier = "gone"
    outcome = refused(desk, desk.admit(tier="gone"))

    assert isinstance(outcome, errors.ServiceUnavailable)
    assert "[tiers.gone]" in outcome.detail


def test_a_wallet_pays_to_its_last_credit_and_no_further(desk):
    """What is held is not available."""
    desk.wallet.balance = 1_000
    assert isinstance(desk.ask(desk.admit(1, 700 * NANO)), Admitted)
    outcome = refused(desk, desk.admit(2, 300 * NANO + 1))

    assert isinstance(outcome, errors.InsufficientCredits)
    assert outcome.metadata == {"required": 301, "available": 300, "held": 700}
    assert isinstance(desk.ask(desk.admit(2, 300 * NANO)), Admitted)
    assert desk.wallet.available == 0


def test_what_is_free_needs_no_credits(desk):
    """Free is a price of 0; budgets and limits that are used up do not stop it."""
    desk.wallet.balance = desk.key.budget = desk.member.credit_limit = 0

    assert isinstance(desk.ask(desk.admit(nano=0)), Admitted)


@pytest.mark.parametrize("purse", ["key", "member"])
def test_budgets_and_member_limits_are_exact_to_the_nano_credit(desk, purse):
    """Spent and held count, and their fractions too."""
    row = getattr(desk, purse)
    setattr(row, "budget" if purse == "key" else "credit_limit", 10)
    row.spent, row.spent_nano, row.held_nano = 6, 999_999_999, NANO + 1
    room = 10 * NANO - (6 * NANO + 999_999_999) - (NANO + 1)
    kind = errors.ApiKeyBudgetExhausted if purse == "key" else errors.MemberLimitExhausted
    outcome = refused(desk, desk.admit(1, room + 1))

    assert isinstance(outcome, kind)
    assert outcome.metadata == {"required": 3, "available": 2, "held": 2, "limit": 10}
    assert isinstance(desk.ask(desk.admit(1, room)), Admitted)
    assert isinstance(refused(desk, desk.admit(2, 1)), kind)


def test_a_purse_that_was_overspent_has_nothing_left(desk):
    """Proven excess may pass a budget; what is available is not told below zero."""
    desk.key.budget, desk.key.spent = 5, 8
    outcome = refused(desk, desk.admit())

    assert isinstance(outcome, errors.ApiKeyBudgetExhausted)
    assert outcome.metadata["available"] == 0


def test_the_narrowest_purse_is_told_first(desk):
    """The key's budget, then the member's limit, then the wallet."""
    desk.wallet.balance = desk.key.budget = desk.member.credit_limit = 0
    codes = []
    for row, name in ((desk.key, "budget"), (desk.member, "credit_limit"), (desk.wallet, "")):
        codes.append(refused(desk, desk.admit()).code)
        if name:
            setattr(row, name, None)

    assert codes == [
        "api_key_budget_exhausted",
        "member_limit_exhausted",
        "insufficient_credits",
    ]


def test_the_entries_of_a_batch_see_each_other(desk):
    """Three holds of 300 fit on 1,000 credits, however many ask at once."""
    outcomes = desk.batch(*(desk.admit(number, 300 * NANO) for number in range(50)))

    assert [isinstance(outcome, Admitted) for outcome in outcomes] == [True] * 3 + [False] * 47
    assert desk.wallet.held == 900


def test_a_refusal_in_a_batch_takes_nothing_from_those_behind_it(desk):
    """Neither of the limits nor of the money."""
    desk.tiers["free"] = TierLimits(qps=2)
    entries = (desk.admit(1, 900 * NANO), desk.admit(2, 900 * NANO), desk.admit(3, 100 * NANO))

    assert [type(outcome) for outcome in desk.batch(*entries)] == [
        Admitted,
        errors.InsufficientCredits,
        Admitted,
    ]


def test_what_a_batch_lets_go_the_next_entry_may_hold(desk):
    """A release in front of an admission makes room for it."""
    desk.ask(desk.admit(1, 1_000 * NANO))
    _, outcome = desk.batch(desk.release(1), desk.admit(2, 1_000 * NANO))

    assert isinstance(outcome, Admitted)


def test_the_dearest_call_fits_the_columns(desk):
    """A hold of the most credits there can be is 63 bits in nano-credits."""
    desk.wallet.balance = MAX_CREDITS
    desk.ask(desk.admit(nano=MAX_CREDITS * NANO))

    assert desk.wallet.available == 0
    assert desk.key.held_nano < 2**63


def test_two_calls_of_one_name_break_their_batch(desk):
    """One hold could not be let go for both."""
    plan = desk.plan()
    plan.decide(desk.admit(1))

    with pytest.raises(errors.BooksBroken, match="req_1: two calls of one name"):
        plan.decide(desk.admit(1))
