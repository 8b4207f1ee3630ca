"""A task stays with the channel that took it, whatever becomes of channels and models meanwhile.

Reports, by the numbers of the survey of other gateways: 4 (a channel that was deleted under its
tasks), 22 (a task that was asked for at another account).
"""

import json
from collections.abc import Mapping

import pytest
import sqlalchemy as sa

from grip import errors
from grip.providers.port import UpstreamRequest
from grip.services import channels, models
from grip.store import catalog
from grip.store.tasks import Task
from grip.transport.port import Reply
from tests.books.conftest import Customer
from tests.task_upstream import task_upstream
from tests.tasks.studio import EACH, RATES, Studio

PHASES = ("submitted", "running", "ambiguous", "cancelling")


async def _under_way(studio: Studio, phase: str) -> tuple[Customer, Task]:
    """Return a task whose channel has it, in this phase."""
    does = "delay_s=400&cancel=refused"
    if phase == "ambiguous":
        does = "fail=lost&find=none"
    ana, model = await studio.house.customer(), await studio.sell(does, urls=("",))
    task = await studio.begin(ana, model)
    if phase == "cancelling":
        await studio.until(task, "submitted")
        await studio.room.desk.cancel(task.id)
    return ana, await studio.until(task, phase, every_s=5)


async def test_a_channel_with_tasks_under_way_cannot_be_removed(studio: Studio):
    """Report 4 (new-api): the refusal says how many; once they are over, it goes."""
    for phase in PHASES:
        ana, task = await _under_way(studio, phase)
        ref = task.channel or ""
        second = await studio.begin(ana, task.model)
        await studio.turn()
        refusal = rf"tasks under way on '{ref}': 2;"
        with pytest.raises(errors.Conflict, match=refusal):
            await channels.remove(studio.house.context, ref, actor="test")
        assert (await channels.get(studio.house.context, ref)).enabled
        await channels.disable(studio.house.context, ref, actor="test")
        while not (await studio.find(second)).is_over:
            await studio.turn(after_s=60)

        assert (await studio.find(task)).is_over
        assert (await channels.remove(studio.house.context, ref, actor="test")).name == ref


async def test_a_task_whose_channel_has_gone_all_the_same_is_given_back(studio: Studio):
    """Report 4: an orphan of any phase fails at its deadline, by its code and with its refund."""
    begun = [(phase, *await _under_way(studio, phase)) for phase in PHASES]
    await studio.house.run("DELETE FROM channel WHERE name LIKE 'model-%'")
    looks = studio.network.looks
    while studio.clock.now_us < begun[0][2].deadline_us - 60_000_000:
        await studio.turn(after_s=50)
    assert not [phase for phase, _, task in begun if (await studio.find(task)).is_over]
    for _ in range(7):
        await studio.turn(after_s=60)

    assert studio.network.looks == looks
    for phase, ana, task in begun:
        code = "submit_unknown" if phase == "ambiguous" else "timeout"
        await studio.assert_refunded(ana, task, code)


async def test_a_task_that_waits_for_its_first_channel_is_given_back_where_none_comes(
    studio: Studio,
):
    """Report 4: nobody upstream has it, so that its channel may go."""
    ana, model = await studio.house.customer(), await studio.sell("")
    task = await studio.begin(ana, model)
    await channels.remove(studio.house.context, f"{model}-0", actor="test")
    for _ in range(12):
        await studio.turn(after_s=61)

    assert studio.upstream.posts == {}
    await studio.assert_refunded(ana, task, "timeout")


@pytest.mark.parametrize("change", ["model", "map", "disabled", "priority"])
async def test_a_task_is_asked_for_where_it_was_submitted(studio: Studio, change: str):
    """Report 22 (LiteLLM#16753): by other workers too, after the configuration has changed."""
    with task_upstream() as other:
        ana = await studio.house.customer()
        model = await studio.sell("delay_s=60", "delay_s=60", urls=(studio.upstream.url, other.url))
        task = await studio.begin(ana, model)
        await studio.until(task, "submitted")
        await _reconfigure(studio, model, change)
        restarted = studio.open("two")
        for _ in range(20):
            await studio.turn(restarted, after_s=5)
        found = await studio.find(task)

        assert (found.phase, found.credits, found.channel) == ("completed", EACH, f"{model}-0")
        assert studio.upstream.posts == {task.correlation_id: 1}
        assert len(studio.upstream.looks) == 1
        assert (other.posts, other.looks, other.cancels) == ({}, {}, {})


