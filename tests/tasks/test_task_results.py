"""What lies in the store of a task whose fetching was broken off: nothing too much or too little.

Workers die or lose their leases in the middle of it, and whoever comes after brings it to its end.
"""

import asyncio
import threading
from pathlib import Path

import pytest

from grip import failpoints
from grip.providers import sandbox
from grip.providers.sandbox.behaviour import Behaviour
from grip.providers.sandbox.media import picture
from grip.tasks.ending import Endings
from tests.tasks.studio import EACH, Studio

LEASE_S = 61
TWO = {"prompt": "A cat", "n": 2}
GONE = sandbox.Script(
    status=404, content_type="application/json", chunks=(b"{}",), behaviour=Behaviour()
)

PICTURE = sandbox.Script(
    status=200, content_type="image/png", chunks=(picture(),), behaviour=Behaviour()
)


class Died(Exception):
    """A worker ends in the middle of a step."""


def _die() -> None:
    raise Died


async def _dies(*_: object) -> None:
    raise Died


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "results").rglob("*") if path.is_file())


async def test_who_lost_a_task_deletes_nothing_of_who_completed_it(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A worker sleeps through its lease in the second result, whose connection then breaks."""
    ana, model = await studio.house.customer(), await studio.sell("")
    task = await studio.begin(ana, model, input=TWO)
    arrived, release, asked = threading.Event(), threading.Event(), studio.upstream.answer

    def answer(method: str, path: str, body: bytes) -> sandbox.Script:
        if not path.endswith("/results/1") or arrived.is_set():
            return asked(method, path, body)
        arrived.set()
        release.wait(30)
        return GONE

    monkeypatch.setattr(studio.upstream, "answer", answer)
    await studio.turn()
    studio.clock.advance(2)
    await studio.room.worker.run()
    await asyncio.to_thread(arrived.wait, 30)
    await studio.turn(studio.open("two"), after_s=LEASE_S)
    release.set()
    await studio.room.worker.settle()

    assert (await studio.find(task)).credits == 2 * EACH
    assert _files(tmp_path) == [f"{task.id}.0", f"{task.id}.1"]


async def test_who_completes_nothing_any_more_leaves_nothing_of_a_task_that_failed(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A worker sleeps through its lease before the end, and the link is dead for everybody else."""
    ana, model = await studio.house.customer(), await studio.sell("")
    task = await studio.begin(ana, model)
    arrived, release, asked = threading.Event(), threading.Event(), studio.upstream.answer

    def answer(method: str, path: str, body: bytes) -> sandbox.Script:
        if not path.endswith("/results/0"):
            return asked(method, path, body)
        if arrived.is_set():
            return GONE
        arrived.set()
        release.wait(30)
        return asked(method, path, body)

    monkeypatch.setattr(studio.upstream, "answer", answer)
    await studio.turn()
    studio.clock.advance(2)
    await studio.room.worker.run()
    await asyncio.to_thread(arrived.wait, 30)
    two = studio.open("two")
    studio.clock.advance(LEASE_S)
    while not (await studio.find(task)).is_over:
        await studio.turn(two, after_s=10)
    release.set()
    await studio.room.worker.settle()

    await studio.assert_refunded(ana, task, "result_unavailable")
    assert _files(tmp_path) == []


async def test_what_was_given_up_is_completed_by_nobody(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A worker dies between letting go of the results and the end; by then the links work again."""
    ana, model = await studio.house.customer(), await studio.sell("fail=dead_link")
    task = await studio.begin(ana, model)
    monkeypatch.setattr(Endings, "fail", _dies)
    for _ in range(6):
        await studio.turn(after_s=10)
    assert (await studio.find(task)).fault == "its results are given up"
    monkeypatch.undo()
    asked = studio.upstream.answer
    monkeypatch.setattr(
        studio.upstream,
        "answer",
        lambda method, path, body: (
            PICTURE if path.endswith("/results/0") else asked(method, path, body)
        ),
    )
    await studio.turn(after_s=LEASE_S)

    await studio.assert_refunded(ana, task, "result_unavailable")
    assert _files(tmp_path) == []


async def test_what_a_dead_worker_had_fetched_goes_with_a_task_that_fails(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its vendor's links worked once."""
    ana, model = await studio.house.customer(), await studio.sell("")
    task = await studio.begin(ana, model, input=TWO)
    failpoints.arm("task.before_end", _die)
    await studio.until(task, "fetching")
    failpoints.disarm()
    kept, asked = _files(tmp_path), studio.upstream.answer
    monkeypatch.setattr(
        studio.upstream,
        "answer",
        lambda method, path, body: GONE if "/results/" in path else asked(method, path, body),
    )
    studio.clock.advance(LEASE_S)
    await studio.until(task, "failed")

    assert len(kept) == 2
    await studio.assert_refunded(ana, task, "result_unavailable")
    assert _files(tmp_path) == []
