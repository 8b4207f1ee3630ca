"""Workers of one node: whichever is asked knows what all of them have counted."""

import os
from collections.abc import Iterator

import pytest

from grip.metrics import Counts, Shelf, shelf
from grip.metrics.counts import Snapshot, total

REFUSALS = "grip_refusals_total"


@pytest.fixture
def places() -> Iterator[list[shelf.Place]]:
    """The files of two workers."""
    made = shelf.places(2)
    yield made
    for place in made:
        for file in place:
            os.close(file)


def counted(calls: int) -> Counts:
    """Return the counts of a worker that refused so many calls."""
    counts = Counts()
    counts.counter(REFUSALS).add(("not_found",), calls)
    counts.histogram("grip_batch_size").observe((), calls)
    return counts


def sum_of(*snapshots: Snapshot) -> int:
    """Return how many calls these refused."""
    return dict(total(list(snapshots)).counters[REFUSALS])["not_found",]


def test_a_worker_sees_what_the_others_laid_down(places: list[shelf.Place]):
    """The newest of it, however often."""
    first, second = Shelf(places, 0), Shelf(places, 1)
    assert first.others() == []
    for calls in range(1, 5):
        second.put(counted(calls).snapshot())

        assert sum_of(counted(10).snapshot(), *first.others()) == 10 + calls


def test_who_takes_the_place_of_a_dead_worker_goes_on_counting(places: list[shelf.Place]):
    """A sum that fell would look to Prometheus as if all had begun anew."""
    Shelf(places, 1).put(counted(5).snapshot())
    counts, successor = Counts(), Shelf(places, 1)
    successor.carry_on(counts)
    counts.counter(REFUSALS).add(("not_found",))
    counts.histogram("grip_batch_size").observe((), 5)
    successor.put(counts.snapshot())

    assert sum_of(*Shelf(places, 0).others()) == 6
    assert dict(counts.snapshot().histograms["grip_batch_size"])[()][-1] == 10


def test_what_a_killed_worker_wrote_half_is_not_believed(places: list[shelf.Place]):
    """What it laid down before is."""
    dying = Shelf(places, 1)
    dying.put(counted(5).snapshot())
    dying.put(counted(6).snapshot())
    newest = places[1][1]
    os.pwrite(newest, b"\xff\xff", os.fstat(newest).st_size - 4)

    assert sum_of(*Shelf(places, 0).others()) == 5


def test_a_lone_process_needs_no_place():
    """There is nobody to tell, and nobody to hear of."""
    alone = Shelf()
    alone.put(counted(1).snapshot())
    alone.carry_on(Counts())

    assert alone.others() == []
