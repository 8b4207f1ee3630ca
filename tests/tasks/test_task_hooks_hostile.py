"""Whoever calls about a task and is not its vendor, or calls too much, too late or nonsense.

Report 40 of the survey of other gateways.
"""

import asyncio
import dataclasses
import json

import pytest

from grip.providers.port import UpstreamRequest
from grip.tasks.shown import operator_view
from grip.transport.port import Reply
from grip.web import calls
from tests.tasks.hook_stage import EITHER, Stage
from tests.tasks.studio import Studio
from tests.tasks.vendors import Replicate, reply


@EITHER
async def test_report_40_what_is_not_the_vendors_changes_nothing_and_is_told_nothing(stage: Stage):
    """Wan2.1#541, corsair#969, open-mercato#1311: unsigned, stale, foreign, to a wrong address."""
    _, task, job = await stage.begin()
    _, _, others = await stage.begin()
    good, other = stage.vendor.call(job), stage.vendor.call(others)
    head, token = good.url.rsplit("/", 1)
    now_s = stage.clock.now_us // 1_000_000
    before = await stage.row(task), stage.vendor.looks.total()
    unchanged = {"headers": good.headers, "body": good.body}
    wrong = [
        {**unchanged, "headers": {}},
        {**unchanged, "body": good.body + b" "},
        {**unchanged, "body": b""},
        *(vars(stage.vendor.call(job, at_s=now_s + off_s)) for off_s in (-301, 301, -86_400)),
        vars(stage.vendor.call(job, key=7)),
        vars(other) | {"url": good.url},
        unchanged | {"url": other.url},
        unchanged | {"url": f"{head}/{token[:-1]}"},
        unchanged | {"url": f"{head}/{'A' * 43}"},
        unchanged | {"url": f"{head}/{token}/"},
        unchanged | {"url": f"{head}/é"},
        unchanged | {"url": head},
        unchanged | {"url": good.url.replace(f"/{stage.vendor.kind}/", "/sandbox/")},
        unchanged | {"url": good.url.replace(f"/{stage.vendor.kind}/", "/nobody/")},
        unchanged | {"url": good.url.replace(task.id, "task_" + "0" * 32)},
        unchanged | {"url": good.url.replace(task.id, "\0")},
    ]
    answers = [await stage.ask(**({"url": good.url} | each)) for each in wrong]

    assert {status for status, _ in answers} == {401}
    assert len({body for _, body in answers}) == 1
    assert json.loads(answers[0][1])["error"]["code"] == "webhook_refused"
    assert (await stage.row(task), stage.vendor.looks.total()) == before
    assert await stage.taken() == 0
    assert await stage.send(good) == 200


async def test_report_40_a_call_that_comes_again_changes_nothing(stage: Stage):
    """On any worker, for as long as its signature holds; the next one is heard."""
    _, task, job = await stage.begin()
    call = stage.vendor.call(job)
    assert await stage.send(call) == 200
    await stage.studio.turn()
    before = await stage.row(task)
    two = stage.studio.open("two")

    assert [await stage.send(call), await stage.send(call, two)] == [401, 401]
    assert (await stage.row(task), await stage.taken()) == (before, 1)
    assert await stage.send(stage.vendor.call(job), two) == 200
    assert (await stage.row(task))["due_us"] <= stage.clock.now_us


async def test_a_job_is_never_given_to_two_tasks(stage: Stage):
    """Whoever calls about another's: nothing changes, and that one's own call is still heard."""
    _, _, job = await stage.begin()
    stage.vendor.says["submit"] = "closed"
    _, lost, own = await stage.begin("ambiguous")
    foreign = stage.vendor.call(job, "once")
    before = await stage.row(lost)
    url = stage.vendor.hooks[own]
    assert url is not None

    assert await stage.send(dataclasses.replace(foreign, url=url)) == 401
    assert (await stage.row(lost), await stage.taken()) == (before, 0)
    assert await stage.send(foreign) == 200


async def test_an_attempt_that_is_over_has_no_address_any_more(studio: Studio):
    """Each submission names one of its own, and the token is nowhere but in it."""
    stage = Stage(studio, Replicate(studio.clock))
    await stage.prepare()
    seen: list[str] = []

    def answer(request: UpstreamRequest) -> Reply | None:
        if request.method == "POST":
            seen.append(stage.vendor.hook_of(request) or "")
        return stage.vendor.answer(request)

    studio.network.meddle = answer
    stage.vendor.says["submit"] = reply(429)
    _, task, job = await stage.begin("queued")
    stage.vendor.says.clear()
    stage.vendor.hooks[job] = seen[0]
    assert await stage.send(stage.vendor.call(job)) == 401
    await studio.until(task, "submitted", every_s=70)
    token = seen[1].rpartition("/")[2]
    row = await stage.row(task)

    assert seen[0] != seen[1]
    assert await stage.send(stage.vendor.call(job)) == 401
    assert token not in repr(row)
    assert row["webhook_token_hash"] not in repr(operator_view(await studio.find(task)))


