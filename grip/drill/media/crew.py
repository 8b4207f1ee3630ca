"""Several workers in processes of their own; whoever is killed is replaced.

Refuses to leave any process behind: `end` kills them all.
"""

import asyncio
import contextlib
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from grip.drill.errors import DrillImpossible
from grip.drill.surroundings import PYTHON
from grip.tasks.patience import Patience

_START_S: Final = 60
_STOP_S: Final = 60
_TOLD_LINES: Final = 3


class _Worker:
    """One process, its log, and whether it works already."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log
        self.ready = asyncio.create_task(self._ready())

    async def _ready(self) -> bool:
        if self.process.stdout is None:
            raise AssertionError("its standard output was asked for")
        return bool(await self.process.stdout.readline())

    @property
    def works(self) -> bool:
        """Whether it does tasks at this moment."""
        is_ready = self.ready.done() and not self.ready.cancelled() and self.ready.result()
        return is_ready and self.process.returncode is None


class Crew:
    """Workers on one database, each with a log in `folder`."""

    def __init__(
        self, folder: Path, environ: Mapping[str, str], patience: Patience, count: int
    ) -> None:
        self.logs: list[Path] = []
        self._folder = folder
        self._environ = environ
        self._patience = patience
        self._count = count
        self._workers: list[_Worker] = []

    async def start(self) -> None:
        """Start all, and wait until they work; raises DrillImpossible where one does not."""
        for _ in range(self._count):
            await self._add()
        for worker in self._workers:
            try:
                async with asyncio.timeout(_START_S):
                    works = await asyncio.shield(worker.ready)
            except TimeoutError:
                works = False
            if not works:
                raise DrillImpossible("a worker did not start", detail=_end_of(worker.log))

    def at_work(self) -> list[int]:
        """Return the process ids of those that work at this moment."""
        return [worker.process.pid for worker in self._workers if worker.works]

    async def replace(self, pid: int) -> bool:
        """Kill a worker without a warning and start another; return whether it was there."""
        for worker in self._workers:
            if worker.process.pid == pid and worker.process.returncode is None:
                worker.process.kill()
                await worker.process.wait()
                self._workers.remove(worker)
                await self._add()
                return True
        return False

    async def nap(self, pid: int, seconds: float) -> None:
        """Let a worker sleep, as a machine does whose lid is closed; it may be killed meanwhile."""
        for worker in self._workers:
            if worker.process.pid == pid and worker.process.returncode is None:
                worker.process.send_signal(signal.SIGSTOP)
                try:
                    await asyncio.sleep(seconds)
                finally:
                    with contextlib.suppress(ProcessLookupError):
                        worker.process.send_signal(signal.SIGCONT)
                return

    async def stop(self) -> list[int | None]:
        """Ask all to stop, and return how they ended; None of who did not in time."""
        for worker in self._workers:
            await worker.ready
            if worker.process.returncode is None:
                worker.process.send_signal(signal.SIGTERM)
        statuses: list[int | None] = []
        for worker in self._workers:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_S):
                    await worker.process.wait()
            statuses.append(worker.process.returncode)
        return statuses

    async def end(self) -> None:
        """Kill what is left."""
        for worker in self._workers:
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()
            await worker.process.wait()
            await worker.ready

    async def _add(self) -> None:
        log = self._folder / f"worker-{len(self.logs) + 1}.log"
        self.logs.append(log)
        config, patience = self._folder / "grip.toml", msgspec.json.encode(self._patience)
        with log.open("w") as stderr:
            process = await asyncio.create_subprocess_exec(
                PYTHON,
                *("-m", "grip.drill.media.hand", str(config), patience.decode()),
                cwd=self._folder,
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                # A terminal's Ctrl-C is meant for the drill, which ends its workers itself.
                process_group=0,
            )
        self._workers.append(_Worker(process, log))


def _end_of(log: Path) -> str:
    return " ".join(log.read_text(errors="replace").splitlines()[-_TOLD_LINES:])
