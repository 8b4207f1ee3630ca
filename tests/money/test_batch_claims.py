"""Idempotency-Keys: one effect for each, however often and in whichever batch it is asked for."""

from typing import Any

import pytest

from grip import errors
from grip.errors import Category
from grip.money import claims
from grip.money.amounts import NANO
from grip.money.entries import Admitted, Answer, Released, Settled, Stale
from grip.money.states import ClaimState, TierLimits

NAME = ("key_1", "idem")
ANSWER = Answer(content_type="application/json", body=b"{}")


def claimed(desk: Any, number: int = 1, **changes: Any) -> Any:
    """Return an admission with an Idempotency-Key."""
    return desk.admit(number, **{"idem_key": "idem", "fingerprint": "body", **changes})


def refused(desk: Any, entry: Any) -> Any:
    """Return the refusal of an entry that changes nothing at all."""
    before = desk.rows()
    plan = desk.plan()
    outcome = plan.decide(entry)

    assert desk.rows() == before
    assert not plan.changes_anything
    assert not any((plan.new_claims, plan.gone_claims, plan.kept))
    return outcome


def test_an_admission_claims_its_idempotency_key(desk):
    """For its request and its body, from now on; the hold knows the key."""
    plan = desk.plan()
    plan.decide(claimed(desk))
    claim = ClaimState(*NAME, "req_1", "body", claims.RUNNING, desk.now_us)

    assert plan.new_claims == [claim]
    assert desk.claims == {NAME: claim}
    assert desk.holds["req_1"].idem_key == "idem"


def test_a_call_without_an_idempotency_key_claims_nothing(desk):
    """And nothing is kept of it."""
    plan = desk.plan()
    for entry in (desk.admit(1), desk.settle(1, answer=ANSWER), desk.admit(2), desk.release(2)):
        plan.decide(entry)

    assert not any((plan.new_claims, plan.gone_claims, plan.kept, desk.claims))


def test_a_second_call_while_the_first_runs_is_in_conflict(desk):
    """In the same batch as in a later one; it may come again in a second."""
    first, second = desk.batch(claimed(desk, 1), claimed(desk, 2))
    later = refused(desk, claimed(desk, 3))

    assert isinstance(first, Admitted)
    for outcome in (second, later):
        assert isinstance(outcome, errors.IdempotencyKeyInUse)
        assert (outcome.category, outcome.retry_after_s) == (Category.CONFLICT, 1)


@pytest.mark.parametrize("state", [claims.RUNNING, claims.KEPT, claims.LOST])
def test_another_body_under_the_same_key_is_refused(desk, state):
    """However the first call stands."""
    desk.claims[NAME] = ClaimState(*NAME, "req_0", "other", state, desk.now_us)
    outcome = refused(desk, claimed(desk))

    assert isinstance(outcome, errors.IdempotencyKeyReused)
    assert outcome.category == Category.UNPROCESSABLE


def test_a_key_whose_answer_was_lost_is_never_carried_out_again(desk):
    """The refusal names the request that was charged."""
    desk.ask(claimed(desk, 1))
    desk.ask(desk.settle(1))
    outcome = refused(desk, claimed(desk, 2))

    assert isinstance(outcome, errors.IdempotencyResultUnavailable)
    assert outcome.category == Category.CONFLICT
    assert outcome.metadata == {"request_id": "req_1"}


def test_an_answer_that_was_kept_meanwhile_is_there_at_the_next_try(desk):
    """The call looked for it before it was there; it must not be carried out."""
    desk.ask(claimed(desk, 1))
    desk.ask(desk.settle(1, answer=ANSWER))
    outcome = refused(desk, claimed(desk, 2))

    assert isinstance(outcome, errors.IdempotencyKeyInUse)
    assert outcome.retry_after_s == 1


def test_the_same_words_under_another_api_key_are_another_claim(desk):
    """Nobody can guess at the answers of others."""
    name = ("key_2", "idem")
    desk.claims[name] = ClaimState(*name, "req_0", "other", claims.RUNNING, desk.now_us)

    assert isinstance(desk.ask(claimed(desk)), Admitted)
    assert set(desk.claims) == {name, NAME}


def test_a_claim_comes_before_limits_and_money(desk):
    """A repeated call is told of the first one, not that it asks too often or is too poor."""
    desk.tiers["free"] = TierLimits(qps=1)
    desk.wallet.balance = 1
    desk.ask(claimed(desk, 1))

    assert isinstance(refused(desk, claimed(desk, 2)), errors.IdempotencyKeyInUse)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"key_version": 9}, Stale),
        ({"nano": 2_000 * NANO}, errors.InsufficientCredits),
        ({"tokens": 1_000}, errors.InvalidRequest),
    ],
)
def test_a_call_that_is_not_admitted_claims_nothing(desk, change, kind):
    """The same key is free for the next try."""
    desk.tiers["free"] = TierLimits(tpm=100)

    assert isinstance(refused(desk, claimed(desk, **change)), kind)
    assert isinstance(desk.ask(claimed(desk)), Admitted)


