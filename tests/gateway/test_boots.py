"""Boots: heartbeats, who counts as dead by them, and what a worker does that was given up."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip import errors
from grip.clock import Clock
from grip.gateway.boots import BEAT_EVERY_S, DEAD_AFTER_S, Boot, Watch
from grip.store import boots as rows
from grip.store.engine import Database
from tests.books.conftest import House

LATEST_S = 2 * BEAT_EVERY_S
"""What a look that comes late counts for."""


def watched(*looks: tuple[float, dict[str, int]]) -> list[list[tuple[str, int]]]:
    """Return what one watcher says at each of its looks."""
    watch = Watch()
    return [watch.look(living, at_s) for at_s, living in looks]


def test_a_boot_that_stood_still_for_long_enough_is_dead():
    """At 15 s of the watcher's own time, with the count at which it stood still."""
    still = {"boot_1": 7}
    said = watched(*((at_s, still) for at_s in (100, 105, 110, 115)))

    assert said == [[], [], [], [("boot_1", 7)]]


def test_a_boot_is_not_dead_a_second_too_early():
    """Nor a millisecond."""
    still = {"boot_1": 7}
    said = watched(*((at_s, still) for at_s in (0, 5, 10, DEAD_AFTER_S - 0.001)))

    assert said == [[], [], [], []]


def test_a_boot_has_not_stood_still_before_it_was_seen():
    """It may have begun in the moment before the look that sees it first."""
    said = watched(
        (0, {}), (5, {"boot_1": 0}), (10, {"boot_1": 0}), (15, {"boot_1": 0}), (20, {"boot_1": 0})
    )

    assert said == [[], [], [], [], [("boot_1", 0)]]


def test_a_heartbeat_begins_the_wait_anew():
    """However near its end it was."""
    said = watched(
        (0, {"boot_1": 7}),
        (5, {"boot_1": 7}),
        (10, {"boot_1": 7}),
        (15, {"boot_1": 8}),
        (20, {"boot_1": 8}),
        (25, {"boot_1": 8}),
        (30, {"boot_1": 8}),
    )

    assert said == [[], [], [], [], [], [], [("boot_1", 8)]]


def test_each_boot_is_watched_by_itself():
    """Of two, only the one that stands still is dead."""
    looks = [(at_s, {"still": 1, "beating": at_s}) for at_s in (0, 5, 10, 15)]

    assert watched(*looks)[-1] == [("still", 1)]


def test_a_boot_that_ended_is_forgotten():
    """What comes again under its id would begin anew."""
    said = watched((0, {"boot_1": 7}), (10, {}), (20, {"boot_1": 7}), (29, {"boot_1": 7}))

    assert said == [[], [], [], []]


def test_a_look_that_comes_late_counts_as_one_in_time():
    """Whoever watches may have slept as well, for an hour with the whole machine."""
    still = {"boot_1": 7}
    said = watched(*((at_s, still) for at_s in (0, 3600, 3600 + LATEST_S - 6, 3605)))

    assert said == [[], [], [], [("boot_1", 7)]]


def test_a_look_that_failed_begins_anew():
    """While the database was away, no heartbeat could be counted."""
    watch = Watch()
    still = {"boot_1": 7}
    early = [watch.look(still, at_s) for at_s in (0, 5, 10)]
    watch.miss()
    late = [watch.look(still, at_s) for at_s in (15, 20, 25)]

    assert early + late == [[]] * 6
    assert watch.look(still, 30) == [("boot_1", 7)]


