"""Vendors that call about tasks: what wakes the poller, and what brings a lost job.

Reports, by the numbers of the survey of other gateways: 6, 7, 40, 41.
"""

import asyncio
from typing import Any

import pytest

from grip import failpoints
from grip.providers.port import UpstreamRequest
from grip.services import tasks
from tests.tasks.hook_stage import EITHER, Stage
from tests.tasks.studio import EACH, Studio
from tests.tasks.vendors import Fal, Replicate, reply

LEASE_S = 61
SLOW_S = 75
"""More than the slow distance between two looks, chance included."""

BETWEEN_S = 45
"""Less than it, and more than any usual distance."""

DEADLINE_S = 700
"""More than a picture may take."""


class Died(Exception):
    """A worker ends in the middle of a step."""


def _die() -> None:
    raise Died


@EITHER
async def test_report_41_a_task_whose_call_never_comes_is_completed_by_looking(stage: Stage):
    """Report 41 (cookbook#1297, replicate-javascript#321): seldom, but it is looked at."""
    ana, task, job = await stage.begin()
    stage.vendor.done.add(job)
    await stage.studio.turn(after_s=BETWEEN_S)
    assert stage.vendor.looks[job] == 0
    ended = await stage.studio.until(task, "completed", every_s=SLOW_S, turns=2)

    assert (ended.credits, stage.vendor.posts) == (EACH, 1)
    assert stage.vendor.hooks[job] is not None
    assert (await stage.studio.house.wallet(ana.wallet_id)).balance == 1_000 - EACH


async def test_report_40_a_valid_call_only_wakes_the_poller(stage: Stage):
    """What it says of the task is nobody's word: the vendor's own answer to a look is."""
    _, task, job = await stage.begin()
    before = await stage.row(task)
    says: dict[str, Any] = {
        "status": "failed",
        "error": "refund it",
        "output": ["https://evil.example/x.png"],
    }
    assert await stage.send(stage.vendor.call(job, **says)) == 200
    after = await stage.row(task)
    await stage.studio.turn()

    assert before | {"due_us": after["due_us"]} == after
    assert after["due_us"] <= stage.clock.now_us < before["due_us"]
    found = await stage.studio.find(task)
    assert (found.phase, stage.vendor.looks[job]) == ("running", 1)
    stage.vendor.done.add(job)
    assert await stage.send(stage.vendor.call(job)) == 200
    await stage.studio.turn()
    assert (await stage.studio.find(task)).credits == EACH


@EITHER
async def test_report_6_a_lost_answer_is_brought_by_the_vendors_call(stage: Stage):
    """ArcReel#687, bifrost#7004: it is waited for until the deadline, and there is one POST."""
    stage.vendor.says["submit"] = "closed"
    _, task, job = await stage.begin("ambiguous")
    for _ in range(7):
        await stage.studio.turn(after_s=SLOW_S)
    assert (await stage.studio.find(task)).phase == "ambiguous"
    stage.vendor.done.add(job)
    assert await stage.send(stage.vendor.call(job)) == 200
    found = await stage.studio.find(task)
    assert (found.phase, (found.upstream_id or "").rpartition("/")[2]) == ("submitted", job)
    await stage.studio.turn()

    assert (await stage.studio.find(task)).credits == EACH
    assert stage.vendor.posts == 1


async def test_report_6_a_lost_answer_of_which_nobody_calls_is_given_back_at_the_deadline(
    stage: Stage,
):
    """Later calls change nothing of that."""
    stage.vendor.says["submit"] = "closed"
    ana, task, job = await stage.begin("ambiguous", "video")
    late_s = (task.deadline_us - stage.clock.now_us) // 1_000_000
    await stage.studio.turn(after_s=late_s - 10)
    assert (await stage.studio.find(task)).phase == "ambiguous"
    await stage.studio.turn(after_s=12)
    await stage.studio.assert_refunded(ana, task, "submit_unknown")
    before = await stage.row(task)

    assert await stage.send(stage.vendor.call(job)) == 200
    assert (await stage.row(task), stage.vendor.posts) == (before, 1)


@pytest.mark.parametrize("is_early", [True, False])
async def test_report_7_a_worker_that_died_behind_the_submission_is_made_up_for_by_the_call(
    stage: Stage, *, is_early: bool
):
    """Whether it comes before the others notice or after: one POST, and the task is completed."""
    failpoints.arm("task.after_post", _die)
    _, task, job = await stage.begin("submitting")
    failpoints.disarm()
    stage.vendor.done.add(job)
    two = stage.studio.open("two")
    if is_early:
        assert await stage.send(stage.vendor.call(job), two) == 200
        assert (await stage.studio.find(task)).phase == "submitting"
    await stage.studio.turn(two, after_s=LEASE_S)
    assert (await stage.studio.find(task)).phase == "ambiguous"
    if not is_early:
        assert await stage.send(stage.vendor.call(job), two) == 200
    for _ in range(2):
        await stage.studio.turn(two)

    assert (await stage.studio.find(task)).credits == EACH
    assert stage.vendor.posts == 1


