"""A PostgreSQL server of one's own, from the wheel, that can be stopped hard, killed and restarted.

The one that all tests share stays as it is.
"""

import contextlib
import signal
import subprocess
import threading
from pathlib import Path
from typing import IO

import psutil  # type: ignore[import-untyped] # it comes with the wheel

from tests import postgres_wheel

_READY = b"database system is ready to accept connections"


class Server:
    """A server whose data and socket are in `folder`; `locks` must outlive all other servers."""

    def __init__(self, folder: Path, locks: Path) -> None:
        self._data = folder / "data"
        self._data.mkdir()
        made = postgres_wheel.imported(locks).PostgresServer(self._data, cleanup_mode=None)
        made.ensure_pgdata_inited()
        self._program = made.bin_path / "postgres"
        self._user = made.system_user
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen: list[psutil.Process] = []

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:@/{database}?host={self._data}"

    def start(self) -> None:
        """Return when it runs and takes connections, recovered from whatever was before."""
        if self._process is not None and self._process.poll() is None and not self._frozen:
            return
        if self._process is not None:
            self._process.wait()
        psutil.wait_procs(self._frozen)
        self._frozen = []
        self._process = subprocess.Popen(
            [self._program, "-D", self._data, "-k", self._data, "-h", "", *_OPTIONS],
            user=self._user,
            cwd=self._data,
            stderr=subprocess.PIPE,
        )
        log = self._process.stderr
        assert log is not None
        lines: list[bytes] = []
        while _READY not in (line := log.readline()):
            lines.append(line)
            assert line, b"".join(lines)
        threading.Thread(target=_drain, args=(log,), daemon=True).start()

    def stop(self) -> None:
        """Stop as `pg_ctl -m immediate` does: no checkpoint, every connection cut."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    def freeze(self) -> None:
        """Stop all of its processes where they are; nothing but `kill` comes after it."""
        assert self._process is not None
        server = psutil.Process(self._process.pid)
        server.suspend()
        self._frozen = [server, *server.children(recursive=True)]
        for process in self._frozen:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def kill(self) -> None:
        """Kill all of its processes at once, as a power cut would."""
        if not self._frozen:
            self.freeze()
        for process in self._frozen:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


# What has been committed without waiting for the disk stays in memory for as long as can be.
_OPTIONS = ("-c", "wal_writer_delay=10s", "-c", "shared_buffers=16MB")


def _drain(log: IO[bytes]) -> None:
    with log:
        for _ in log:
            pass
