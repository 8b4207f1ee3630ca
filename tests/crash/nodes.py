"""Processes of `grip serve` that may be killed, and are started again on the same database."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tests import forks
from tests.e2e.gateway import CONFIG, STOP_S, Gateway, environ


class Nodes:
    """Starts nodes on one database, each with a log of its own."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self._strike = folder / "strike"
        self._url = database_url
        self._folder = folder
        self._started = 0

    @contextlib.contextmanager
    def serving(
        self,
        *words: str,
        count: int = 1,
        dead_after_s: float | None = None,
        config: str = CONFIG,
        status: int = 0,
    ) -> Iterator[list[Gateway]]:
        """Run so many nodes until the block ends; they end with `status` unless killed before.

        `dead_after_s` is for who cannot wait; a machine under load may give up who lives.
        """
        begun = [self._launch(words, dead_after_s, config) for _ in range(count)]
        gateways = []
        try:
            gateways = [_ready(process, log) for process, log in begun]
            yield gateways
        except BaseException:
            for process, log in begun:
                process.kill()
                sys.stderr.write(log.read_text())
            raise
        finally:
            statuses = [gateway.stop() for gateway in gateways]
            for process, _ in begun:
                process.wait()
                _output(process).close()
        assert set(statuses) <= {status, -9}, [gateway.log for gateway in gateways]

    def order_death(self, failpoint: str, at: int, whom: str) -> None:
        """Let whoever comes by for the `at`-th time from now on die, with `all` or as the `one`."""
        fresh = self._strike.with_suffix(".new")
        fresh.write_text(f"{failpoint} {at} {whom}")
        fresh.rename(self._strike)

    def assert_died(self) -> None:
        """Raise unless the death that was ordered has come about."""
        assert not self._strike.exists()

    def _launch(
        self, words: tuple[str, ...], dead_after_s: float | None, config: str
    ) -> tuple["subprocess.Popen[str]", Path]:
        self._started += 1
        (self._folder / "grip.toml").write_text(config)
        log = self._folder / f"stderr-{self._started}"
        orders = json.dumps({"strike": str(self._strike), "dead_after_s": dead_after_s})
        program = [sys.executable, "-m", "tests.crash.launcher", orders]
        with log.open("w") as stderr:
            process = forks.Popen(
                [*program, "serve", "--port", "0", "--json", *words],
                env=environ(self._url),
                cwd=self._folder,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        return process, log


def _ready(process: "subprocess.Popen[str]", log: Path) -> Gateway:
    """Wait for the line in which a node says that it serves."""
    watchdog = threading.Timer(STOP_S, process.kill)
    watchdog.start()
    line = _output(process).readline()
    watchdog.cancel()
    assert line, f"grip did not start\n{log.read_text()}"
    return Gateway(process, log, json.loads(line))


def _output(process: "subprocess.Popen[str]") -> IO[str]:
    assert process.stdout is not None
    return process.stdout