async def test_a_call_that_overtakes_the_answer_to_the_submission_is_heard(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    """The worker's own answer names the job, and what is done is looked at at once."""

    async def call(request: UpstreamRequest) -> None:
        if request.method == "POST":
            job = stage.vendor.named(1)
            stage.vendor.done.add(job)
            assert await stage.send(stage.vendor.call(job)) == 200

    stage.meanwhile(call, monkeypatch)
    _, task, _ = await stage.begin()
    await stage.studio.turn()

    assert (await stage.studio.find(task)).status == "completed"
    assert stage.vendor.posts == 1


async def test_a_call_that_is_judged_while_its_job_is_written_down_is_heard(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
):
    """The answer to the submission names the job otherwise than can be guessed from the call."""
    vendor = Fal(studio.clock)
    vendor.app = "fal-ai/another"
    stage, asked, judged = Stage(studio, vendor), asyncio.Event(), asyncio.Event()
    await stage.prepare()
    calls: list[asyncio.Task[int]] = []

    async def call(request: UpstreamRequest) -> None:
        if request.method == "POST":
            calls.append(asyncio.create_task(stage.send(vendor.call("job-1"))))
            await asked.wait()
        if vendor.is_for_keys(request):
            asked.set()
            await judged.wait()

    stage.meanwhile(call, monkeypatch)
    _, task, _ = await stage.begin()
    judged.set()

    assert await calls[0] == 200
    assert task.upstream_id == "fal-ai/another/requests/job-1"
    assert (await stage.row(task))["due_us"] <= studio.clock.now_us


async def test_a_call_at_the_last_moment_is_heard(studio: Studio, monkeypatch: pytest.MonkeyPatch):
    """The worker that was about to give the task up has lost it."""
    stage = Stage(studio, Replicate(studio.clock))
    await stage.prepare()
    stage.vendor.says["submit"] = "closed"
    _, task, job = await stage.begin("ambiguous")
    stage.vendor.done.add(job)
    heard: list[int] = []

    async def call(request: UpstreamRequest) -> None:
        if "created_after" in request.url and studio.clock.now_us >= task.deadline_us:
            heard.append(await stage.send(stage.vendor.call(job)))

    stage.meanwhile(call, monkeypatch)
    await studio.turn(after_s=(task.deadline_us - studio.clock.now_us) / 1_000_000)
    assert (heard, (await studio.find(task)).phase) == ([200], "submitted")
    await studio.turn()

    assert (await studio.find(task)).credits == EACH


async def test_what_the_vendor_calls_about_is_never_submitted_again(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
):
    """It says that it refused, and calls about the job all the same: no other channel is asked."""
    stage = Stage(studio, Replicate(studio.clock))
    await stage.prepare(times=2)

    async def call(request: UpstreamRequest) -> None:
        if request.method == "POST":
            stage.vendor.hooks["job1"] = stage.vendor.hook_of(request)
            assert await stage.send(stage.vendor.call("job1")) == 200

    stage.vendor.says["submit"] = reply(429)
    stage.meanwhile(call, monkeypatch)
    _, task, job = await stage.begin("submitting")
    stage.vendor.done.add(job)
    await studio.turn(after_s=LEASE_S)
    await studio.until(task, "completed", turns=3)

    assert stage.vendor.posts == 1


async def test_a_call_during_a_look_is_not_overlooked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    """The look came a moment too early: there is another one at once."""
    _, task, job = await stage.begin()

    async def call(request: UpstreamRequest) -> None:
        if job not in stage.vendor.done and not stage.vendor.is_for_keys(request):
            stage.vendor.done.add(job)
            assert await stage.send(stage.vendor.call(job)) == 200

    stage.meanwhile(call, monkeypatch)
    await stage.studio.turn(after_s=SLOW_S)
    assert (await stage.studio.find(task)).status == "processing"
    await stage.studio.turn()

    assert (await stage.studio.find(task)).status == "completed"


async def test_without_an_address_nobody_is_asked_to_call(stage: Stage):
    """It is looked at as often as any other, and nothing waits for a call."""
    stage.studio.room = stage.studio.open("one", public_url="")
    _, task, job = await stage.begin()
    await stage.studio.turn(after_s=BETWEEN_S)
    assert (stage.vendor.hooks[job], stage.vendor.looks[job]) == (None, 1)
    assert (await stage.studio.find(task)).webhook_token_hash is None
    stage.vendor.says["submit"] = "closed"
    ana, lost, _ = await stage.begin("ambiguous")
    for _ in range(2):
        await stage.studio.turn(after_s=1 if not stage.vendor.finds else 15 * 60)

    await stage.studio.assert_refunded(ana, lost, "submit_unknown")


async def test_a_call_about_a_task_that_ran_out_of_time_has_it_asked_after(stage: Stage):
    """Report 8 (elizaOS#11862): what came late is the operator's, and known at once."""
    ana, task, job = await stage.begin()
    await stage.studio.turn(after_s=DEADLINE_S)
    stage.vendor.done.add(job)
    assert await stage.studio.room.losses.run() == 0
    assert await stage.send(stage.vendor.call(job)) == 200
    assert await stage.studio.room.losses.run() == 1

    (lost,) = await tasks.list_losses(stage.studio.house.context)
    assert (lost.task.id, lost.loss.reason) == (task.id, "late")
    await stage.studio.assert_refunded(ana, task, "timeout")