async def test_the_vendors_keys_are_asked_for_once_a_day_and_never_more_than_once_a_minute(
    stage: Stage,
):
    """Whoever calls with whatever; new keys are found, and without keys nobody is believed."""
    _, _, job = await stage.begin()
    for _ in range(3):
        assert await stage.send(stage.vendor.call(job)) == 200
    for _ in range(50):
        assert await stage.send(stage.vendor.call(job, key=7)) == 401
    assert stage.vendor.key_looks == 1

    stage.vendor.key = 7
    assert await stage.send(stage.vendor.call(job, key=7)) == 401
    stage.clock.advance(60)
    assert await stage.send(stage.vendor.call(job, key=7)) == 200
    assert await stage.send(stage.vendor.call(job, key=0)) == 401
    assert stage.vendor.key_looks == 2

    stage.vendor.keys_are_down = True
    stage.clock.advance(60)
    assert await stage.send(stage.vendor.call(job, key=0)) == 401
    assert await stage.send(stage.vendor.call(job, key=7)) == 200
    assert stage.vendor.key_looks == 3

    stage.clock.advance(24 * 3600)
    for _ in range(3):
        assert await stage.send(stage.vendor.call(job, key=7)) == 401
    assert stage.vendor.key_looks == 4
    stage.clock.advance(60)
    stage.vendor.keys_are_down = False
    assert await stage.send(stage.vendor.call(job, key=7)) == 200
    assert stage.vendor.key_looks == 5


async def test_thousands_of_calls_at_once_are_one_look(stage: Stage):
    """The same one, unsigned ones, strangers': what is too much at once is sent away."""
    _, _, job = await stage.begin()
    same, wrong = stage.vendor.call(job), stage.vendor.call(job, key=7)
    stranger = dataclasses.replace(same, url=f"{same.url[:-43]}{'A' * 43}")
    calls = [same, wrong, stranger] * 1_000
    answers = await asyncio.gather(*(stage.send(call) for call in calls))
    assert (answers.count(200), set(answers)) == (1, {200, 401, 503})
    assert answers.count(503) > 2_700
    for _ in range(20):
        assert await stage.send(stage.vendor.call(job)) == 200
    for _ in range(3):
        await stage.studio.turn()

    assert (stage.vendor.looks[job], stage.vendor.key_looks) == (1, 1)


async def test_calls_about_one_task_do_not_crowd_out_those_about_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    """Of those that come at once a few are judged, the others may come again."""
    _, _, job = await stage.begin()
    _, _, other = await stage.begin()
    judged = asyncio.Event()

    async def wait(request: UpstreamRequest) -> None:
        if stage.vendor.is_for_keys(request):
            await judged.wait()

    stage.meanwhile(wait, monkeypatch)
    calls = [stage.vendor.call(one) for one in [job] * 10 + [other]]
    sent = [asyncio.create_task(stage.send(call)) for call in calls]
    first = asyncio.as_completed(sent)
    async with asyncio.timeout(30):
        assert [await next(first) for _ in range(6)] == [503] * 6
    judged.set()
    answers = await asyncio.gather(*sent)

    assert (answers.count(200), answers[10]) == (5, 200)


async def test_what_is_too_large_or_nothing_of_the_kind_changes_nothing(stage: Stage):
    """A megabyte is the most, announced or not; strangers' bodies are not even read."""
    _, task, job = await stage.begin()
    call, huge = stage.vendor.call(job), b" " * (calls.MAX_BODY_BYTES + 1)
    before = await stage.row(task)
    said = [
        await stage.ask(call.url, b"", call.headers, announced=len(huge)),
        await stage.ask(call.url[:-1], b"", call.headers, announced=len(huge)),
        await stage.ask(call.url, call.body + huge, call.headers, pieces=3),
        await stage.ask(call.url[:-1], huge, call.headers, pieces=3),
        await stage.ask(call.url, call.body, call.headers, method="GET"),
        await stage.ask(call.url, b"<html>", call.headers | {"content-type": "text/html"}),
    ]
    nonsense = [b"[]", b"null", b'{"id": 7, "request_id": 7}', b'{"id": "../x"}', b"\xc3\xa9"]
    now_s = stage.clock.now_us // 1_000_000
    for body in nonsense:
        signed = stage.vendor.signed("event", body, 0, now_s)
        said.append(await stage.ask(call.url, body, signed))

    assert [status for status, _ in said] == [413, 413, 413, 401, 405, 401, *[401] * len(nonsense)]
    assert (await stage.row(task), await stage.taken()) == (before, 0)


async def test_a_call_about_a_job_of_which_the_vendor_knows_nothing_ends_no_task(stage: Stage):
    """Signed or not, it is the look that counts."""
    _, task, job = await stage.begin()
    stage.vendor.says["look"] = reply(500)
    for _ in range(3):
        assert await stage.send(stage.vendor.call(job, status="failed", error="x")) == 200
        await stage.studio.turn()

    assert (await stage.studio.find(task)).status == "pending"


async def test_calls_of_yesterday_are_forgotten(stage: Stage):
    """Their signatures are too old long before."""
    _, _, job = await stage.begin()
    assert await stage.send(stage.vendor.call(job)) == 200
    stage.clock.advance(24 * 3600)
    assert await stage.send(stage.vendor.call(job)) == 200
    assert await stage.studio.room.reception.forget() == 0
    stage.clock.advance(1)
    await stage.studio.room.sweep()

    assert await stage.taken() == 1
