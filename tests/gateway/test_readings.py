"""What `/metrics` reads of the books, on each engine, and what it says when they are away."""

import os
from itertools import chain
from types import SimpleNamespace
from typing import cast

import pytest
from prometheus_client.parser import text_string_to_metric_families

from grip import errors
from grip.gateway.readings import Readings
from grip.metrics import Counts, Shelf
from grip.metrics.counts import Snapshot
from grip.metrics.shelf import places
from grip.services import ledger
from grip.services.context import Context
from grip.store.books import HotBooks
from grip.store.records import Catalog


async def read(context: Context, *, away: bool = False) -> dict[str, float]:
    """Return the samples without labels of a page that nobody has read before."""

    async def catalog(*, fresh: bool) -> Catalog:
        assert fresh
        if away:
            raise errors.DatabaseUnavailable("the database is away")
        return Catalog(version=1)

    books = cast("HotBooks", SimpleNamespace(catalog=catalog))
    readings = Readings(context.database, books, context.clock, Counts(), Shelf())
    families = text_string_to_metric_families((await readings.page()).decode())
    return {one.name: one.value for family in families for one in family.samples if not one.labels}


async def test_the_page_says_how_the_books_stand(context: Context):
    """What is held and waits, and the last check of the books once there was one."""
    found = await read(context)

    assert found["grip_database_up"] == 1
    assert found["grip_holds"] == found["grip_held_credits"] == found["grip_callbacks_waiting"] == 0
    assert "grip_ledger_violations" not in found
    for _ in range(2):
        report = await ledger.verify_and_note(context)
        found = await read(context)

        assert report.ok
        assert found["grip_ledger_violations"] == 0
        at_s = context.clock() // 1_000_000
        assert at_s - 60 <= found["grip_ledger_verified_timestamp_seconds"] <= at_s


async def test_a_database_that_is_away_leaves_out_what_is_read_from_it(context: Context):
    """No number is better than an old one; what was counted is there all the same."""
    found = await read(context, away=True)

    assert found["grip_database_up"] == 0
    assert found["grip_workers"] == 1
    assert "grip_holds" not in found


async def test_books_that_take_no_note_are_checked_all_the_same(
    context: Context, monkeypatch: pytest.MonkeyPatch
):
    """A disk that is full must not keep anybody from looking."""

    async def full(*_: object) -> None:
        raise errors.DatabaseUnavailable("the disk is full")

    monkeypatch.setattr("grip.store.standing.note_verified", full)

    assert (await ledger.verify_and_note(context)).ok


async def test_a_lone_process_copies_its_counts_for_nobody(
    context: Context, monkeypatch: pytest.MonkeyPatch
):
    """With a thousand series of each metric that takes a while, every second."""
    taken: list[Counts] = []
    snapshot = Counts.snapshot

    def noted(counts: Counts) -> Snapshot:
        taken.append(counts)
        return snapshot(counts)

    monkeypatch.setattr(Counts, "snapshot", noted)
    books, two = cast("HotBooks", SimpleNamespace()), places(2)
    for shelf in (Shelf(), Shelf(two)):
        await Readings(context.database, books, context.clock, Counts(), shelf).publish()
    for file in chain.from_iterable(two):
        os.close(file)

    assert len(taken) == 1
