"""What the books do with the verdict on a call whose process died."""

from typing import Any

import pytest

from grip import errors
from grip.money import claims
from grip.money.amounts import NANO
from grip.money.entries import (
    CRASH_ESTIMATED,
    CRASH_VOID,
    CUT,
    LIMITED,
    Admitted,
    Gone,
    Settled,
)
from grip.money.states import TierLimits

NAME = ("key_1", "idem")


@pytest.fixture
def orphaned(desk):
    """A desk with one call, under an Idempotency-Key, of a process that is gone."""
    desk.tiers["free"] = TierLimits(tpm=10)
    desk.ask(desk.admit(nano=5 * NANO, idem_key="idem", fingerprint="body"))
    return desk


def void(desk: Any, number: int = 1) -> Any:
    return desk.settle(number, 0, proven=False, tokens=0, status=CRASH_VOID)


def estimated(desk: Any, nano: int = 2 * NANO) -> Any:
    return desk.settle(1, nano, proven=False, tokens=4, status=CRASH_ESTIMATED)


def test_a_void_releases_the_hold_and_says_so_on_a_usage_row(orphaned):
    """Nothing is charged, and the tokens of its minute are given back."""
    plan = orphaned.plan()
    outcome = plan.decide(void(orphaned))

    assert outcome == Settled(cost_nano=0, credits=0, balance_after=1_000)
    assert (orphaned.wallet.held, orphaned.key.held_nano, orphaned.member.held_nano) == (0, 0, 0)
    (row,) = plan.usage
    assert (row.facts.status, row.cost_nano, row.hold_credits) == (CRASH_VOID, 0, 5)
    assert orphaned.ask(orphaned.admit(2)).tokens.remaining == 0


def test_a_void_frees_the_idempotency_key(orphaned):
    """The client may ask again, with any body; nothing is kept."""
    plan = orphaned.plan()
    plan.decide(void(orphaned))

    assert (plan.gone_claims, plan.kept) == ([NAME], [])
    again = orphaned.admit(2, idem_key="idem", fingerprint="new")
    assert isinstance(orphaned.ask(again), Admitted)


def test_a_verdict_of_estimate_charges_no_more_than_the_hold(orphaned):
    """What it estimates, where that is less."""
    plan = orphaned.plan()
    outcome = plan.decide(estimated(orphaned))

    assert outcome == Settled(cost_nano=2 * NANO, credits=2, balance_after=998)
    assert plan.usage[0].facts.status == CRASH_ESTIMATED
    assert orphaned.ask(orphaned.admit(2, tokens=6)).tokens.remaining == 0
    orphaned.ask(orphaned.admit(3, nano=NANO, tokens=0))
    bounded = orphaned.settle(3, 9 * NANO, proven=False, status=CRASH_ESTIMATED)
    assert orphaned.ask(bounded).cost_nano == NANO


def test_a_verdict_of_estimate_leaves_the_idempotency_key_lost(orphaned):
    """It was charged, so it is never carried out again, and there is no answer to give."""
    orphaned.ask(estimated(orphaned))
    outcome = orphaned.ask(orphaned.admit(2, idem_key="idem", fingerprint="body"))

    assert orphaned.claims[NAME].state == claims.LOST
    assert isinstance(outcome, errors.IdempotencyResultUnavailable)


@pytest.mark.parametrize("judge", [void, estimated])
@pytest.mark.parametrize("together", [True, False])
def test_a_verdict_is_no_settlement_for_the_process_that_comes_back(orphaned, judge, together):
    """Its late charge finds nothing, so that its client sees no end; nor can it grow or let go."""
    late = (orphaned.settle(nano=5 * NANO), orphaned.grow(), orphaned.release())
    if together:
        outcomes = orphaned.batch(judge(orphaned), *late)[1:]
    else:
        orphaned.ask(judge(orphaned))
        outcomes = [orphaned.ask(entry) for entry in late]

    assert outcomes == [Gone()] * 3
    assert 1_000 - orphaned.wallet.balance == (2 if judge is estimated else 0)


def test_of_two_verdicts_the_first_one_stands(orphaned):
    """Any number of processes may judge at the same time."""
    plan = orphaned.plan()
    outcomes = [plan.decide(entry) for entry in (void(orphaned), estimated(orphaned))]

    assert [type(outcome) for outcome in outcomes] == [Settled, Gone]
    assert len(plan.usage) == 1
    assert orphaned.wallet.balance == 1_000


@pytest.mark.parametrize("status", ["completed", CUT, LIMITED])
def test_a_verdict_on_a_call_that_was_charged_changes_nothing(orphaned, status):
    """Its process came first: the charge stands, the key keeps its answer, and no row is added."""
    charged = orphaned.ask(orphaned.settle(nano=3 * NANO, status=status))
    plan = orphaned.plan()

    assert plan.decide(void(orphaned)) == Gone()
    assert not plan.changes_anything
    assert (plan.usage, plan.gone_claims) == ([], [])
    assert orphaned.ask(orphaned.settle(nano=4 * NANO)) == charged
