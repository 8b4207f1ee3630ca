"""The gateway of a drill: the real `grip serve` in a process of its own, and its workers.

Refuses to leave any process behind: all of them are one process group, which `end` kills.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from grip.drill.errors import DrillImpossible
from grip.drill.surroundings import PYTHON

_START_S: Final = 60
_STOP_S: Final = 90
_TOLD_LINES: Final = 3


class Server:
    """A running gateway; `url` is where it answers."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.url = url
        self._process = process

    @property
    def status(self) -> int | None:
        """Its exit status, None while it runs; a signal that ended it is a negative number."""
        return self._process.returncode

    def workers(self) -> list[int]:
        """Return the process ids of the workers that are there at this moment."""
        return sorted(_children(self._process.pid))

    def kill(self, pid: int) -> bool:
        """Kill a worker without a warning; return whether it was still there."""
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    async def died(self) -> None:
        """Wait until it ends."""
        await self._process.wait()

    async def stop(self) -> int | None:
        """Ask it to stop and return its exit status; None where it did not stop in time."""
        if self.status is None:
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                return await self._process.wait()
        return None

    async def end(self) -> None:
        """Kill what is left of it, workers and all."""
        await _end(self._process)


async def start(folder: Path, environ: Mapping[str, str], workers: int) -> Server:
    """Start a gateway in this folder, which has its grip.toml, and wait until it can answer.

    Raises DrillImpossible with the end of its log where it does not start.
    """
    log = folder / "server.log"
    words = ("serve", "--workers", str(workers), "--port", "0", "--json")
    with log.open("w") as stderr:
        process = await asyncio.create_subprocess_exec(
            PYTHON,
            *("-m", "grip", *words, "--config", str(folder / "grip.toml")),
            cwd=folder,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            # A terminal's Ctrl-C is meant for the drill, which stops its gateway in order.
            process_group=0,
        )
    try:
        return Server(process, await _said_url(process, log))
    except BaseException:
        await _end(process)
        raise


async def _said_url(process: asyncio.subprocess.Process, log: Path) -> str:
    if process.stdout is None:
        raise AssertionError("its standard output was asked for")
    line = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_START_S):
            line = await process.stdout.readline()
    if not line:
        raise DrillImpossible("the drill's gateway did not start", detail=_end_of(log))
    return str(json.loads(line)["url"])


def _end_of(log: Path) -> str:
    return " ".join(log.read_text(errors="replace").splitlines()[-_TOLD_LINES:])


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _children(parent: int) -> Iterator[int]:
    """Yield the processes whose parent is this one; zombies are gone already."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended between two looks
            # The name, in brackets, may hold anything; state and parent follow it.
            state, ppid, *_ = stat.read_text().rpartition(")")[2].split()
            if int(ppid) == parent and state != "Z":
                yield int(stat.parent.name)
