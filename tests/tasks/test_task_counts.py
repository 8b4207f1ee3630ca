"""What is counted of tasks that end: once each, and only what is in the books."""

from grip.money.pricing import Usage
from grip.tasks.ending import Counted
from tests.tasks.conftest import EACH_NANO, FAILED, Shop


def counted(shop: Shop, name: str) -> dict[tuple[str, ...], int]:
    """Return the series of a counter."""
    return dict(shop.counts.snapshot().counters[name])


async def test_a_task_that_ends_is_counted_once_with_its_money(shop: Shop):
    """Who comes second has ended nothing."""
    ana = await shop.house.customer(10_000)
    done = await shop.held((await shop.begin(ana, images=2)).task)
    failed = await shop.held((await shop.begin(ana)).task)
    for _ in range(2):
        await shop.endings.complete(done, Counted(usage=Usage(images=2), by="upstream"))
        await shop.endings.fail(failed, FAILED)

    ends = counted(shop, "grip_tasks_ended_total")
    assert ends == {("draw", ""): 1, ("draw", FAILED.code): 1}
    costs = counted(shop, "grip_cost_nanocredits_total")
    assert costs == {("draw", ""): 2 * EACH_NANO}
    (charged,) = counted(shop, "grip_charged_credits_total").values()
    assert charged == (await shop.find(done)).credits
