"""What becomes of a task step by step, over an upstream on loopback that counts submissions.

Reports, by the numbers of the survey of other gateways: 2, 6, 7, 8, 10, 13, 14, 16, 21, 24, 26, 27,
28.
"""

import asyncio
import socket

import pytest

from grip import errors, failpoints
from grip.money.amounts import NANO
from grip.services import models
from grip.store.tasks import Task
from tests.tasks.studio import EACH, Studio

LEASE_S = 61
QUARTER_S = 15 * 60


class Died(Exception):
    """A worker ends in the middle of a step."""


def _die() -> None:
    raise Died


def _posts(studio: Studio, task: Task) -> int:
    return studio.upstream.posts[task.correlation_id]


@pytest.mark.parametrize(("kind", "cost"), [("image", EACH), ("video", 2 * EACH), ("audio", 200)])
async def test_a_task_goes_from_its_hold_to_its_result(studio: Studio, kind: str, cost: int):
    """Submitted once, looked at, fetched, charged; and the result is in the store."""
    ana, model = await studio.house.customer(), await studio.sell("delay_s=8", kind=kind)
    task = await studio.begin(ana, model, kind)
    seen = [task.status]
    while (found := await studio.find(task)).phase != "completed":
        await studio.turn(after_s=1)
        seen.append(found.status)
    (result,) = await studio.results(task)
    wallet = await studio.house.wallet(ana.wallet_id)

    assert sorted(set(seen), key=seen.index) == ["pending", "processing"]
    assert (found.credits, found.progress, _posts(studio, task)) == (cost, 100, 1)
    assert (wallet.balance, wallet.held) == (1_000 - cost, 0)
    assert (result.size > 0, result.content_type.partition("/")[0]) == (True, kind)


@pytest.mark.parametrize("lost", ["lost", "garbage", "cut"])
async def test_a_lost_answer_is_never_submitted_again_and_found_by_its_mark(
    studio: Studio, lost: str
):
    """Report 6 (ArcReel#687, bifrost#7004): the job is there, and it is found."""
    ana, model = await studio.house.customer(), await studio.sell(f"fail={lost}")
    task = await studio.begin(ana, model)
    await studio.turn()
    assert (await studio.find(task)).phase == "ambiguous"
    await studio.until(task, "completed")

    assert _posts(studio, task) == 1


@pytest.mark.parametrize(("kind", "limit_s"), [("image", 600), ("video", QUARTER_S)])
async def test_a_lost_answer_that_nothing_tells_of_is_given_back(
    studio: Studio, kind: str, limit_s: int
):
    """Report 6: after a quarter of an hour, or at the deadline, whichever comes first."""
    ana = await studio.house.customer()
    model = await studio.sell("fail=lost&find=none", "", kind=kind)
    task = await studio.begin(ana, model, kind)
    await studio.turn()
    await studio.turn(after_s=limit_s - 60)
    assert (await studio.find(task)).phase == "ambiguous"
    for _ in range(4):
        await studio.turn(after_s=20)

    assert _posts(studio, task) == 1
    await studio.assert_refunded(ana, task, "submit_unknown")


@pytest.mark.parametrize("moment", ["task.before_post", "task.after_post"])
async def test_a_worker_that_dies_around_the_submission_leads_to_no_second_one(
    studio: Studio, moment: str
):
    """Report 7: the next worker looks for the job by its mark, and goes on with it or gives up."""
    ana, model = await studio.house.customer(), await studio.sell("delay_s=1")
    task = await studio.begin(ana, model)
    failpoints.arm(moment, _die)
    await studio.turn()
    failpoints.disarm()
    was_sent = moment == "task.after_post"
    assert ((await studio.find(task)).phase, _posts(studio, task)) == ("submitting", was_sent)
    two = studio.open("two")

    assert await studio.turn(two) == 0
    assert await studio.turn(two, after_s=LEASE_S) == 1
    assert (await studio.find(task)).phase == "ambiguous"
    if was_sent:
        await studio.until(task, "completed")
    else:
        await studio.until(task, "failed", every_s=60)
        await studio.assert_refunded(ana, task, "submit_unknown")
    assert _posts(studio, task) == was_sent


async def test_a_worker_that_dies_before_the_end_charges_nothing_twice(studio: Studio):
    """Report 28: the next one fetches again, by the same id, and ends it once."""
    ana, model = await studio.house.customer(), await studio.sell("delay_s=1")
    task = await studio.begin(ana, model)
    failpoints.arm("task.before_end", _die)
    await studio.until(task, "fetching")
    failpoints.disarm()
    assert (await studio.house.wallet(ana.wallet_id)).balance == 1_000
    await studio.turn(studio.open("two"), after_s=LEASE_S)

    assert (await studio.find(task)).credits == EACH
    assert (await studio.house.wallet(ana.wallet_id)).balance == 1_000 - EACH
    assert _posts(studio, task) == 1


