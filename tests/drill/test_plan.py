"""From a seed to a plan: the same one again, and something of everything in it."""

import itertools
from collections import Counter

import pytest

from grip.drill import goods, kinds
from grip.drill.notes import address
from grip.drill.plan import Blow, Mood, plan
from grip.drill.steps import Steps
from grip.providers.sandbox.behaviour import FAILURES, parse

SQLITE = (kinds.QUEUED, kinds.LOCKED)
POSTGRES = (kinds.CUT, kinds.CLOSED)


def test_the_same_seed_makes_the_same_plan():
    """And another one another."""
    assert plan(7, 60, SQLITE) == plan(7, 60, SQLITE)
    assert plan(7, 60, SQLITE) != plan(8, 60, SQLITE)


def test_the_same_seed_makes_the_same_steps():
    """For each client its own, whatever the others do."""
    one, same, other = (
        [steps.next(mood) for mood in itertools.islice(itertools.cycle(Mood), 50)]
        for steps in (Steps(7, 1), Steps(7, 1), Steps(7, 2))
    )

    assert one == same
    assert one != other


@pytest.mark.parametrize("seconds", [1, 3, 60])
@pytest.mark.parametrize("database", [SQLITE, POSTGRES])
def test_a_run_of_any_length_has_every_kind_of_blow(seconds: int, database: tuple[str, ...]):
    """Even one of a second; and none of them lasts beyond its end."""
    for seed in range(20):
        blows = plan(seed, seconds, database)

        wanted = {kinds.KILLED, kinds.CREDITED, *database, *set(Mood) - {Mood.CALM}}
        assert {blow.kind for blow in blows} == wanted
        assert all(blow.at_s + blow.lasts_s <= seconds for blow in blows)
        assert [blow.at_s for blow in blows] == sorted(blow.at_s for blow in blows)


def test_storms_do_not_overlap():
    """The mood of one is not ended by the end of another."""
    storms = [blow for blow in plan(7, 600, SQLITE) if blow.mood is not None]

    assert all(
        before.at_s + before.lasts_s <= after.at_s for before, after in itertools.pairwise(storms)
    )


def test_a_kill_meets_one_worker_or_all_of_them():
    """Its choice is a share of those that are there then, even where none is."""
    first, last, both = (Blow(at_s=0, kind=kinds.KILLED, choice=c) for c in (0.0, 0.84, 0.99))

    assert [blow.victims([11, 12]) for blow in (first, last, both)] == [[11], [12], [11, 12]]
    assert [blow.victims([]) for blow in (first, last, both)] == [[], [], []]


def test_clients_do_everything_in_every_mood_and_more_of_what_the_mood_says():
    """A storm adds to what goes on; it replaces nothing."""
    done = {}
    for mood in Mood:
        steps = Steps(7, 0)
        done[mood] = Counter(steps.next(mood).kind for _ in range(2000))
        assert set(done[mood]) == set(kinds.ATTEMPTS)

    assert done[Mood.HANG_UPS][kinds.HUNG_UP] > 2 * done[Mood.CALM][kinds.HUNG_UP]
    assert done[Mood.EMPTY][kinds.EMPTY] > 2 * done[Mood.CALM][kinds.EMPTY]
    assert done[Mood.DUPLICATES][kinds.PARALLEL] > 2 * done[Mood.CALM][kinds.PARALLEL]


def test_steps_ask_for_what_is_sold():
    """No client names a model that the shop does not have."""
    sold = {good.name for good in goods.goods()}
    steps = Steps(7, 0)

    assert {steps.next(Mood.CALM).model for _ in range(3000)} == sold


def test_every_failure_that_the_sandbox_knows_is_tried():
    """And each is told in words that the sandbox understands."""
    told = [upstream for shelf in goods.shelves() for upstream in shelf.models.values()]

    assert set(FAILURES) <= set(kinds.UPSTREAM)
    assert {parse(upstream).fail for upstream in told} >= {*FAILURES, "400", "429", "503"}
    assert {parse(upstream).usage for upstream in told} == {"", "none", "zero"}


def test_a_model_that_is_saved_has_a_sound_channel_after_the_one_that_fails():
    """The troubled one is tried first."""
    sound, troubled = goods.shelves()

    assert troubled.priority > sound.priority
    assert all(goods.saved(way) in sound.models for way in kinds.UPSTREAM)
    assert not any(goods.failing(way) in sound.models for way in kinds.UPSTREAM)


def test_every_attempt_has_an_address_of_its_own():
    """As far as addresses reach; beyond, it says so."""
    assert address(0) == "10.0.0.0"
    assert address((1 << 24) - 1) == "10.255.255.255"
    assert len({address(number) for number in range(0, 1 << 24, 4099)}) == -(-(1 << 24) // 4099)
    with pytest.raises(ValueError, match="no address"):
        address(1 << 24)
