"""Several worker processes on one socket: started, replaced when they die, stopped together.

Workers are forked before anything is opened, so that no connection, thread or client is shared.
"""

import contextlib
import ctypes
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

import structlog

_QUICK_DEATH_S: Final = 1.0
_SURELY_BEGUN_S: Final = 60.0
_POLL_S: Final = 0.2
_PR_SET_PDEATHSIG: Final = 1  # Linux: a worker does not outlive its supervisor
_STOPS: Final = (signal.SIGTERM, signal.SIGINT)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What a worker is told: its boot, those of the dead that it replaces, and whom to tell.

    `place` is its number among those that run: who replaces another has the same.
    """

    place: int
    boot_id: str
    succeeds: tuple[str, ...]
    ready: Callable[[], None]


Work = Callable[[Worker], None]
"""Serves until it is told to stop."""


def run(
    count: int, work: Work, *, ready: Callable[[], None], new_boot_id: Callable[[], str]
) -> int:
    """Keep `count` workers running until SIGTERM or SIGINT; return the exit status.

    `ready` is called when all of them can answer. A worker that dies is replaced, by one that
    knows whose calls it finds unresolved; one that dies before it could answer ends the start with
    status 1.
    """
    return _Supervisor(work, new_boot_id).run(count, ready)


class _Supervisor:
    def __init__(self, work: Work, new_boot_id: Callable[[], str]) -> None:
        self._work = work
        self._new_boot_id = new_boot_id
        self._started: dict[int, tuple[int, tuple[str, ...], float]] = {}
        self._stopping = False

    def run(self, count: int, ready: Callable[[], None]) -> int:
        for number in _STOPS:
            signal.signal(number, self._stop)
        with self._unsignalled():
            pipes = [self._start(place) for place in range(count)]
        if not _all_ready(pipes):
            self._stop(signal.SIGTERM, None)
            self._reap_all()
            return 1
        ready()
        while self._started:
            self._reap()
            time.sleep(_POLL_S)
        return 0

    def _start(self, place: int, succeeds: tuple[str, ...] = ()) -> int:
        """Fork a worker; return the end of a pipe that gets a byte when it can answer."""
        reading, writing = os.pipe()
        boot_id = self._new_boot_id()
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            worker = Worker(
                place=place,
                boot_id=boot_id,
                succeeds=succeeds,
                ready=lambda: _say_ready(writing),
            )
            self._be(worker)
        os.close(writing)
        self._started[pid] = (place, (boot_id, *succeeds), time.monotonic())
        return reading

    def _be(self, worker: Worker) -> NoReturn:
        # A terminal interrupts the whole group; the supervisor passes on what is meant for workers.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        status = 1
        try:
            self._work(worker)
            status = 0
        except Exception:
            log.exception("worker.failed")
        finally:
            os._exit(status)

    def _reap(self) -> None:
        """Replace workers that have died, unless all are to stop."""
        for pid in list(self._started):
            done, status = os.waitpid(pid, os.WNOHANG)
            if not done:
                continue
            place, boots, started_s = self._started.pop(pid)
            lived_s = time.monotonic() - started_s
            if self._stopping:
                continue
            log.error("worker.died", pid=pid, status=status)
            if lived_s < _QUICK_DEATH_S:
                time.sleep(_QUICK_DEATH_S)
            with self._unsignalled():
                if not self._stopping:
                    # One that died young may not have come to speak for those before it.
                    known = boots if lived_s < _SURELY_BEGUN_S else boots[:1]
                    os.close(self._start(place, known))

    @contextlib.contextmanager
    def _unsignalled(self) -> Iterator[None]:
        """Keep signals waiting, so that none falls between a fork and the note of it."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)

    def _reap_all(self) -> None:
        for pid in self._started:
            os.waitpid(pid, 0)

    def _stop(self, number: int, _frame: object) -> None:
        self._stopping = True
        for pid in self._started:
            with contextlib.suppress(ProcessLookupError):  # it has just been waited for
                os.kill(pid, signal.SIGTERM if number == signal.SIGINT else number)


def _say_ready(writing: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody waits for a worker that replaces another
        os.write(writing, b"1")
    os.close(writing)


def _all_ready(pipes: list[int]) -> bool:
    """Wait for every worker's byte; a pipe that closes without one is a worker that died."""
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        said = True
        for _ in pipes:
            ((key, _mask), *_rest) = selector.select()
            said = bool(os.read(key.fd, 1)) and said
            selector.unregister(key.fd)
            os.close(key.fd)
    return said
