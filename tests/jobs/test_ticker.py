"""The ticker: each job runs again and again, whatever became of it the last time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from grip import errors
from grip.app import App
from grip.jobs import Ticker
from grip.metrics import Counts

Job = Callable[[], Awaitable[Any]]
OFTEN_S = 0.01


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every job is due all the time."""
    monkeypatch.setattr("grip.jobs.ticker.BEAT_EVERY_S", OFTEN_S)
    monkeypatch.setattr("grip.jobs.ticker._SHARE_EVERY_S", OFTEN_S)
    monkeypatch.setattr("grip.jobs.ticker._SWEEP_EVERY_S", OFTEN_S)
    monkeypatch.setattr("grip.jobs.ticker._FORGET_EVERY_S", OFTEN_S)
    return iter(())


class Runs:
    """A job that counts its runs, and does something at each."""

    def __init__(self, job: Job | None = None) -> None:
        self.count = 0
        self._job = job
        self._more = asyncio.Condition()

    async def __call__(self) -> None:
        async with self._more:
            self.count += 1
            self._more.notify_all()
        if self._job is not None:
            await self._job()

    async def reach(self, count: int) -> None:
        """Wait until it has been started so many times."""
        async with asyncio.timeout(30), self._more:
            await self._more.wait_for(lambda: self.count >= count)


def ticker(
    beat: Job | None = None,
    look: Job | None = None,
    sweep: Job | None = None,
    forget: Job | None = None,
    probe: Job | None = None,
) -> Ticker:
    """Return the ticker of a gateway that does only this by the clock."""
    gateway = SimpleNamespace(
        counts=Counts(),
        readings=SimpleNamespace(publish=Runs()),
        boot=SimpleNamespace(beat=beat or Runs()),
        janitor=SimpleNamespace(run=look or Runs(), forget=forget or Runs()),
        answers=SimpleNamespace(sweep=sweep or Runs()),
        health=SimpleNamespace(run=Runs(), forget=Runs()),
        prober=None if probe is None else SimpleNamespace(run=probe, every_s=OFTEN_S),
        callbacks=SimpleNamespace(run=Runs()),
        tasks=SimpleNamespace(
            worker=SimpleNamespace(run=Runs()), losses=SimpleNamespace(run=Runs()), sweep=Runs()
        ),
    )
    return Ticker(cast("App", gateway))


async def test_every_job_runs_again_and_again():
    """Heartbeat, janitor and the sweeping of answers and boots, beside each other."""
    jobs = [Runs() for _ in range(4)]
    ticking = ticker(*jobs)
    ticking.start()
    for job in jobs:
        await job.reach(3)
    await ticking.stop()


async def test_a_job_that_fails_is_logged_and_runs_again():
    """By its name, with what is known of the failure; the others do not notice."""

    async def away() -> None:
        raise errors.DatabaseUnavailable("the database is away")

    async def breaks() -> None:
        raise ZeroDivisionError

    beat, look, sweep = Runs(away), Runs(breaks), Runs()
    ticking = ticker(beat, look, sweep)
    with capture_logs() as logs:
        ticking.start()
        for job in (beat, look, sweep):
            await job.reach(3)
        await ticking.stop()
    told = {line["job"]: line for line in logs}

    assert set(told) == {"heartbeat", "janitor"}
    assert (told["heartbeat"]["event"], told["heartbeat"]["log_level"]) == ("job.failed", "warning")
    assert told["heartbeat"]["error"] == "the database is away"
    assert (told["janitor"]["log_level"], told["janitor"]["exc_info"]) == ("error", True)


async def test_a_job_that_takes_long_is_not_started_twice(caplog: pytest.LogCaptureFixture):
    """Nor does it keep the others from running."""
    go_on = asyncio.Event()
    beat, look = Runs(), Runs(go_on.wait)
    ticking = ticker(beat, look)
    ticking.start()
    await look.reach(1)
    await beat.reach(beat.count + 5)
    runs = look.count
    go_on.set()
    await look.reach(3)
    await ticking.stop()

    assert runs == 1


async def test_a_stop_lets_running_jobs_come_to_their_end():
    """And starts none any more."""
    go_on, ended = asyncio.Event(), []

    async def work() -> None:
        await go_on.wait()
        ended.append(True)

    beat, look = Runs(), Runs(work)
    ticking = ticker(beat, look)
    ticking.start()
    await look.reach(1)
    stopping = asyncio.create_task(ticking.stop())
    await asyncio.sleep(0)
    is_waiting = not stopping.done()
    go_on.set()
    await stopping
    runs = beat.count

    assert (is_waiting, ended) == (True, [True])
    assert beat.count == runs


async def test_a_stop_does_not_wait_for_probes():
    """A vendor may take its time, and nobody waits for the answer."""
    probe = Runs(asyncio.Event().wait)
    ticking = ticker(probe=probe)
    with capture_logs() as logs:
        ticking.start()
        await probe.reach(1)
        await ticking.stop()

    assert (probe.count, logs) == (1, [])


async def test_a_stop_with_nothing_running_is_at_once():
    """Before the first job was due, too."""
    ticking = ticker()
    ticking.start()
    await ticking.stop()
