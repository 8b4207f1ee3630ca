"""What maintenance deletes, when it deletes nothing, and that it never does so early."""

import asyncio
import dataclasses
import types
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from grip import errors, failpoints
from grip.jobs import sweeps
from grip.services.context import Context
from grip.services.maintenance import retention, rollup
from grip.services.maintenance.step import Done, Run
from grip.store import details
from grip.store.tables import (
    audit,
    callback,
    callback_attempt,
    callback_secret,
    detail,
    detail_route,
    payment_event,
    usage_day,
)
from tests.conftest import FakeClock
from tests.services.till import Till

DAY_US = 86_400_000_000
AUGUST = 1_785_542_400_000_000  # 2026-08-01
SEPTEMBER = AUGUST + 31 * DAY_US
OCTOBER = SEPTEMBER + 30 * DAY_US
DETAIL_US = 30 * DAY_US


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(AUGUST)


@pytest.fixture
def till(context: Context) -> Till:
    return Till(context)


@pytest.fixture
async def summer(context: Context, till: Till) -> Context:
    """A call a day from 1 August to 30 September, each with its detail, the last of them failed."""
    days = [AUGUST + day * DAY_US for day in range(61)]
    details = [_detail(f"req_{number}", at_us) for number, at_us in enumerate(days, 1)]
    async with context.database.write() as connection:
        await connection.execute(sa.insert(detail), details)
        for at_us in days[:-1]:
            await till.put(connection, 1, 1, created_us=at_us)
    return context


def _detail(request_id: str, at_us: int, route: str = "r") -> dict[str, Any]:
    return {
        "request_id": request_id,
        "created_us": at_us,
        "wallet_id": "x",
        "key_id": "x",
        "route_id": route,
        "trace": "{}",
    }


async def put_detail(context: Context, request_id: str, at_us: int, route: str = "r") -> None:
    await put(context, detail, **_detail(request_id, at_us, route))


async def put(context: Context, table: sa.Table, **values: Any) -> None:
    async with context.database.write() as connection:
        await connection.execute(sa.insert(table).values(values))


async def rows(context: Context, table: sa.Table) -> list[sa.RowMapping]:
    async with context.database.read() as connection:
        return list((await connection.execute(sa.select(table))).mappings())