async def _reconfigure(studio: Studio, model: str, change: str) -> None:
    """Have all that is new go to the second channel, or nowhere."""
    if change == "model":
        await models.change(studio.house.context, model, {"enabled": False}, actor="test")
        return
    changes = {
        "map": 'model_map = \'{"other": "sandbox"}\', groups = \'["nobody"]\'',
        "disabled": "enabled = 0",
        "priority": "priority = -5",
    }
    async with studio.house.database.write() as connection:
        # No operator may give a sandbox an address, nor change one that has it.
        changed = f"UPDATE channel SET {changes[change]} WHERE name = '{model}-0'"  # noqa: S608
        await connection.execute(sa.text(changed.replace(": ", "\\: ")))
        await catalog.bump(connection)


class Vendors:
    """Two accounts at one vendor of videos, told apart by address and key; it notes who is asked.

    Jobs are called alike at both.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []

    def __call__(self, request: UpstreamRequest) -> Reply:
        """Answer that it goes on."""
        headers: Mapping[str, str] = dict(request.headers)
        host = request.url.split("/")[2]
        self.asked.append((request.method, host, headers["authorization"]))
        body = json.dumps({"id": "video_1", "status": "queued"}).encode()
        return Reply(status=200, headers={"content-type": "application/json"}, body=body)


async def _videos(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> str:
    """Offer a model over two accounts; return its name."""
    draft = models.Draft(name="film", type="video", sell=RATES["video"], groups=["film"])
    await models.add(studio.house.context, draft, actor="test")
    for at, name in enumerate(("one", "two")):
        monkeypatch.setenv(f"KEY_{name.upper()}", f"sk-{name}")
        channel = channels.Draft(
            name=name,
            kind="openai",
            base_url=f"https://{name}.example.com/v1",
            secret=f"env:KEY_{name.upper()}",
            groups=["film"],
            types=["video"],
            model_map={"film": "sora-2"},
            priority=-at,
        )
        await channels.add(studio.house.context, channel, actor="test")
    return "film"


async def test_a_task_is_asked_for_with_the_key_it_was_submitted_with(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
):
    """Report 22 (LiteLLM#18050): the other account's key is never shown, nor its address asked."""
    vendors = Vendors()
    studio.network.meddle = vendors
    ana, model = await studio.house.customer(), await _videos(studio, monkeypatch)
    task = await studio.begin(ana, model, "video")
    await studio.until(task, "submitted")
    await channels.disable(studio.house.context, "one", actor="test")
    for _ in range(3):
        await studio.turn(studio.open("late"), after_s=40)
    second = await studio.begin(ana, model, "video")
    await studio.turn()

    assert {asked for asked in vendors.asked if asked[0] == "GET"} == {
        ("GET", "one.example.com", "Bearer sk-one")
    }
    posts = [asked for asked in vendors.asked if asked[0] == "POST"]
    assert posts == [
        ("POST", "one.example.com", "Bearer sk-one"),
        ("POST", "two.example.com", "Bearer sk-two"),
    ]
    assert (await studio.find(second)).channel == "two"
    studio.network.say(200, b'{"id": "video_1", "status": "failed"}')
    for _ in range(3):
        await studio.turn(after_s=40)
    assert {(await studio.find(one)).status for one in (task, second)} == {"failed"}


async def test_a_channel_with_tasks_under_way_cannot_become_another_vendors(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
):
    """Report 22: refused; and where its row says so all the same, the vendor is asked nothing."""
    vendors = Vendors()
    studio.network.meddle = vendors
    ana, model = await studio.house.customer(), await _videos(studio, monkeypatch)
    task = await studio.begin(ana, model, "video")
    await studio.until(task, "submitted")
    with pytest.raises(errors.Conflict, match="tasks under way on 'one': 1;"):
        await channels.change(studio.house.context, "one", {"kind": "fal"}, actor="test")
    asked = list(vendors.asked)
    for kind in ("fal", "anthropic"):
        await studio.house.run(f"UPDATE channel SET kind = '{kind}'")  # noqa: S608
        await studio.turn(after_s=60)
        assert (await studio.find(task)).fault == "service_unavailable"
    assert vendors.asked == asked
    await studio.turn(after_s=3_600)
    await studio.assert_refunded(ana, task, "timeout")