def test_a_call_that_fails_frees_its_key(desk):
    """In a later batch: the row goes."""
    desk.ask(claimed(desk, 1))
    plan = desk.plan()

    assert plan.decide(desk.release(1)) == Released()
    assert (plan.gone_claims, plan.new_claims, desk.claims) == ([NAME], [], {})
    assert isinstance(desk.ask(claimed(desk, 2)), Admitted)


def test_a_release_frees_a_claim_that_its_batch_did_not_load(desk):
    """A batch loads the claims that its admissions name."""
    desk.ask(claimed(desk, 1))
    desk.claims = {}
    plan = desk.plan()
    plan.decide(desk.release(1))

    assert plan.gone_claims == [NAME]


def test_a_claim_that_is_made_and_freed_in_one_batch_is_not_written(desk):
    """Nor is anything deleted that was never there."""
    plan = desk.plan()
    for entry in (claimed(desk, 1), desk.release(1)):
        plan.decide(entry)

    assert (plan.new_claims, plan.gone_claims, desk.claims) == ([], [], {})


def test_a_key_that_is_freed_may_be_claimed_in_the_same_batch(desk):
    """The old row goes before the new one comes."""
    desk.ask(claimed(desk, 1))
    plan = desk.plan()
    outcomes = [
        plan.decide(entry)
        for entry in (claimed(desk, 2), desk.release(1), claimed(desk, 3, fingerprint="new"))
    ]

    assert [type(outcome) for outcome in outcomes] == [
        errors.IdempotencyKeyInUse,
        Released,
        Admitted,
    ]
    assert plan.gone_claims == [NAME]
    assert [(claim.request_id, claim.fingerprint) for claim in plan.new_claims] == [
        ("req_3", "new")
    ]


def test_a_claim_that_has_had_its_day_is_replaced(desk):
    """By any body; an old row that is freed again in the batch goes all the same, once."""
    desk.claims[NAME] = ClaimState(*NAME, "req_0", "old", claims.KEPT, desk.now_us)
    desk.now_us += claims.KEPT_US - 1
    assert isinstance(refused(desk, claimed(desk)), errors.IdempotencyKeyReused)
    desk.now_us += 1
    plan = desk.plan()

    assert isinstance(plan.decide(claimed(desk)), Admitted)
    assert plan.gone_claims == [NAME]
    assert [claim.request_id for claim in plan.new_claims] == ["req_1"]
    assert plan.decide(desk.release()) == Released()
    assert (plan.gone_claims, plan.new_claims) == ([NAME], [])


@pytest.mark.parametrize(
    ("state", "age_us", "is_over"),
    [
        (claims.KEPT, claims.KEPT_US - 1, False),
        (claims.KEPT, claims.KEPT_US, True),
        (claims.LOST, claims.KEPT_US - 1, False),
        (claims.LOST, claims.KEPT_US, True),
        (claims.RUNNING, 100 * claims.KEPT_US, False),
    ],
)
def test_a_claim_is_over_after_a_day_unless_its_call_still_runs(desk, state, age_us, is_over):
    """To the microsecond."""
    claim = ClaimState(*NAME, "req_0", "body", state, desk.now_us)

    assert claims.is_over(claim, desk.now_us + age_us) is is_over


def test_an_answer_that_is_kept_is_no_objection():
    """It is given again."""
    claim = ClaimState(*NAME, "req_0", "body", claims.KEPT, 0)

    assert claims.objection(claim, "body") is None
    assert isinstance(claims.objection(claim, None), errors.IdempotencyKeyReused)


@pytest.mark.parametrize(
    ("answer", "state", "content_type", "body"),
    [
        (ANSWER, claims.KEPT, "application/json", b"{}"),
        (ANSWER._replace(body=None), claims.KEPT, "application/json", None),
        (None, claims.LOST, None, None),
    ],
)
def test_a_charge_says_what_became_of_the_answer(desk, answer, state, content_type, body):
    """Kept with the charge, kept before it, or lost; also where all comes in one batch."""
    desk.ask(claimed(desk, 1))
    plan = desk.plan()
    entries = (
        desk.settle(1, answer=answer),
        claimed(desk, 2, idem_key="two"),
        desk.settle(2, answer=answer),
    )
    assert [type(plan.decide(entry)) for entry in entries] == [Settled, Admitted, Settled]

    assert [kept.request_id for kept in plan.kept] == ["req_1", "req_2"]
    for kept in plan.kept:
        assert (kept.key_id, kept.created_us) == ("key_1", desk.now_us)
        assert (kept.state, kept.content_type, kept.body) == (state, content_type, body)
    assert plan.gone_claims == []
    assert [claim.idem_key for claim in plan.new_claims] == ["two"]


def test_a_charge_that_comes_again_keeps_its_answer_once(desk):
    """What is found in the books was kept already."""
    desk.ask(claimed(desk))
    plan = desk.plan()
    for entry in (desk.settle(answer=ANSWER), desk.settle(answer=ANSWER), desk.release()):
        plan.decide(entry)

    assert len(plan.kept) == 1
    assert plan.gone_claims == []