async def kept(context: Context) -> set[int]:
    """The days of the details that are there, counted from the first of August."""
    return {(row["created_us"] - AUGUST) // DAY_US for row in await rows(context, detail)}


async def no_sleep(_seconds: float) -> None:
    """Let nobody wait."""


async def sweep(context: Context, **how: Any) -> Done:
    return await retention.run(context, Run(**how), batch_rows=10, sleep=no_sleep)


async def test_details_go_when_they_are_old_and_their_month_is_verified(
    summer: Context, clock: FakeClock
):
    """Usage stays; who runs it again finds nothing; the audit says what went, and on what term."""
    clock.now_us = OCTOBER + 9 * DAY_US
    await rollup.run(summer, Run())
    trusted = await sweep(summer, trusts_clock=True)
    again = await sweep(summer)
    (entry,) = await rows(summer, audit)

    assert trusted.problems == again.problems == ()
    assert (trusted.did["details"], again.did["details"]) == (40, 0)
    assert await kept(summer) == set(range(40, 61))
    assert (entry["action"], entry["actor"]) == ("maintenance.retention", "maintenance")
    assert entry["after"]["details"] == 40
    assert entry["after"]["details_before"] == "2026-09-10T00:00:00Z"


async def test_details_wait_for_the_end_of_their_month(summer: Context, clock: FakeClock):
    """However few days they are kept, and though they were never charged."""
    await put_detail(summer, "req_failed", SEPTEMBER + 10 * DAY_US)
    object.__setattr__(summer.settings.retention, "detail_days", 1)
    clock.now_us = SEPTEMBER + 20 * DAY_US
    await rollup.run(summer, Run())
    done = await sweep(summer, trusts_clock=True)

    assert done.did["details"] == 31
    assert await kept(summer) == set(range(31, 61))


async def test_without_rollups_no_detail_of_a_charged_call_goes(summer: Context, clock: FakeClock):
    """Of a call that cost nothing there is no usage, and nothing to wait for."""
    clock.now_us = OCTOBER + 60 * DAY_US
    done = await sweep(summer, trusts_clock=True)

    assert done.did["details"] == 1
    assert await kept(summer) == set(range(60))


async def test_a_row_that_came_behind_the_rollup_keeps_its_detail(
    summer: Context, till: Till, clock: FakeClock
):
    """Its month was verified without it."""
    clock.now_us = OCTOBER + 60 * DAY_US
    await rollup.run(summer, Run())
    await put_detail(summer, "req_late", AUGUST)
    await till.ring(1, 1, request_id="req_late", created_us=AUGUST)
    await sweep(summer, trusts_clock=True)

    assert [row["request_id"] for row in await rows(summer, detail)] == ["req_late"]


@pytest.mark.parametrize("is_verified_before", [True, False])
async def test_nothing_goes_while_a_rollup_differs_from_its_rows(
    summer: Context, clock: FakeClock, *, is_verified_before: bool
):
    """Neither details nor anything else: found by the rollup, or in the moment of deleting."""
    clock.now_us = OCTOBER + 60 * DAY_US
    await put_ended_callback(summer, AUGUST)
    if is_verified_before:
        await rollup.run(summer, Run())
    else:
        clock.now_us = SEPTEMBER - 1
        await rollup.run(summer, Run())
        clock.now_us = OCTOBER + 60 * DAY_US
    async with summer.database.write() as connection:
        await connection.execute(
            sa.update(usage_day).where(usage_day.c.day == "2026-08-01").values(credits=77)
        )
    found = await rollup.run(summer, Run())
    first, second = [await sweep(summer, trusts_clock=True) for _ in range(2)]

    assert bool(found.problems) is not is_verified_before
    assert "2026-08-01" in " ".join((*found.problems, *first.problems))
    assert "the rollup is not the sum of its rows" in first.problems[0]
    assert "the rollup is not the sum of its rows" in second.problems[0]
    assert len(await kept(summer)) == 61
    assert len(await rows(summer, callback)) == 1


@pytest.mark.parametrize("lost", ["number = 1", "number = 2"])
async def test_nothing_goes_where_blocks_of_the_rollup_are_missing(
    summer: Context, clock: FakeClock, lost: str
):
    """A month that was lost with its rows' blocks is not the same as one without rows."""
    clock.now_us = OCTOBER + 9 * DAY_US
    await rollup.run(summer, Run(), block_rows=20)
    async with summer.database.write() as connection:
        await connection.execute(sa.text("DELETE FROM usage_day"))
        await connection.execute(sa.text(f"DELETE FROM rollup_block WHERE {lost}"))  # noqa: S608
    done = await sweep(summer, trusts_clock=True)

    assert "does not go on from the one before" in done.problems[0]
    assert (len(await kept(summer)), dict(done.did)) == (61, {})


async def test_a_rollup_that_is_emptied_is_added_up_anew(summer: Context, clock: FakeClock):
    """As docs/retention.md says it: rows of usage are all that it is made of."""
    clock.now_us = OCTOBER + 9 * DAY_US
    await rollup.run(summer, Run())
    before = await rows(summer, usage_day)
    async with summer.database.write() as connection:
        for which in ("usage_day", "rollup_block", "maintenance WHERE name LIKE 'month:%'"):
            await connection.execute(sa.text(f"DELETE FROM {which}"))  # noqa: S608
    await rollup.run(summer, Run())
    done = await sweep(summer, trusts_clock=True)

    assert sorted(map(str, await rows(summer, usage_day))) == sorted(map(str, before))
    assert (done.problems, done.did["details"]) == ((), 40)


async def test_a_clock_that_is_doubted_is_a_problem_even_where_nothing_is_due(
    summer: Context, clock: FakeClock
):
    """What is swept behind it, kept answers and results, would go by the same clock."""
    clock.now_us = AUGUST + 20 * DAY_US
    await rollup.run(summer, Run())
    await sweep(summer, trusts_clock=True)
    clock.now_us = AUGUST + 64 * DAY_US
    chosen = dataclasses.replace(summer.settings.retention, detail_days=365)
    patient = dataclasses.replace(
        summer, settings=dataclasses.replace(summer.settings, retention=chosen)
    )
    done = await sweep(patient)
    app: Any = types.SimpleNamespace(context=patient)
    expired = await sweeps.expire(app, Run())

    assert done == expired
    assert "--trust-clock" in done.problems[0]


async def test_a_page_of_deletions_is_bounded_by_its_bytes(
    summer: Context, monkeypatch: pytest.MonkeyPatch
):
    """However few rows: each call waits behind the bytes, and one goes in any case."""
    async with summer.database.write() as connection:
        sides = {"request": b"x" * 600, "response": b"x" * 400}
        await connection.execute(sa.update(detail).values(sides))
    sizes = []
    for bound in (10, 3_500, 10_000_000):
        monkeypatch.setattr(details, "_PAGE_BYTES", bound)
        async with summer.database.read() as connection:
            page = await details.page(connection, AUGUST, OCTOBER, after=None, limit=9)
        sizes.append(len(page))

    assert sizes == [1, 3, 9]


async def test_a_clock_that_jumps_deletes_nothing_until_it_is_trusted(
    summer: Context, till: Till, clock: FakeClock
):
    """New calls have the same clock, and are no witnesses; time that was seen to pass is."""
    clock.now_us = AUGUST + 60 * DAY_US
    await rollup.run(summer, Run())
    seen = await sweep(summer)
    clock.now_us += 40 * DAY_US
    await put_detail(summer, "req_jumped", clock.now_us)
    await rollup.run(summer, Run())
    jumped = await sweep(summer)
    left = await kept(summer)
    clock.now_us = AUGUST + 61 * DAY_US
    back = await sweep(summer)

    assert (seen.did["details"], seen.problems) == (30, ())
    assert "grip maintenance --trust-clock" in jumped.problems[0]
    assert left == {*range(30, 61), 100}
    assert (back.did["details"], back.problems) == (1, ())


async def test_a_dry_run_counts_and_changes_nothing(summer: Context, clock: FakeClock):
    """What it says is what the next run does."""
    clock.now_us = AUGUST + 61 * DAY_US
    await rollup.run(summer, Run())
    await put_ended_callback(summer, AUGUST)
    dry = await sweep(summer, dry_run=True)
    before = len(await kept(summer)), len(await rows(summer, audit))
    wet = await sweep(summer)

    assert before == (61, 0)
    assert dry.did == {"details": 31, "task inputs": 0, "callbacks": 1, "payment events": 0}
    assert {name: wet.did[name] for name in dry.did} == dry.did


async def test_routes_go_after_the_last_detail_that_names_them(summer: Context, clock: FakeClock):
    """A route is seen again as long as calls use it."""
    for name, day in (("old", 0), ("r", 59)):
        await put(summer, detail_route, id=name, seen_us=AUGUST + day * DAY_US, told="{}")
    clock.now_us = AUGUST + 61 * DAY_US
    await rollup.run(summer, Run())
    await sweep(summer)

    assert [row["id"] for row in await rows(summer, detail_route)] == ["r"]


async def put_ended_callback(context: Context, at_us: int, state: str = "delivered") -> None:
    name = f"cb_{at_us}_{state}"
    await put(
        context,
        callback,
        id=name,
        task_id=name,
        wallet_id="x",
        event="task.completed",
        url="https://example.com",
        host="example.com",
        body=b"{}",
        state=state,
        reason="",
        due_us=at_us,
        created_us=at_us,
        ended_us=None if state == "pending" else at_us,
    )
    values = {"callback_id": name, "number": 1, "started_us": at_us, "outcome": "ok", "detail": ""}
    await put(context, callback_attempt, **values)


async def put_event(context: Context, name: str, at_us: int, **values: Any) -> None:
    row: dict[str, Any] = {"provider": "sandbox", "event_id": name, "kind": "x", "facts": []}
    row |= {"body": b"{}", "received_us": at_us, "state": "ignored", **values}
    await put(context, payment_event, **row)


async def test_callbacks_and_strays_go_by_their_own_terms(context: Context, clock: FakeClock):
    """What waits to be delivered stays, and so does an event that names an order, or waits."""
    now_us = clock.now_us
    old_us = now_us - 31 * DAY_US
    for at_us, state in ((old_us, "dead"), (old_us, "pending"), (now_us, "delivered")):
        await put_ended_callback(context, at_us, state)
    ancient_us = now_us - 401 * DAY_US
    await put_event(context, "gone", ancient_us)
    await put_event(context, "quarantined", ancient_us, state="quarantined")
    await put_event(context, "waits", ancient_us, state="waiting")
    await put_event(context, "named", ancient_us, order_id="ord_1")
    await put_event(context, "young", now_us - 399 * DAY_US)
    done = await sweep(context)

    callbacks = {row["state"] for row in await rows(context, callback)}
    attempts = await rows(context, callback_attempt)
    events = {row["event_id"] for row in await rows(context, payment_event)}
    assert (done.did["callbacks"], done.did["payment events"]) == (1, 2)
    assert (callbacks, len(attempts)) == ({"pending", "delivered"}, 2)
    assert events == {"waits", "named", "young"}


async def test_secrets_that_sign_no_more_go(shop: Any, context: Context, clock: FakeClock):
    """The one in use stays, however old."""
    account = await shop.customer()
    for name, ends_us in (("used", None), ("ended", clock.now_us - 31 * DAY_US)):
        values = {"wallet_id": account.wallet_id, "secret": "s", "created_us": 1}
        await put(context, callback_secret, id=name, ends_us=ends_us, **values)
    await sweep(context)

    found = {row["id"] for row in await rows(context, callback_secret)}
    assert ("used" in found, "ended" in found) == (True, False)


@pytest.mark.parametrize(
    ("place", "step"),
    [
        ("rollup.before_commit", lambda context: rollup.run(context, Run())),
        ("retention.before_commit", lambda context: sweep(context, trusts_clock=True)),
    ],
)
async def test_a_full_disk_leaves_everything_as_it_was_and_says_what_to_do(
    summer: Context,
    clock: FakeClock,
    till: Till,
    place: str,
    step: Callable[[Context], Awaitable[Done]],
):
    """The next run goes on from there."""
    clock.now_us = OCTOBER + 9 * DAY_US
    await rollup.run(summer, Run())
    await till.ring(1, 1, request_id="req_new")

    def fail() -> None:
        raise OSError(28, "No space left on device")

    failpoints.arm(place, fail)
    try:
        with pytest.raises(errors.DatabaseUnavailable, match="make room on the disk"):
            await step(summer)
    finally:
        failpoints.disarm()
    assert len(await kept(summer)) == 61
    assert (await step(summer)).problems == ()


async def test_two_nodes_at_once_delete_each_detail_once(summer: Context, clock: FakeClock):
    """Neither waits for the other, and what they count comes to what went."""
    clock.now_us = AUGUST + 61 * DAY_US
    await rollup.run(summer, Run())
    done = await asyncio.gather(*(sweep(summer) for _ in range(3)))

    assert [one.problems for one in done] == [(), (), ()]
    assert sum(one.did["details"] for one in done) == 31
    assert await kept(summer) == set(range(31, 61))
