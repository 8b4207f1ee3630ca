"""What tasks were asked for is kept as long as the content of calls, and not a day longer."""

from typing import Any

from grip.services.maintenance import retention
from grip.services.maintenance.step import Done, Run
from grip.store.tasks import Task
from grip.tasks.shown import task_view
from tests.tasks.studio import INPUTS, Studio

_DAY_S = 24 * 3600
_ASKED = INPUTS["image"] | {"n": 1, "size": "1024x1024", "quality": "auto"}


async def _sweep(studio: Studio, **how: Any) -> Done:
    async def no_sleep(_seconds: float) -> None:
        """Let nobody wait."""

    return await retention.run(
        studio.house.context, Run(trusts_clock=True, **how), batch_rows=1, sleep=no_sleep
    )


async def _input(studio: Studio, task: Task) -> dict[str, Any]:
    return (await studio.find(task)).input


async def test_the_input_of_a_task_goes_with_its_days_and_the_rest_of_it_stays(studio: Studio):
    """30 days after its end; one that ends later keeps it, and running it again wipes nothing."""
    ana = await studio.house.customer()
    model = await studio.sell("")
    first, second = await studio.begin(ana, model), await studio.begin(ana, model)
    await studio.until(first, "completed")
    await studio.until(second, "completed")
    other = await studio.begin(ana, model)
    studio.clock.advance(30 * _DAY_S - 3600)
    early = await _sweep(studio)
    before = await studio.find(first)
    studio.clock.advance(3 * 3600)
    await studio.until(other, "failed")  # its time is over
    dry, wiped, again = [await _sweep(studio, dry_run=dry) for dry in (True, False, False)]
    after = await studio.find(first)

    assert [one.did["task inputs"] for one in (early, dry, wiped, again)] == [0, 2, 2, 0]
    assert (before.input, after.input, await _input(studio, second)) == (_ASKED, {}, {})
    assert await _input(studio, other) == _ASKED
    assert {**vars_of(before), "input": {}} == vars_of(after)
    assert task_view(after, [], studio.clock())["input"] == {}


def vars_of(task: Task) -> dict[str, Any]:
    """What a task holds."""
    return {name: getattr(task, name) for name in Task.__dataclass_fields__}


async def test_a_task_whose_upstream_is_still_looked_after_keeps_its_input(studio: Studio):
    """Its adapter may need it to read the answer; once nobody asks any more, it goes."""
    ana = await studio.house.customer()
    task = await studio.begin(ana, await studio.sell("fail=never&cancel=refused"))
    await studio.until(task, "submitted")
    await studio.turn(after_s=700)
    studio.clock.advance(31 * _DAY_S)
    watched = await _sweep(studio)
    kept = await _input(studio, task)
    while await studio.room.losses.run():
        studio.clock.advance(2 * _DAY_S)
    over = await _sweep(studio)

    assert (watched.did["task inputs"], over.did["task inputs"]) == (0, 1)
    assert (kept, await _input(studio, task)) == (_ASKED, {})
