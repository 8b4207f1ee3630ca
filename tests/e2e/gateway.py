"""The real program in a process of its own, and the command line beside it."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grip
from tests import forks

STOP_S = 60
SECRET = "sk-upstream-secret"
_ROOT = str(Path(grip.__file__).parents[1])

CONFIG = """
[tiers.slow]
qps = 1
[tiers.small]
tpm = 2000
[tiers.team]
[upstream]
connect_timeout_s = 5
"""


class Gateway:
    """A running `grip serve`: its address, and how it ended."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path, said: Mapping[str, Any]):
        self.process = process
        self.said = said
        self.url = str(said["url"])
        self._log = log

    @property
    def log(self) -> str:
        """What it wrote to standard error so far."""
        return self._log.read_text()

    def stop(self) -> int:
        """Ask it to stop and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Return its exit status, once it has one."""
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"grip did not stop in {STOP_S} s\n{self.log}") from None


def environ(database_url: str) -> dict[str, str]:
    """Return the environment of a process with this database."""
    return {
        "PATH": os.environ["PATH"],  # noqa: TID251 - what a shell would pass on
        "PYTHONPATH": _ROOT,
        "GRIP_DATABASE_URL": database_url,
        "UPSTREAM_SECRET": SECRET,
    }


@contextmanager
def serving(
    database_url: str, folder: Path, *words: str, config: str = CONFIG
) -> Iterator[Gateway]:
    """Run `grip serve` until the block ends; it must end with status 0 and without a traceback."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "grip.toml").write_text(config)
    log = folder / "stderr"
    with log.open("w") as stderr:
        process = forks.Popen(
            [sys.executable, "-m", "grip", "serve", "--port", "0", "--json", *words],
            env=environ(database_url),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    assert process.stdout is not None
    with process.stdout:
        watchdog = threading.Timer(STOP_S, process.kill)
        watchdog.start()
        line = process.stdout.readline()
        watchdog.cancel()
        if not line:
            process.wait()
            raise AssertionError(f"grip did not start\n{log.read_text()}")
        gateway = Gateway(process, log, json.loads(line))
        try:
            yield gateway
        except BaseException:
            process.kill()
            process.wait()
            sys.stderr.write(gateway.log)
            raise
        status = gateway.stop()
        assert (status, process.stdout.read()) == (0, ""), gateway.log
        assert not _surprises(gateway.log), gateway.log


def _surprises(log: str) -> list[str]:
    """Return the lines that tell of a failure which nobody foresaw."""
    found = []
    for line in log.splitlines():
        told = json.loads(line) if line.startswith("{") else {"level": "error", "exception": line}
        if told["level"] in ("error", "critical") and "exception" in told:
            found.append(line)
    return found


def command(database_url: str, folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end."""
    program = [sys.executable, "-m", "grip", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with forks.Popen(program, env=environ(database_url), cwd=folder, **pipes) as process:
        told, complained = process.communicate()
    return subprocess.CompletedProcess(program, process.returncode, told, complained)
