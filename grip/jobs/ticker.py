"""The clock that runs the jobs of a worker.

A job that fails is logged and runs again at its next time; one that takes longer than its interval
is not started twice.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from grip import errors
from grip.app import App
from grip.gateway.boots import BEAT_EVERY_S
from grip.services.selling import janitor

_SHARE_EVERY_S: Final = 1
_DELIVER_EVERY_S: Final = 1
_LOSSES_EVERY_S: Final = 10
_PAYMENTS_EVERY_S: Final = 30
_SWEEP_EVERY_S: Final = 600
_FORGET_EVERY_S: Final = 6 * 3600

log = structlog.get_logger(__name__)

Job = Callable[[], Awaitable[Any]]


class Ticker:
    """Runs the jobs of `app` from `start` to `stop`, on the loop that both are called on."""

    def __init__(self, app: App) -> None:
        self._scheduler = AsyncIOScheduler(timezone=dt.UTC)
        self._running: set[asyncio.Future[Any]] = set()
        self._optional: set[asyncio.Future[Any]] = set()
        self._runs = app.counts.counter("grip_job_runs_total")
        self._spent = app.counts.counter("grip_job_milliseconds_total")
        self._add("metrics", app.readings.publish, _SHARE_EVERY_S)
        self._add("health", app.health.run, _SHARE_EVERY_S)
        self._add("heartbeat", app.boot.beat, BEAT_EVERY_S)
        self._add("janitor", app.janitor.run, BEAT_EVERY_S)
        self._add("tasks", app.tasks.worker.run, _SHARE_EVERY_S)
        self._add("losses", app.tasks.losses.run, _LOSSES_EVERY_S)
        self._add("payments", lambda: janitor.run(app.context, app.payments), _PAYMENTS_EVERY_S)
        self._add("results", app.tasks.sweep, _SWEEP_EVERY_S)
        self._add("ailments", app.health.forget, _SWEEP_EVERY_S)
        self._add("callbacks", app.callbacks.run, _DELIVER_EVERY_S)
        self._add("answers", app.answers.sweep, _SWEEP_EVERY_S)
        if app.prober is not None:
            # A vendor may take its time, and nobody is owed the answer: a stop does not wait.
            self._add("probes", app.prober.run, app.prober.every_s, is_awaited=False)
        self._add("boots", app.janitor.forget, _FORGET_EVERY_S)

    def start(self) -> None:
        """Begin to tick."""
        self._scheduler.start()

    async def stop(self) -> None:
        """Start no further job, and let those that run and matter come to their end."""
        self._scheduler.remove_all_jobs()
        for work in self._optional:
            work.cancel()
        if self._running:
            await asyncio.wait(self._running)
        self._scheduler.shutdown(wait=False)
        await asyncio.sleep(0)  # the scheduler ends itself on the next turn of the loop

    def _add(self, name: str, job: Job, every_s: float, *, is_awaited: bool = True) -> None:
        self._scheduler.add_job(
            self._run,
            "interval",
            (name, job),
            {"is_awaited": is_awaited},
            id=name,
            seconds=every_s,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )

    async def _run(self, name: str, job: Job, *, is_awaited: bool) -> None:
        begun, outcome = time.monotonic(), "failed"
        work = asyncio.ensure_future(job())
        self._running.add(work)
        if not is_awaited:
            self._optional.add(work)
        try:
            await work
            outcome = "done"
        except asyncio.CancelledError:
            outcome = "cancelled"
            if not work.cancelled():
                raise
        except errors.GripError as error:
            log.warning("job.failed", job=name, error=str(error))
        except Exception:
            log.exception("job.failed", job=name)
        finally:
            self._runs.add((name, outcome))
            self._spent.add((name,), int((time.monotonic() - begun) * 1000))
            self._running.discard(work)
            self._optional.discard(work)
