"""Requests per second and minute and tokens per minute, judged together."""

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from grip import errors
from grip.money.amounts import NANO
from grip.money.entries import Admitted
from grip.money.limits import MINUTE_US, SECOND_US
from grip.money.states import TierLimits


@pytest.fixture
def limited(desk):
    """A desk with 2 requests a second, 3 a minute and 100 tokens a minute."""
    desk.tiers["free"] = TierLimits(qps=2, tpm=100)
    desk.key.rpm = 3
    return desk


def test_an_admission_tells_how_its_limits_stand(limited):
    """Of the two limits on requests, the one nearer to its end."""
    first = limited.ask(limited.admit(1, tokens=30))
    limited.now_us += SECOND_US
    limited.ask(limited.admit(2, tokens=30))
    limited.now_us += SECOND_US
    third = limited.ask(limited.admit(3, tokens=30))

    assert (first.requests.limit, first.requests.remaining) == (2, 1)
    assert (third.requests.limit, third.requests.remaining) == (3, 0)
    assert (third.tokens.limit, third.tokens.remaining) == (100, 10)
    assert third.requests.reset_us == third.tokens.reset_us == MINUTE_US


@pytest.mark.parametrize(
    ("name", "wait_s"), [("wallet_qps", 1), ("key_rpm", 58), ("wallet_tpm", 60)]
)
def test_a_full_limit_is_named_with_its_wait(limited, name, wait_s):
    """The one that lasts longest, since only then the call is admitted."""
    tokens = 100 if name == "wallet_tpm" else 1
    if name == "key_rpm":
        for number in range(3):
            limited.ask(limited.admit(number, tokens=tokens))
            limited.now_us += SECOND_US - 1
    else:
        for number in range(2):
            limited.ask(limited.admit(number, tokens=tokens))
    outcome = limited.ask(limited.admit(9, tokens=tokens))

    assert isinstance(outcome, errors.RateLimitExceeded)
    assert outcome.metadata == {"limit": name}
    assert outcome.retry_after_s == wait_s
    assert f"retry after {wait_s} s" in outcome.message
    assert all(standing is not None for standing in outcome.standings)


def test_what_can_never_fit_is_no_matter_of_waiting(limited):
    """An estimate above the whole limit of tokens is the request's own fault."""
    outcome = limited.ask(limited.admit(tokens=101))

    assert isinstance(outcome, errors.InvalidRequest)
    assert outcome.metadata == {"limit": "wallet_tpm"}
    assert outcome.retry_after_s is None


def test_limits_come_before_money(limited):
    """Who asks too often is not told how poor they are; the other way round costs no request."""
    limited.wallet.balance = 0
    before = limited.rows()
    assert isinstance(limited.ask(limited.admit()), errors.InsufficientCredits)
    assert limited.rows() == before
    limited.wallet.balance = 1_000
    for number in range(2):
        limited.ask(limited.admit(number))
    limited.wallet.balance = 2

    assert isinstance(limited.ask(limited.admit(9)), errors.RateLimitExceeded)


def test_settlement_gives_back_the_tokens_that_were_not_used(limited):
    """And takes those that were used beyond the estimate."""
    limited.ask(limited.admit(1, tokens=90))
    limited.now_us += SECOND_US
    assert isinstance(limited.ask(limited.admit(2, tokens=90)), errors.RateLimitExceeded)
    limited.ask(limited.settle(1, tokens=5))
    admitted = limited.ask(limited.admit(2, tokens=90))
    limited.ask(limited.settle(2, tokens=95))
    limited.now_us += SECOND_US

    assert admitted.tokens.remaining == 5
    assert isinstance(limited.ask(limited.admit(3, tokens=1)), errors.RateLimitExceeded)


def test_a_release_gives_back_all_tokens_and_no_request(limited):
    """A failed call was a request all the same."""
    limited.ask(limited.admit(1, tokens=100))
    limited.ask(limited.release(1))
    admitted = limited.ask(limited.admit(2, tokens=100))

    assert admitted.tokens.remaining == 0
    assert admitted.requests.remaining == 0


def test_a_call_that_ends_on_another_tier_is_corrected_there(limited):
    """Also where that tier limits nothing, or is not configured any more."""
    limited.ask(limited.admit(1, tokens=60))
    limited.ask(limited.admit(2, tokens=20))
    for tier in ("free", "gone"):
        limited.wallet.tier = tier
        limited.tiers["gone"] = TierLimits()
        limited.ask(limited.settle(1 if tier == "free" else 2, tokens=1))
    del limited.tiers["gone"]
    limited.wallet.tier = "free"
    limited.now_us += SECOND_US

    assert limited.ask(limited.admit(3, tokens=50)).tokens.remaining == 48


