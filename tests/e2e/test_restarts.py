"""Restarts on a socket that systemd keeps: no call is refused, cut off or lost; and as PID 1."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from anyio.from_thread import BlockingPortal

from grip.clock import system_clock
from grip.ids import IdSource
from grip.services.context import Context
from grip.settings import load
from grip.store.engine import Database
from tests.e2e.gateway import CONFIG, STOP_S, environ
from tests.e2e.house import HELLO, Customer, Good, House
from tests.e2e.scripts import polite
from tests.e2e.upstream import Upstream

AS_SYSTEMD_DOES = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-m", "grip", *sys.argv[2:]])
"""
CONTAINER = Path(__file__).parents[2] / "Containerfile"
CALLERS = 4
CALLS_EACH = 5
LOOKS = 100


class Service:
    """What systemd does: keeps the socket, starts the process, hears that it is ready, stops it."""

    def __init__(self, url: str, folder: Path, *words: str) -> None:
        self.url = ""
        self._words = words
        self._folder = folder
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.bind(str(folder / "notify"))
        self._manager.settimeout(STOP_S)
        self._environ = environ(url) | {"NOTIFY_SOCKET": self._manager.getsockname()}
        (folder / "grip.toml").write_text(CONFIG)
        self.url = "http://{}:{}".format(*self._listener.getsockname())
        self.start()

    def start(self) -> None:
        """Start the process, and return when it says that it is ready."""
        number = self._listener.fileno()
        with (self._folder / "stderr").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", AS_SYSTEMD_DOES, str(number), "serve", *self._words],
                env=self._environ,
                cwd=self._folder,
                pass_fds=[number],
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        assert self._manager.recv(100) == b"READY=1"

    def stop(self) -> None:
        """Stop the process; it says so first."""
        self.process.send_signal(signal.SIGTERM)
        assert self._manager.recv(100).startswith(b"STOPPING=1")
        assert self.process.wait(STOP_S) == 0, (self._folder / "stderr").read_text()

    def close(self) -> None:
        """Let go of both sockets."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._listener.close()
        self._manager.close()


@contextlib.contextmanager
def _house(
    folder: Path, upstream: Upstream, portal: BlockingPortal, *words: str
) -> Iterator[tuple[House, Any]]:
    url = f"sqlite:///{folder / 'grip.db'}"
    service: Any = Service(url, folder, *words)
    context = Context(
        database=Database(url),
        settings=load(folder / "grip.toml", environ={"GRIP_DATABASE_URL": url}),
        clock=system_clock,
        ids=IdSource(),
    )
    house = House(service, upstream, portal, context)
    try:
        yield house, service
        house.assert_clean()
    finally:
        house.close()
        portal.call(context.database.close)
        service.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_restart_under_load_refuses_nobody(
    workers: int, tmp_path: Path, sqlite_template: Path, upstream: Upstream, portal: BlockingPortal
):
    """Who keeps a connection and who makes new ones: all are answered, and charged once."""
    shutil.copy(sqlite_template, tmp_path / "grip.db")
    words = ["--workers", str(workers)]
    with _house(tmp_path, upstream, portal, *words) as (house, service):
        ana, good = house.customer(), house.sell(polite)
        is_over = threading.Event()
        begun = threading.Barrier(CALLERS + 1)
        with ThreadPoolExecutor(CALLERS) as pool:
            calls = [
                pool.submit(_call, house, ana, good, begun, is_over, keeps=bool(number % 2))
                for number in range(CALLERS)
            ]
            begun.wait()
            service.stop()
            service.start()
            is_over.set()
        statuses = [status for call in calls for status in call.result()]
        service.stop()

        assert set(statuses) == {200}
        assert len(house.usage(ana)) == len(statuses)


def _call(
    house: House,
    ana: Customer,
    good: Good,
    begun: threading.Barrier,
    is_over: threading.Event,
    *,
    keeps: bool,
) -> list[int]:
    """Call for as long as the restart takes, and a few times more; return the statuses."""
    body = {"model": good.name, "messages": HELLO}
    headers = {"authorization": f"Bearer {ana.secret}"}
    headers |= {} if keeps else {"connection": "close"}
    statuses, left = [], CALLS_EACH
    with httpx2.Client(base_url=house.gateway.url, timeout=STOP_S, headers=headers) as http:
        statuses.append(http.post("/v1/chat/completions", json=body).status_code)
        begun.wait()
        while left:
            statuses.append(http.post("/v1/chat/completions", json=body).status_code)
            left -= is_over.is_set()
    return statuses


UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
CONTAINED = 'mount --bind "$0" "$0"; mount -o remount,bind,ro /; cd "$0"; exec "$@"'
"""As a container does: a folder to write to, on a root that cannot be written to."""


def _may_unshare() -> bool:
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not _may_unshare(), reason="a PID namespace takes unshare, and root")
def test_the_first_process_of_a_container_stops_and_buries_the_dead(tmp_path: Path):
    """SIGTERM ends it with 0 although nobody handles it for PID 1; orphans leave no zombies."""
    command = [sys.executable, "-m", "grip", "serve", "--port", "0", "--json"]
    (health,) = re.findall(r"^HEALTHCHECK .*CMD (.+)$", CONTAINER.read_text(), re.MULTILINE)
    with subprocess.Popen(
        [*UNSHARE, "sh", "-ec", CONTAINED, str(tmp_path), *command],
        env=environ(f"sqlite:///{tmp_path / 'grip.db'}"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as unshare:
        assert unshare.stdout is not None
        url = json.loads(unshare.stdout.readline())["url"]
        _, *words = json.loads(health.replace("http://127.0.0.1:8000", url))
        subprocess.run([sys.executable, *words], check=True)
        (first,) = _children(unshare.pid)
        (worker,) = _children(first)
        namespace = ["nsenter", "-t", str(first), "-p"]
        subprocess.run([*namespace, "sh", "-c", "sleep 0.1 & exit 0"], check=True)
        pause = threading.Event()
        looks = 0
        while _children(first) != [worker] and looks < LOOKS:
            looks += 1
            pause.wait(0.05)
        left = _children(first)
        os.kill(first, signal.SIGTERM)

        assert unshare.wait(STOP_S) == 0
    assert left == [worker]


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
