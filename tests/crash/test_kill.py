"""kill -9 at every place on the way of money, with 200 calls in flight.

Clients keep a log outside of what they saw in full. Whatever happens, each of those answers is
charged exactly once, nothing is charged twice, and nothing stays held.
"""

from collections.abc import Iterator

import pytest
from anyio.from_thread import BlockingPortal

from grip.failpoints import NAMES
from grip.money.amounts import NANO
from grip.money.entries import CRASH_ESTIMATED, CRASH_VOID
from tests.crash.clients import Crowd
from tests.crash.conftest import Ruin, fresh_ruin
from tests.crash.storm import CALLS, Storm
from tests.e2e.gateway import CONFIG
from tests.e2e.house import House
from tests.e2e.upstream import Upstream

AT = {
    "hold.before_commit": 5,
    "hold.after_commit": 5,
    "call.before_upstream": 60,
    "call.after_upstream": 30,
    "settle.before_commit": 2,
    "settle.after_commit": 2,
    "settle.after_sync": 2,
    "call.before_end": 30,
}
"""At which visit the process dies: batches come by as one, calls each for itself."""

HELD = NAMES[1:5]
"""Whoever dies here has calls that are held and not charged."""

CHARGED = NAMES[5:]
"""Whoever dies here has calls that are charged, and whose clients did not see their end."""


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def standing(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    portal: BlockingPortal,
    upstream: Upstream,
) -> Iterator[tuple[Ruin, House]]:
    """Two workers whose supervisor replaces them, on each engine in turn, for test after test."""
    folder = tmp_path_factory.mktemp("ruin")
    with fresh_ruin(request, folder, portal, upstream) as ruin:
        with ruin.serving("--workers", "2") as (house,):
            yield ruin, house
        ruin.assert_verified()


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    """As many clients as there are calls."""
    crowd = Crowd(CALLS)
    yield crowd
    crowd.close()


def test_every_failpoint_is_died_at():
    """None is left out here."""
    assert set(AT) == set(NAMES)


def _is_before_upstream(failpoint: str) -> bool:
    return NAMES.index(failpoint) < NAMES.index("call.after_upstream")


@pytest.mark.parametrize("failpoint", NAMES)
def test_workers_that_are_killed_together_lose_and_double_nothing(
    standing: tuple[Ruin, House], crowd: Crowd, failpoint: str
):
    """Their supervisor sees them go, and what they held is void when their successors serve."""
    ruin, house = standing
    storm = Storm(house, crowd)
    ruin.nodes.order_death(failpoint, AT[failpoint], "all")
    storm.rage(until_broken=_is_before_upstream(failpoint))
    ruin.nodes.assert_died()
    ruin.wait_resolved()
    unseen = storm.unseen()
    storm.ask_again(house.gateway.url)
    storm.assert_right()
    verdicts = storm.verdicts()

    assert {row.status for row in verdicts} <= {CRASH_VOID}
    assert verdicts or failpoint not in HELD
    assert unseen or failpoint not in CHARGED


@pytest.mark.parametrize("failpoint", ["call.after_upstream", "settle.after_commit"])
def test_a_worker_that_is_killed_takes_nobody_elses_calls_with_it(
    standing: tuple[Ruin, House], crowd: Crowd, failpoint: str
):
    """What the other one has under way is answered and charged."""
    ruin, house = standing
    storm = Storm(house, crowd)
    ruin.nodes.order_death(failpoint, 1, "one")
    storm.rage(until_broken=False)
    ruin.nodes.assert_died()
    ruin.wait_resolved()
    seen = sum(seen.in_full for seen in crowd.log)
    storm.ask_again(house.gateway.url)
    storm.assert_right()

    assert seen > CALLS // 10
    assert {row.status for row in storm.verdicts()} == {CRASH_VOID}


@pytest.mark.parametrize("verdict", [CRASH_VOID, CRASH_ESTIMATED])
def test_a_node_that_is_killed_and_started_again_loses_and_doubles_nothing(
    ruin: Ruin, crowd: Crowd, verdict: str
):
    """Nobody saw it go but whoever counts its heartbeats; the operator chose the verdict."""
    config = f'[server]\ncrash_verdict = "{verdict}"\n{CONFIG}'
    with ruin.serving(config=config) as (house,):
        storm = Storm(house, crowd)
        ruin.nodes.order_death("settle.before_commit", 2, "one")
        storm.rage(until_broken=False)
        assert house.gateway.wait() == -9
    with ruin.serving(config=config, dead_after_s=1) as (house,):
        ruin.wait_resolved()
        if verdict == CRASH_VOID:
            storm.ask_again(house.gateway.url)
        storm.assert_right()
    ruin.assert_verified()
    rows = storm.verdicts()

    assert {row.status for row in rows} == {verdict}
    assert {row.estimated for row in rows} == {verdict == CRASH_ESTIMATED}
    assert all(0 < row.cost_nano < NANO * 6 for row in rows) or verdict == CRASH_VOID