def test_a_call_that_ends_after_its_tier_was_dropped_is_charged(limited):
    """The configuration may have changed since it was admitted."""
    limited.ask(limited.admit(1, tokens=60))
    limited.tiers.clear()
    limited.ask(limited.settle(1, nano=5 * NANO))

    assert limited.wallet.balance == 995


def test_a_clock_that_runs_backwards_lets_nobody_in_twice(limited):
    """The admission counts at the time of the latest one before it, in each of the limits."""
    first = limited.ask(limited.admit(1, tokens=40))
    limited.now_us -= SECOND_US // 2
    second = limited.ask(limited.admit(2, tokens=40))
    refused = limited.ask(limited.admit(3, tokens=10))

    assert second.admitted_us == first.admitted_us
    assert (refused.metadata, refused.retry_after_s) == ({"limit": "wallet_qps"}, 2)
    limited.ask(limited.settle(2, tokens=30))
    limited.now_us += 2 * SECOND_US
    assert limited.ask(limited.admit(3, tokens=10)).tokens.remaining == 20


def test_a_clock_that_was_set_back_far_leaves_every_limit_in_force(limited):
    """A limit whose window is short starts anew, the others remember."""
    limited.ask(limited.admit(1, tokens=60))
    limited.now_us -= 20 * SECOND_US
    for number in (2, 3):
        assert isinstance(limited.ask(limited.admit(number, tokens=10)), Admitted)
    outcome = limited.ask(limited.admit(4, tokens=10))

    assert (outcome.metadata, outcome.retry_after_s) == ({"limit": "key_rpm"}, 80)
    limited.key.rpm = None
    outcome = limited.ask(limited.admit(4, tokens=10))
    assert (outcome.metadata, outcome.retry_after_s) == ({"limit": "wallet_qps"}, 1)
    limited.now_us += SECOND_US
    assert isinstance(limited.ask(limited.admit(4, tokens=10)), Admitted)


GAPS_US = st.one_of(
    st.just(0),
    st.integers(0, SECOND_US),
    st.integers(0, MINUTE_US // 2),
    st.sampled_from([SECOND_US - 1, SECOND_US, MINUTE_US]),
)
ENDS = st.none() | st.integers(0, 150)


@given(
    st.tuples(*(st.none() | st.integers(1, 4) for _ in range(2)), st.none() | st.integers(1, 200)),
    st.lists(st.tuples(GAPS_US, st.integers(1, 120), ENDS), max_size=25),
)
def test_a_call_is_admitted_where_all_limits_have_room_and_after_the_wait_it_was_told(
    new_desk, limits, calls
):
    """Each admission is compared with a model that forgets nothing."""
    qps, rpm, tpm = limits
    desk = new_desk()
    desk.tiers["free"], desk.key.rpm = TierLimits(qps=qps, tpm=tpm), rpm
    times: list[int] = []
    tokens: dict[int, tuple[int, int]] = {}

    def roomy(now_us: int, asked: int) -> bool:
        second = sum(at > now_us - SECOND_US for at in times)
        minute = sum(at > now_us - MINUTE_US for at in times)
        used = sum(n for at, n in tokens.values() if at > now_us - MINUTE_US)
        return (
            (qps is None or second < qps)
            and (rpm is None or minute < rpm)
            and (tpm is None or used + asked <= tpm)
        )

    for number, (gap_us, asked, used) in enumerate(calls):
        desk.now_us += gap_us
        outcome = desk.ask(desk.admit(number, tokens=asked))
        if tpm is not None and asked > tpm:
            assert isinstance(outcome, errors.InvalidRequest)
            continue
        assert isinstance(outcome, Admitted) == roomy(desk.now_us, asked)
        if isinstance(outcome, errors.RateLimitExceeded):
            event(str(outcome.metadata["limit"]))
            assert outcome.retry_after_s is not None
            assert not roomy(desk.now_us + (outcome.retry_after_s - 1) * SECOND_US, asked)
            desk.now_us += outcome.retry_after_s * SECOND_US
            assert isinstance(desk.ask(desk.admit(number, tokens=asked)), Admitted)
        times.append(desk.now_us)
        tokens[number] = desk.now_us, asked
        if used is not None:
            desk.ask(desk.settle(number, nano=0, tokens=used))
            tokens[number] = desk.now_us, used
