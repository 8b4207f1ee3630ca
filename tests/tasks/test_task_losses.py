"""What the operator pays for tasks that cost their owners nothing: seen, written down, told.

Report 8, by the number of the survey of other gateways: a success that comes late changes nothing
for the task's owner.
"""

import pytest
import sqlalchemy as sa

from grip.money.amounts import NANO
from grip.money.pricing import Rates
from grip.services import tasks as service
from grip.store.losses import Lost
from grip.store.tasks import Task
from grip.tasks.losses import AFTER_S
from tests.books.conftest import Customer
from tests.tasks.studio import EACH, Studio

BOUGHT_NANO = 25 * NANO
SELL = Rates(image_nano=EACH * NANO)
BUY = Rates(image_nano=BOUGHT_NANO)


async def _begin(studio: Studio, does: str) -> tuple[Customer, Task]:
    ana = await studio.house.customer()
    model = await studio.sell(does, sell=SELL, buy=BUY)
    return ana, await studio.begin(ana, model)


async def _timed_out(studio: Studio, does: str) -> tuple[Customer, Task]:
    """Return a task that ran out of time while its upstream goes on."""
    ana, task = await _begin(studio, f"{does}&cancel=refused")
    await studio.until(task, "submitted")
    await studio.turn(after_s=700)
    return ana, task


async def _ask(studio: Studio, after_s: float) -> int:
    studio.clock.advance(after_s)
    return await studio.room.losses.run()


async def _losses(studio: Studio) -> list[Lost]:
    return await service.list_losses(studio.house.context)


async def _open(studio: Studio) -> int:
    async with studio.house.database.read() as connection:
        query = sa.text("SELECT count(*) FROM task_loss WHERE due_us IS NOT NULL")
        return int((await connection.execute(query)).scalar_one())


async def test_a_success_that_comes_late_is_the_operators(studio: Studio):
    """Report 8 (elizaOS#11862, #11920): it is written down with its cost; the task stays failed."""
    ana, task = await _timed_out(studio, "delay_s=1500")
    before = await studio.find(task)
    assert await _ask(studio, AFTER_S[0]) == 1
    assert await _losses(studio) == []
    assert await _ask(studio, AFTER_S[1]) == 1
    (lost,) = await _losses(studio)

    assert (lost.task.id, lost.loss.reason, lost.loss.buy_cost_nano) == (
        task.id,
        "late",
        BOUGHT_NANO,
    )
    assert await studio.find(task) == before
    assert await studio.results(task) == []
    await studio.assert_refunded(ana, task, "timeout")
    assert await _ask(studio, 48 * 3600) == 0


async def test_an_upstream_that_never_ends_is_asked_after_for_two_days(studio: Studio):
    """Ever more seldom; then nothing is said of it."""
    await _timed_out(studio, "fail=never")
    asked = [await _ask(studio, wait_s) for wait_s in (*AFTER_S, 48 * 3600)]

    assert asked == [1] * len(AFTER_S) + [0]
    assert (await _losses(studio), await _open(studio)) == ([], 0)


async def test_a_task_that_failed_late_costs_nobody(studio: Studio):
    """Its upstream says that it failed, and does not charge for it."""
    await _timed_out(studio, "delay_s=800&fail=failed")
    await _ask(studio, AFTER_S[0])

    assert (await _losses(studio), await _open(studio)) == ([], 0)


async def test_two_workers_ask_after_a_task_once(studio: Studio):
    """What one has claimed the other leaves alone; who died over it is stood in for."""
    await _timed_out(studio, "delay_s=1500")
    other = studio.open("two").losses
    studio.network.say(500, b"")
    assert await _ask(studio, AFTER_S[0]) + await other.run() == 1
    studio.network.meddle = lambda _: None
    assert await _ask(studio, AFTER_S[1]) + await other.run() == 1

    assert len(await _losses(studio)) == 1


@pytest.mark.parametrize(
    ("does", "reason", "code"),
    [
        ("fail=empty&usage=none", "billed", "content_policy"),
        ("fail=dead_link", "unfetched", "result_unavailable"),
        ("fail=lying_result", "unfetched", "result_unavailable"),
    ],
)
async def test_what_was_made_for_nobody_is_written_down_at_once(
    studio: Studio, does: str, reason: str, code: str
):
    """The owner has all back; the operator sees what it may have cost."""
    ana, task = await _begin(studio, does)
    await studio.until(task, "failed", every_s=30)
    (lost,) = await _losses(studio)

    assert (lost.loss.reason, lost.loss.buy_cost_nano) == (reason, BOUGHT_NANO)
    await studio.assert_refunded(ana, task, code)


async def test_a_cancelled_task_that_its_upstream_charges_for_is_the_operators(studio: Studio):
    """Its owner has all back."""
    ana, task = await _begin(studio, "delay_s=500&cancel=billed")
    await studio.until(task, "running", every_s=20)
    await studio.room.desk.cancel(task.id)
    await studio.until(task, "failed")
    (lost,) = await _losses(studio)

    assert (lost.loss.reason, lost.loss.buy_cost_nano) == ("billed", BOUGHT_NANO)
    await studio.assert_refunded(ana, task, "cancelled")


async def test_a_submission_that_nobody_knows_of_may_have_cost_something(studio: Studio):
    """It is not found at its vendor, and was perhaps made."""
    ana, task = await _begin(studio, "fail=lost&find=none")
    await studio.until(task, "failed", every_s=60)
    (lost,) = await _losses(studio)

    assert (lost.loss.reason, lost.loss.buy_cost_nano) == ("unknown", BOUGHT_NANO)
    await studio.assert_refunded(ana, task, "submit_unknown")


async def test_what_failed_without_a_bill_is_no_loss(studio: Studio):
    """Nor is one that never was submitted."""
    for does in ("fail=failed", "fail=400", "fail=cancelled"):
        _, task = await _begin(studio, does)
        await studio.until(task, "failed")

    assert (await _losses(studio), await _open(studio)) == ([], 0)


async def test_a_loss_without_a_buy_price_has_no_cost(studio: Studio):
    """What it cost nobody has told grip."""
    ana = await studio.house.customer()
    task = await studio.begin(ana, await studio.sell("fail=empty"))
    await studio.until(task, "failed")
    (lost,) = await _losses(studio)

    assert service.describe_loss(lost.loss)["buy_cost_usd"] is None
