"""What a refusal promises: nothing has changed, and after the wait that it told there is room."""

from typing import Any

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from grip import errors
from grip.money.entries import Admitted
from grip.money.limits import MINUTE_US, SECOND_US
from grip.money.states import TierLimits

SMALL = st.integers(1, 4)
LARGE = st.integers(257, 400)
TOKENS = st.integers(1, 200) | st.integers(257, 20_000)
RPM = st.none() | SMALL | LARGE
TIERS = st.builds(TierLimits, qps=st.none() | SMALL | LARGE, tpm=st.none() | TOKENS)
BURSTS = st.tuples(st.sampled_from([1, 2, 5, 280]), st.integers(0, 200) | TOKENS)
GAPS_US = st.one_of(
    st.just(0),
    st.integers(0, SECOND_US),
    st.integers(0, MINUTE_US),
    st.integers(-2 * MINUTE_US, 0),
    st.sampled_from([SECOND_US - 1, SECOND_US, MINUTE_US - 1, MINUTE_US, -1, -SECOND_US]),
)
NUMBER = st.integers(0, 10_000)
DEEDS = st.one_of(
    st.tuples(st.just("settle"), NUMBER, st.integers(0, 400) | TOKENS),
    st.tuples(st.just("release"), NUMBER),
    st.tuples(st.just("change tier"), st.sampled_from(["one", "two"])),
    st.tuples(st.just("change rpm"), RPM),
)


class Caller:
    """A caller who waits as long as they are told, and nobody else calls meanwhile."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        self.number = 0

    def does(self, kind: str, *facts: Any) -> None:
        match kind:
            case "settle":
                number, tokens = facts
                self.desk.ask(self.desk.settle(number % (self.number or 1), 0, tokens=tokens))
            case "release":
                self.desk.ask(self.desk.release(facts[0] % (self.number or 1)))
            case "change tier":
                (self.desk.wallet.tier,) = facts
            case _:
                (self.desk.key.rpm,) = facts

    def asks(self, tokens: int) -> None:
        desk = self.desk
        entry = desk.admit(self.number, 0, tokens=tokens, tier=desk.wallet.tier)
        before, plan = desk.rows(), desk.plan()
        outcome = plan.decide(entry)
        self.number += 1
        if isinstance(outcome, Admitted):
            return
        assert desk.rows() == before
        assert not plan.changes_anything
        if isinstance(outcome, errors.RateLimitExceeded):
            event(str(outcome.metadata["limit"]))
            assert outcome.retry_after_s is not None
            assert outcome.retry_after_s > 0
            desk.now_us += outcome.retry_after_s * SECOND_US
            assert isinstance(desk.ask(entry), Admitted)
        else:
            assert isinstance(outcome, errors.InvalidRequest)


UNLIMITED = TierLimits(qps=None, tpm=None)
ONE_CALL = (1, 0)


@settings(deadline=None)
@example(
    (UNLIMITED, UNLIMITED, None),
    [
        (0, ONE_CALL, [("change rpm", 1)]),
        (0, ONE_CALL, [("change rpm", 2)]),
        (1, ONE_CALL, [("change rpm", 1)]),
        # The last admission is now too far ahead to count, and counts again after the wait.
        (-MINUTE_US - 1, ONE_CALL, []),
    ],
)
@given(
    st.tuples(TIERS, TIERS, RPM),
    st.lists(st.tuples(GAPS_US, BURSTS, st.lists(DEEDS, max_size=3)), min_size=3, max_size=10),
)
def test_a_lone_caller_is_admitted_after_the_wait_that_they_were_told(new_desk, limits, turns):
    """Whatever came before: other limits, calls of any end, clocks that were set back."""
    desk = new_desk()
    desk.tiers = {"one": limits[0], "two": limits[1]}
    desk.wallet.tier, desk.key.rpm = "one", limits[2]
    caller = Caller(desk)
    for gap_us, (count, tokens), deeds in turns:
        desk.now_us += gap_us
        for _ in range(count):
            caller.asks(tokens)
        for deed in deeds:
            caller.does(*deed)
