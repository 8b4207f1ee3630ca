"""Several worker processes on one socket: started, replaced when they die, stopped together.

Workers are forked before anything is opened, so that no connection, thread or client is shared.
One that hangs is ended and replaced as one that dies: at its start, and later on where somebody
watches for signs of life. As the first process of a container it also buries whoever else's
children were left to it.
"""

import contextlib
import ctypes
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

import structlog

from grip.systemd import Overseer

_QUICK_DEATH_S: Final = 1.0
_SURELY_BEGUN_S: Final = 60.0
_START_MAX_S: Final = 300.0
"""How long a worker that replaces another may take until its first sign of life."""

_POLL_S: Final = 0.2
_PIPE_BYTES: Final = 4096
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
    overseer: Overseer


Work = Callable[[Worker], None]
"""Serves until it is told to stop."""


@dataclass(slots=True, kw_only=True)
class _Started:
    """A worker as its supervisor sees it: whether it could answer yet, its silence since then.

    Until then `silent_s` is how long its start takes.
    """

    place: int
    boots: tuple[str, ...]
    pipe: int
    began_s: float
    could_answer: bool = False
    is_given_up: bool = False
    silent_s: float = 0.0

    def listen(self, passed_s: float) -> bool:
        """Take what it has said in the time that passed; return whether it said anything."""
        try:
            said = bool(os.read(self.pipe, _PIPE_BYTES))
        except BlockingIOError:
            said = False
        self.could_answer = self.could_answer or said
        self.silent_s = 0.0 if said else self.silent_s + passed_s
        return said


def run(
    count: int,
    work: Work,
    *,
    overseer: Overseer,
    new_boot_id: Callable[[], str],
    silence_max_s: float | None = None,
    start_max_s: float = _START_MAX_S,
) -> int:
    """Keep `count` workers running until SIGTERM or SIGINT; return the exit status.

    `overseer` hears when all of them can answer, and how the supervisor itself is. A worker that
    dies is replaced, by one that knows whose calls it finds unresolved; one that dies before all
    could answer ends the start with status 1, unless a signal did. One without a sign of life for
    `silence_max_s` is killed, and a replacement without its first one for `start_max_s`.
    """
    return _Supervisor(work, new_boot_id, overseer, silence_max_s, start_max_s).run(count)


class _Supervisor:
    def __init__(
        self,
        work: Work,
        new_boot_id: Callable[[], str],
        overseer: Overseer,
        silence_max_s: float | None,
        start_max_s: float,
    ) -> None:
        self._work = work
        self._new_boot_id = new_boot_id
        self._overseer = overseer
        self._silence_max_s = silence_max_s
        self._start_max_s = start_max_s
        self._started: dict[int, _Started] = {}
        self._stopping = False

    def run(self, count: int) -> int:
        for number in _STOPS:
            signal.signal(number, self._stop)
        with self._unsignalled():
            for place in range(count):
                self._start(place)
        if not _all_ready(self._started.values()):
            is_asked = self._stopping
            if not is_asked:  # else all of them know, and a second signal would cut calls short
                self._stop(signal.SIGTERM, None)
            self._reap_all()
            return 0 if is_asked else 1
        self._overseer.ready()
        self._watch()
        return 0

    def _watch(self) -> None:
        """Look after the workers, and say so, until none is left."""
        looked_s, said_s = time.monotonic(), 0.0
        while self._started:
            self._reap()
            now_s = time.monotonic()
            # A look that comes late counts as one in time: the whole machine may have slept.
            self._listen(min(now_s - looked_s, 2 * _POLL_S))
            looked_s = now_s
            every_s = self._overseer.alive_every_s
            if every_s is not None and now_s - said_s >= every_s:
                self._overseer.alive()
                said_s = now_s
            time.sleep(_POLL_S)

    def _listen(self, passed_s: float) -> None:
        """Kill whoever has been silent for too long; the next look finds them dead."""
        for pid, worker in self._started.items():
            if worker.listen(passed_s) or worker.is_given_up or self._stopping:
                continue
            most_s = self._silence_max_s if worker.could_answer else self._start_max_s
            if most_s is not None and worker.silent_s > most_s:
                log.error("worker.hung", pid=pid, silent_s=round(worker.silent_s))
                worker.is_given_up = True
                os.kill(pid, signal.SIGKILL)

    def _start(self, place: int, succeeds: tuple[str, ...] = ()) -> None:
        """Fork a worker, with a pipe for its signs of life, the first when it can answer."""
        reading, writing = os.pipe()
        for end in (reading, writing):
            os.set_blocking(end, False)
        boot_id = self._new_boot_id()
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            overseer = Overseer(
                ready=lambda: _say(writing),
                alive=lambda: _say(writing),
                alive_every_s=self._overseer.alive_every_s,
            )
            self._be(Worker(place=place, boot_id=boot_id, succeeds=succeeds, overseer=overseer))
        os.close(writing)
        self._started[pid] = _Started(
            place=place, boots=(boot_id, *succeeds), pipe=reading, began_s=time.monotonic()
        )

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
        while self._started:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            gone = self._started.pop(pid, None)
            if gone is None:  # somebody else's child, left to the first process of a container
                continue
            os.close(gone.pipe)
            if not self._stopping:
                log.error("worker.died", pid=pid, status=status)
                self._replace(gone)

    def _replace(self, gone: _Started) -> None:
        """Start another worker, which speaks for the one that is gone."""
        lived_s = time.monotonic() - gone.began_s
        if lived_s < _QUICK_DEATH_S:
            time.sleep(_QUICK_DEATH_S)
        with self._unsignalled():
            if not self._stopping:
                # One that died young may not have come to speak for those before it, nor has one
                # that never could answer.
                is_done = gone.could_answer and lived_s >= _SURELY_BEGUN_S
                known = gone.boots[:1] if is_done else gone.boots
                self._start(gone.place, known)

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
        if not self._stopping:
            self._overseer.stopping()
        self._stopping = True
        for pid in self._started:
            with contextlib.suppress(ProcessLookupError):  # it has just been waited for
                os.kill(pid, signal.SIGTERM if number == signal.SIGINT else number)


def _say(writing: int) -> None:
    """Give a sign of life; where nobody takes them any more, or not now, one is enough."""
    with contextlib.suppress(BrokenPipeError, BlockingIOError):
        os.write(writing, b".")


def _all_ready(workers: Collection[_Started]) -> bool:
    """Wait for every worker's first sign; a pipe that closes without one is a worker that died."""
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            selector.register(worker.pipe, selectors.EVENT_READ, worker)
        said = True
        for _ in workers:
            ((key, _mask), *_rest) = selector.select()
            said = key.data.listen(0) and said
            selector.unregister(key.fd)
    return said
