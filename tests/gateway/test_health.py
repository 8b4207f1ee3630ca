"""When a channel counts as sick with a model, for how long, and how it recovers."""

from collections.abc import Callable
from typing import Any

import pytest

from grip.gateway.call import Candidate, Offer
from grip.gateway.health import Health, key_of
from grip.money.pricing import Rates
from tests.conftest import FakeClock

SECOND_US = 1_000_000


class Ward:
    """One channel with one model, and another process that hears of it."""

    def __init__(self, candidate: Candidate, clock: FakeClock) -> None:
        self.candidate = candidate
        self.clock = clock
        self.health = Health(clock)
        self.other = Health(clock)

    def fail(self, times: int = 1, **facts: Any) -> None:
        for _ in range(times):
            self.health.asked(self.candidate)
            self.health.failed(self.candidate, "status_503", **facts)

    def serve(self, times: int = 1) -> None:
        for _ in range(times):
            self.health.asked(self.candidate)
            self.health.served(self.candidate)

    def rests_s(self, health: Health | None = None) -> float:
        """Return for how long it is left alone."""
        until_us = (health or self.health).rest_us(key_of(self.candidate))
        return max(until_us - self.clock(), 0) / SECOND_US if until_us else 0

    def wait_s(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def share(self) -> None:
        """Let the other process hear of what changed."""
        self.other.learn(self.health.changed.values())
        self.health.changed.clear()


@pytest.fixture
def ward(candidate_at: Callable[..., Candidate], clock: FakeClock) -> Ward:
    return Ward(candidate_at(Rates(input_nano=1)), clock)


def test_a_channel_of_which_nothing_bad_is_known_may_serve(ward: Ward):
    """And nothing is kept of it."""
    ward.serve(100)

    assert ward.rests_s() == 0
    assert ward.health._records == {}
    assert ward.health.changed == {}


def test_three_failures_in_a_row_are_a_sickness(ward: Ward):
    """Two are bad luck."""
    ward.fail(2)
    assert ward.rests_s() == 0

    ward.fail()
    assert ward.rests_s() == 5


def test_a_success_breaks_the_row_and_not_the_count(ward: Ward):
    """Five among the last twenty are too many all the same."""
    for _ in range(4):
        ward.fail()
        ward.serve(3)
    assert ward.rests_s() == 0

    ward.fail()
    assert ward.rests_s() == 5


def test_what_is_long_ago_does_not_count(ward: Ward):
    """Twenty calls later it is forgotten."""
    ward.fail(2)
    ward.serve(20)

    assert ward.health._records == {}


def test_who_asks_for_a_pause_has_it(ward: Ward):
    """At once, and at least as long as it asked, up to five minutes."""
    ward.fail(retry_after_s=42)
    assert ward.rests_s() == 42

    ward.wait_s(42)
    ward.fail(retry_after_s=86_400)
    assert ward.rests_s() == 300


def test_it_is_tried_with_one_call_at_a_time(ward: Ward):
    """While one is out, the others leave it alone; if nothing is heard of it, for a minute."""
    ward.fail(3)
    ward.wait_s(5)
    assert ward.rests_s() == 0

    ward.health.asked(ward.candidate)
    assert ward.rests_s() == 60
    ward.health.served(ward.candidate)
    assert ward.rests_s() == 0


def test_three_trials_that_succeed_make_it_well(ward: Ward):
    """Then it serves like any other."""
    ward.fail(3)
    ward.wait_s(5)
    ward.serve(2)
    ward.health.asked(ward.candidate)
    assert ward.rests_s() == 60
    ward.health.served(ward.candidate)

    ward.health.asked(ward.candidate)
    assert ward.rests_s() == 0


def test_each_relapse_rests_twice_as_long(ward: Ward):
    """Up to five minutes; the sickness counts from its beginning."""
    ward.fail(3)
    rests = []
    for _ in range(8):
        rests.append(ward.rests_s())
        ward.wait_s(ward.rests_s())
        ward.fail()

    assert rests == [5, 10, 20, 40, 80, 160, 300, 300]
    (ailment,) = ward.health.changed.values()
    assert ailment.changed_us - ailment.since_us == sum(rests) * SECOND_US


def test_who_was_well_for_long_begins_anew(ward: Ward):
    """Ten minutes after a recovery, nothing of it counts."""
    for wait_s, rest_s in ((1, 10), (601, 5)):
        ward.fail(3)
        ward.wait_s(ward.rests_s())
        ward.serve(3)
        ward.wait_s(wait_s)
        ward.fail(3)
        assert ward.rests_s() == rest_s
        ward.wait_s(3_600)
        ward.serve(3)
        ward.wait_s(3_600)


def test_calls_that_began_before_it_fell_sick_say_nothing_new(ward: Ward):
    """A hundred that fail together are one failure of the channel."""
    ward.fail(100)

    assert ward.rests_s() == 5


def test_other_processes_hear_of_it(ward: Ward):
    """That it is sick, and that it is well again."""
    ward.fail(3)
    ward.share()
    assert ward.rests_s(ward.other) == 5

    ward.wait_s(5)
    ward.serve(3)
    ward.share()
    ward.other.asked(ward.candidate)
    assert ward.rests_s(ward.other) == 0


def test_what_is_heard_late_changes_nothing(ward: Ward):
    """The later finding holds, whoever made it."""
    ward.fail(3)
    old = dict(ward.health.changed)
    ward.wait_s(5)
    ward.serve(3)
    ward.health.learn(old.values())

    ward.health.asked(ward.candidate)
    assert ward.rests_s() == 0


def test_a_model_that_fails_leaves_the_others_of_its_channel(ward: Ward, model, channel):
    """A channel is sick with one model at a time."""
    ward.fail(3)
    gpt = model("other")
    other = Candidate(
        channel=channel("a"),
        offer=Offer(model=gpt, price_id="price_1", sell=Rates()),
        upstream_model="other",
        buy=Rates(),
    )

    assert ward.health.rest_us(key_of(other)) == 0


def test_what_is_long_over_is_forgotten(ward: Ward):
    """So that memory does not grow with the past."""
    ward.fail(3)
    ward.wait_s(5)
    ward.serve(3)
    ward.wait_s(601)
    ward.health.learn([])

    assert ward.health._records == {}
