"""What an answer about a task may do to it: nothing, unless it is a documented word.

Reports, by the numbers of the survey of other gateways: 12, 15.
"""

import json

import pytest

from grip.store.tasks import Task
from tests.tasks.studio import EACH, Studio


async def _submitted(studio: Studio, does: str = "delay_s=30") -> tuple[Task, str]:
    ana, model = await studio.house.customer(), await studio.sell(does)
    task = await studio.begin(ana, model)
    await studio.until(task, "submitted")
    return task, ana.wallet_id


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b'{"error": {"message": "broken"}}'),
        (502, b"<html>Bad Gateway</html>"),
        (200, b"{}"),
        (200, b""),
        (200, b"[]"),
        (200, b"null"),
        (200, b"\xff\xfe"),
        (200, b'{"status": "aborted"}'),
        (429, b'{"error": {"message": "slow down"}}'),
        (401, b'{"error": {"message": "no such key"}}'),
    ],
    ids=str,
)
async def test_an_answer_that_tells_nothing_leaves_the_task_as_it_is(
    studio: Studio, status: int, body: bytes
):
    """Report 15 (ddcat#492): it goes on, and comes to its end once the upstream speaks again."""
    task, _ = await _submitted(studio)
    studio.network.say(status, body)
    before = studio.network.looks
    for _ in range(5):
        await studio.turn(after_s=80)
    found = await studio.find(task)

    assert (found.phase, found.status, found.error_code) == ("submitted", "pending", None)
    assert studio.network.looks - before == 5
    assert found.fault
    studio.network.meddle = lambda _: None
    ended = await studio.until(task, "completed", every_s=80)
    assert ended.credits == EACH


async def test_a_job_that_is_not_found_three_times_has_expired(studio: Studio):
    """Report 15: twice may be the vendor's own delay; and all is given back."""
    task, wallet_id = await _submitted(studio)
    studio.network.say(404, b'{"error": {"message": "not found"}}')
    for _ in range(2):
        await studio.turn(after_s=80)
    assert (await studio.find(task)).phase == "submitted"
    await studio.turn(after_s=80)
    found = await studio.find(task)

    assert (found.error_code, (await studio.house.wallet(wallet_id)).balance) == ("expired", 1_000)


async def test_a_job_that_is_found_again_has_not_expired(studio: Studio):
    """Only misses in a row count."""
    task, _ = await _submitted(studio, "delay_s=550")
    for _ in range(2):
        studio.network.say(404, b"{}")
        for _ in range(2):
            await studio.turn(after_s=80)
        studio.network.meddle = lambda _: None
        await studio.turn(after_s=80)

    assert (await studio.find(task)).phase == "running"


async def test_a_word_that_nobody_knows_is_bounded_by_the_deadline(studio: Studio):
    """Report 12 (replicate-python#449): it is no verdict, and no reason to look for ever."""
    task, wallet_id = await _submitted(studio, "delay_s=3000&fail=poll_unknown")
    await studio.turn(after_s=80)
    assert (await studio.find(task)).phase == "submitted"
    await studio.turn(after_s=600)

    assert (await studio.find(task)).error_code == "timeout"
    assert (await studio.house.wallet(wallet_id)).balance == 1_000


async def test_a_job_that_goes_back_into_the_queue_does_not_take_its_owner_back(studio: Studio):
    """What the owner has seen stays; progress does not fall."""
    task, _ = await _submitted(studio, "delay_s=100&fail=backwards")
    seen: list[tuple[str, int]] = []
    while (found := await studio.find(task)).phase != "completed":
        seen.append((found.status, found.progress))
        await studio.turn(after_s=6)
    statuses = [status for status, _ in seen]

    assert sorted(set(statuses), key=statuses.index) == ["pending", "processing"]
    assert statuses == sorted(statuses)
    assert [progress for _, progress in seen] == sorted(progress for _, progress in seen)


async def test_a_dead_link_is_tried_three_times(studio: Studio):
    """And then the result is given up, and everything given back."""
    ana, model = await studio.house.customer(), await studio.sell("fail=dead_link")
    task = await studio.begin(ana, model)
    await studio.until(task, "fetching")
    for tries in (1, 2):
        assert (await studio.find(task)).misses == tries
        await studio.turn(after_s=60)

    await studio.assert_refunded(ana, task, "result_unavailable")
    assert await studio.results(task) == []


async def test_a_result_that_comes_at_the_second_try_is_charged(studio: Studio):
    """The link was dead for a moment only."""
    ana, model = await studio.house.customer(), await studio.sell("")
    task = await studio.begin(ana, model)
    await studio.until(task, "submitted")
    job = (await studio.find(task)).upstream_id
    gone = [{"url": "/tasks/nobody/results/0", "content_type": "image/png"}]
    said = {"id": job, "status": "completed", "results": gone}
    studio.network.say(200, json.dumps(said).encode())
    await studio.turn(after_s=5)
    assert (await studio.find(task)).phase == "fetching"
    studio.network.meddle = lambda _: None
    await studio.until(task, "completed")

    assert (await studio.house.wallet(ana.wallet_id)).balance == 1_000 - EACH


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("running", "result_unavailable"),
        ("completed", "content_policy"),
        ("failed", "upstream_failed"),
        ("expired", "expired"),
    ],
)
async def test_an_upstream_that_takes_a_success_back_is_not_paid_for_it(
    studio: Studio, said: str, code: str
):
    """It said completed, and then another thing, or that there is nothing after all."""
    ana, model = await studio.house.customer(), await studio.sell("fail=dead_link")
    task = await studio.begin(ana, model)
    found = await studio.until(task, "fetching")
    body = {"id": found.upstream_id, "status": said, "usage": {"images": 1}}
    studio.network.say(200, json.dumps(body).encode())
    for _ in range(12):
        await studio.turn(after_s=60)

    await studio.assert_refunded(ana, task, code)


async def test_an_upstream_that_is_gone_before_its_result_came_is_not_waited_for(studio: Studio):
    """A result that cannot be asked for is given up an hour after the deadline, and refunded."""
    ana, model = await studio.house.customer(), await studio.sell("fail=dead_link")
    task = await studio.begin(ana, model)
    await studio.until(task, "fetching")
    studio.network.say(500, b"")
    for _ in range(4):
        await studio.turn(after_s=1_000)
    assert (await studio.find(task)).phase == "fetching"
    await studio.turn(after_s=1_000)

    await studio.assert_refunded(ana, task, "result_unavailable")