@given(
    looks=st.lists(
        st.tuples(
            st.floats(min_value=0.01, max_value=60, allow_nan=False),
            st.integers(min_value=0, max_value=1),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_nobody_is_dead_who_did_not_stand_still_all_that_time(looks: list[tuple[float, int, bool]]):
    """Whatever the order of looks, heartbeats and failures is."""
    watch = Watch()
    now_s = still_since_s = 0.0
    beats, has_seen = 0, False
    for step_s, more, is_missed in looks:
        now_s += step_s
        beats += more
        if is_missed:
            watch.miss()
            has_seen = False
            continue
        if more or not has_seen:
            still_since_s = now_s
        has_seen = True
        dead = watch.look({"boot_1": beats}, now_s)

        assert not dead or now_s - still_since_s >= DEAD_AFTER_S
        if more:
            beats += 1  # what it has counted while nobody looked


@pytest.fixture
async def house(database: Database, clock: Clock) -> AsyncIterator[House]:
    """A house, on each engine in turn."""
    house = House(database, clock)
    await house.prepare()
    yield house
    await house.close()


@pytest.fixture
def boot(house: House) -> Boot:
    """The boot of a worker, not yet registered; what it renews itself with is numbered."""
    return boot_on(house, "boot_1")


def boot_on(house: House, boot_id: str) -> Boot:
    numbers = itertools.count(1)
    return Boot(
        house.database,
        boot_id=boot_id,
        new_id=lambda: f"{boot_id}.{next(numbers)}",
        clock=house.clock,
        host="host:1",
        region="here",
    )


async def living(house: House) -> dict[str, int]:
    async with house.database.read() as connection:
        return await rows.living(connection)


async def give_up(house: House, boot_id: str) -> None:
    """Do what a janitor does who takes this boot for dead."""
    async with house.database.write() as connection:
        assert await rows.end(connection, boot_id, rows.DEAD, house.clock())


async def test_a_boot_counts_its_heartbeats(house: House, boot: Boot):
    """From zero, under the id, host and region that it has."""
    await boot.start()
    for _ in range(3):
        await boot.beat()
    (row,) = await house.rows("boot")

    assert await living(house) == {"boot_1": 3}
    assert (row["host"], row["region"], row["ended_us"], row["ending"]) == (
        "host:1",
        "here",
        None,
        None,
    )


async def test_a_successor_ends_the_boot_that_it_succeeds(house: House, boot: Boot):
    """At once: a supervisor has seen the process go."""
    await boot.start()
    await boot_on(house, "boot_2").start(succeeds=("boot_1",))
    dead, _ = await house.rows("boot")

    assert await living(house) == {"boot_2": 0}
    assert (dead["ending"], dead["ended_us"]) == (rows.DEAD, house.clock())


async def test_a_worker_that_was_given_up_begins_anew_at_its_next_heartbeat(
    house: House, boot: Boot
):
    """Dead is for good: the old boot stays as it ended."""
    await boot.start()
    await give_up(house, "boot_1")
    await boot.beat()

    assert boot.id == "boot_1.1"
    assert await living(house) == {"boot_1.1": 0}
    await boot.beat()
    assert await living(house) == {"boot_1.1": 1}


async def test_a_worker_that_lives_renews_nothing(house: House, boot: Boot):
    """An admission can be out of date for other reasons."""
    await boot.start()
    await boot.renew()

    assert boot.id == "boot_1"
    assert await living(house) == {"boot_1": 0}


async def test_many_who_renew_at_once_begin_one_boot(house: House, boot: Boot):
    """A second one would count no heartbeats, and what it held would be resolved under way."""
    await boot.start()
    await give_up(house, "boot_1")
    await asyncio.gather(boot.beat(), *(boot.renew() for _ in range(20)), boot.beat())

    assert list(await living(house)) == [boot.id]


async def test_no_call_is_admitted_under_a_boot_that_is_not_in_the_books(
    house: House, boot: Boot, monkeypatch: pytest.MonkeyPatch
):
    """Nobody could tell that it is dead; a failed renewal leaves the old id, which is refused."""
    await boot.start()
    await give_up(house, "boot_1")
    seen: list[str] = []

    async def fail(*_: Any, **__: Any) -> None:
        seen.append(boot.id)
        raise errors.DatabaseUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(rows, "register", fail)
        with pytest.raises(errors.DatabaseUnavailable):
            await boot.beat()

    assert [*seen, boot.id] == ["boot_1", "boot_1"]
    await boot.beat()
    assert list(await living(house)) == [boot.id] != ["boot_1"]


async def test_a_boot_that_stops_says_so(house: House, boot: Boot):
    """And is not living any more, to whoever watches."""
    await boot.start()
    await boot.stop()
    (row,) = await house.rows("boot")

    assert (row["ending"], await living(house)) == (rows.STOPPED, {})


async def test_a_stop_does_not_change_what_was_given_up(house: House, boot: Boot):
    """The first ending stands."""
    await boot.start()
    await give_up(house, "boot_1")
    await boot.stop()
    (row,) = await house.rows("boot")

    assert row["ending"] == rows.DEAD


async def test_a_boot_that_has_moved_on_is_not_ended(house: House, boot: Boot):
    """Whoever saw it stand still at 0 comes too late when it has counted 1."""
    await boot.start()
    await boot.beat()
    async with house.database.write() as connection:
        early = await rows.end(connection, "boot_1", rows.DEAD, house.clock(), beats=0)
        right = await rows.end(connection, "boot_1", rows.DEAD, house.clock(), beats=1)
        again = await rows.end(connection, "boot_1", rows.DEAD, house.clock(), beats=1)

    assert (early, right, again) == (False, True, False)


async def test_old_boots_are_forgotten_when_they_hold_nothing(house: House):
    """Those that live, and those that ended later, stay."""
    for boot_id in ("old", "new", "living", "holding"):
        await boot_on(house, boot_id).start()
    books, ana = await house.open(), await house.customer()
    await books.submit(await house.asks(books, ana, boot_id="holding"))
    async with house.database.write() as connection:
        for boot_id, at_us in (("old", 10), ("holding", 10), ("new", 20)):
            await rows.end(connection, boot_id, rows.STOPPED, at_us)
        gone = await rows.forget(connection, 20)

    assert gone == 1
    assert {row["id"] for row in await house.rows("boot")} == {"new", "living", "holding"}


async def test_a_database_that_is_away_fails_the_heartbeat(clock: Clock):
    """By name; the boot keeps its id."""
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    boot = boot_on(House(away, clock), "boot_1")
    with pytest.raises(errors.DatabaseUnavailable):
        await boot.beat()
    await away.close()

    assert boot.id == "boot_1"