async def test_a_channel_that_cannot_be_reached_is_no_obstacle(studio: Studio):
    """Nothing of it arrived, so that the next channel is asked; and there is one job."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        ana, model = await studio.house.customer(), await studio.sell("", "", urls=(url,))
        task = await studio.begin(ana, model)
        ended = await studio.until(task, "completed")

    assert (ended.channel, ended.attempts) == (f"{model}-1", 2)
    assert studio.upstream.posts == {task.correlation_id: 1}


async def test_a_channel_that_refuses_is_no_obstacle(studio: Studio):
    """It said that it made nothing of it."""
    ana, model = await studio.house.customer(), await studio.sell("fail=429", "")
    task = await studio.begin(ana, model)
    ended = await studio.until(task, "completed")

    assert (ended.channel, ended.credits) == (f"{model}-1", EACH)


async def test_a_channel_whose_secret_cannot_be_read_is_no_obstacle(studio: Studio):
    """There was nothing to send: the next channel is asked at once."""
    ana, model = await studio.house.customer(), await studio.sell("", "")
    await studio.house.run(
        f"UPDATE channel SET secret = 'env:NOT_THERE' WHERE name = '{model}-0'"  # noqa: S608
    )
    task = await studio.begin(ana, model)
    await studio.turn()
    found = await studio.find(task)
    ended = await studio.until(task, "completed")

    assert (found.phase, ended.channel) == ("submitted", f"{model}-1")
    assert _posts(studio, task) == 1


@pytest.mark.parametrize(
    ("fail", "code"),
    [
        ("400", "submit_rejected"),
        ("blocked", "content_policy"),
        ("401", "config_error"),
        ("429", "submit_rejected"),
        ("error", "submit_rejected"),
        ("connect", "timeout"),
        ("500", "submit_unknown"),
        ("failed", "upstream_failed"),
        ("policy", "content_policy"),
        ("cancelled", "cancelled"),
        ("expired", "expired"),
        ("empty", "content_policy"),
        ("never", "timeout"),
        ("dead_link", "result_unavailable"),
        ("lying_result", "result_unavailable"),
        ("cut_result", "result_unavailable"),
    ],
)
async def test_every_failure_has_its_code_and_gives_all_back(studio: Studio, fail: str, code: str):
    """Reports 2 (new-api#2050), 13, 14 and 16: exact, whatever the stage at which it comes."""
    ana = await studio.house.customer()
    urls = ("http://127.0.0.1:1",) if fail == "connect" else ()
    model = await studio.sell(f"fail={fail}&delay_s=1", urls=urls)
    task = await studio.begin(ana, model)
    await studio.until(task, "failed", every_s=20, turns=60)

    await studio.assert_refunded(ana, task, code)


async def test_at_the_deadline_the_upstream_is_asked_to_stop_and_looked_at_once_more(
    studio: Studio,
):
    """Reports 8, 26 and 27: cancelled once, all given back, and never looked at again."""
    ana, model = await studio.house.customer(), await studio.sell("fail=never&cancel=refused")
    task = await studio.begin(ana, model)
    await studio.until(task, "running")
    await studio.turn(after_s=600)
    looks = sum(studio.upstream.looks.values())
    for _ in range(3):
        assert await studio.turn(after_s=600) == 0

    assert sum(studio.upstream.cancels.values()) == 1
    assert sum(studio.upstream.looks.values()) == looks
    await studio.assert_refunded(ana, task, "timeout")


async def test_what_is_done_at_the_last_look_is_delivered(studio: Studio):
    """It was made in time, and nobody had looked."""
    ana, model = await studio.house.customer(), await studio.sell("delay_s=590")
    task = await studio.begin(ana, model)
    await studio.until(task, "submitted")
    await studio.turn(after_s=700)

    assert (await studio.find(task)).credits == EACH


async def test_a_task_whose_upstream_is_down_at_the_deadline_is_given_back(studio: Studio):
    """The last look said nothing; there is no further one."""
    ana, model = await studio.house.customer(), await studio.sell("delay_s=3000&fail=poll_500")
    task = await studio.begin(ana, model)
    await studio.until(task, "submitted")
    await studio.turn(after_s=700)

    await studio.assert_refunded(ana, task, "timeout")


async def test_nothing_is_submitted_after_the_deadline(studio: Studio):
    """Nobody waits for it any more."""
    ana, model = await studio.house.customer(), await studio.sell("")
    task = await studio.begin(ana, model)
    await studio.turn(after_s=601)

    assert _posts(studio, task) == 0
    await studio.assert_refunded(ana, task, "timeout")


async def test_a_cancelled_task_that_had_begun_is_given_back_once_the_upstream_says_so(
    studio: Studio,
):
    """The customer asks, the worker passes it on, and the next look tells."""
    ana, model = await studio.house.customer(), await studio.sell("delay_s=100")
    task = await studio.begin(ana, model)
    await studio.until(task, "running", every_s=10)
    cancelling = await studio.room.desk.cancel(task.id)
    assert (cancelling.status, cancelling.phase) == ("processing", "cancelling")
    await studio.turn()

    assert sum(studio.upstream.cancels.values()) == 1
    await studio.assert_refunded(ana, task, "cancelled")


async def test_a_cancellation_that_is_refused_lets_the_task_come_to_its_end(studio: Studio):
    """What was made is delivered and charged; the upstream is asked to stop once."""
    ana = await studio.house.customer()
    model = await studio.sell("delay_s=100&cancel=refused")
    task = await studio.begin(ana, model)
    await studio.until(task, "submitted")
    await studio.room.desk.cancel(task.id)
    ended = await studio.until(task, "completed", every_s=10)

    assert (ended.credits, sum(studio.upstream.cancels.values())) == (EACH, 1)


async def test_a_queued_task_is_cancelled_without_its_upstream(studio: Studio):
    """Report 10 (ddcat#477): nobody is asked, all is given back, and nothing is submitted."""
    ana, model = await studio.house.customer(), await studio.sell("")
    task = await studio.begin(ana, model)
    await studio.room.desk.cancel(task.id)

    assert await studio.turn(after_s=60) == 0
    assert (_posts(studio, task), sum(studio.upstream.cancels.values())) == (0, 0)
    await studio.assert_refunded(ana, task, "cancelled")


async def test_what_is_being_fetched_is_not_cancelled(studio: Studio):
    """It is made and will be delivered; what is over stays as it is."""
    ana, model = await studio.house.customer(), await studio.sell("")
    task = await studio.begin(ana, model)
    failpoints.arm("task.before_end", _die)
    await studio.until(task, "fetching")
    failpoints.disarm()
    with pytest.raises(errors.Conflict):
        await studio.room.desk.cancel(task.id)
    await studio.turn(after_s=LEASE_S)

    assert (await studio.room.desk.cancel(task.id)).status == "completed"
    assert (await studio.house.wallet(ana.wallet_id)).balance == 1_000 - EACH


@pytest.mark.parametrize(("made", "credits_"), [(1, EACH), (3, 3 * EACH), (7, 3 * EACH)])
async def test_what_was_made_is_charged_and_never_more_than_was_asked_for(
    studio: Studio, made: int, credits_: int
):
    """Of three pictures, fewer or more came."""
    ana, model = await studio.house.customer(), await studio.sell(f"results={made}")
    task = await studio.begin(ana, model, input={"prompt": "A cat", "n": 3})
    ended = await studio.until(task, "completed")

    assert (ended.hold_credits, ended.credits) == (3 * EACH, credits_)
    assert len(await studio.results(task)) == made


async def test_looking_often_settles_once(studio: Studio):
    """Report 21 (LiteLLM#25015): fifty look while two workers end it."""
    ana, model = await studio.house.customer(), await studio.sell("")
    task = await studio.begin(ana, model)
    await studio.turn()
    two = studio.open("two")
    studio.clock.advance(5)
    await asyncio.gather(
        *(studio.find(task) for _ in range(50)), studio.room.worker.run(), two.worker.run()
    )
    await asyncio.gather(studio.room.worker.settle(), two.worker.settle())
    await asyncio.gather(*(studio.find(task) for _ in range(50)))
    closing = [row for row in await studio.house.rows("ledger_transfer") if row["pending_id"]]

    assert ((await studio.find(task)).status, len(closing)) == ("completed", 1)
    assert len(await studio.house.rows("usage")) == 1


async def test_a_price_that_changes_meanwhile_is_not_the_tasks(studio: Studio):
    """Report 24: neither what is charged nor what was held."""
    ana, model = await studio.house.customer(), await studio.sell("")
    task = await studio.begin(ana, model)
    await studio.turn()
    dear = {"per_image": 900 * NANO}
    await models.change(studio.house.context, model, {}, sell=dear, actor="test")
    ended = await studio.until(task, "completed")

    assert ended.credits == EACH
    assert (await studio.house.wallet(ana.wallet_id)).balance == 1_000 - EACH


async def test_what_the_upstream_counts_never_costs_more_than_the_hold(studio: Studio):
    """A thousand times as much was told."""
    ana, model = await studio.house.customer(), await studio.sell("usage=above")
    task = await studio.begin(ana, model)
    ended = await studio.until(task, "completed")

    assert ended.credits == ended.hold_credits == EACH


@pytest.mark.parametrize("usage", ["none", "garbage"])
async def test_a_count_that_nobody_told_is_measured(studio: Studio, usage: str):
    """By the pictures that lie in the store."""
    ana, model = await studio.house.customer(), await studio.sell(f"usage={usage}")
    ended = await studio.until(await studio.begin(ana, model), "completed")

    assert (ended.credits, ended.counted_by) == (EACH, "measured")
