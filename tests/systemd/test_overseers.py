"""What systemd is told and hands over, and what a supervisor makes of a worker that hangs."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from grip import systemd
from grip.jobs import pulse
from grip.systemd import Notifier, Overseer, SocketUnusable, _listener, address_of, handed_over
from tests.e2e import gateway

ROOT = Path(__file__).parents[2]


@pytest.fixture
def manager(tmp_path: Path) -> Any:
    """The end of systemd."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(5)
        yield end


def _nothing() -> None:
    """Be ready, and tell nobody else."""


def _busy(manager: socket.socket) -> int:
    """Send the manager as much as it takes without reading; return how often."""
    sent = 0
    for _ in range(10_000):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.setblocking(False)
            try:
                end.sendto(b"X=1", manager.getsockname())
            except BlockingIOError:
                return sent
            sent += 1
    raise AssertionError("it takes everything")


def test_systemd_hears_of_a_life_from_its_start_to_its_stop(manager: socket.socket):
    """Whoever sits before it is told first; a stop says how long it may take."""
    told: list[str] = []
    environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "6000000"}
    notifier = Notifier.of(environ, os.getpid())
    overseer = notifier.overseer(ready=lambda: told.append("first"), ends_within_s=60)
    overseer.ready()
    overseer.alive()
    overseer.stopping()

    assert told == ["first"]
    assert [manager.recv(100) for _ in range(3)] == [
        b"READY=1",
        b"WATCHDOG=1",
        b"STOPPING=1\nEXTEND_TIMEOUT_USEC=60000000",
    ]
    assert (notifier.watchdog_s, overseer.alive_every_s) == (6.0, 2.0)


def test_a_start_waits_for_a_manager_that_is_busy(manager: socket.socket):
    """One that does not hear of it would kill what it takes for a start that hangs."""
    waiting = _busy(manager)
    overseer = Notifier(address=manager.getsockname()).overseer(ready=_nothing, ends_within_s=1)
    start = threading.Thread(target=overseer.ready)
    start.start()
    start.join(0.05)  # it is there by now, or comes later, to a manager that listens
    heard = [manager.recv(100) for _ in range(waiting + 1)]
    start.join()

    assert heard[-1] == b"READY=1"


def test_a_sign_of_life_says_again_what_systemd_has_not_heard(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
):
    """Once, in its order."""
    monkeypatch.setattr(systemd, "_READY_WITHIN_S", 0)
    overseer = Notifier(address=manager.getsockname()).overseer(ready=_nothing, ends_within_s=1)
    waiting = _busy(manager)
    for tell in (overseer.ready, overseer.alive, overseer.stopping, overseer.alive):
        with capture_logs() as logs:
            tell()
        assert [line["event"] for line in logs] == ["systemd.not_told"]
    for _ in range(waiting):
        manager.recv(100)
    overseer.alive()
    overseer.alive()

    stopping = b"STOPPING=1\nEXTEND_TIMEOUT_USEC=1000000"
    assert manager.recv(100) == b"READY=1\n" + stopping + b"\nWATCHDOG=1"
    assert manager.recv(100) == b"WATCHDOG=1"


def test_a_name_that_is_no_file_is_an_address_too():
    """Linux's abstract sockets, which begin with @."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(f"\0grip-test-{os.getpid()}")
        notifier = Notifier.of({"NOTIFY_SOCKET": f"@grip-test-{os.getpid()}"}, 1)
        notifier.overseer(ready=_nothing, ends_within_s=1).ready()

        assert end.recv(100) == b"READY=1"


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_a_socket_is_told_by_its_address(host: str, shown: str):
    """As ListenStream= takes it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        assert address_of(listener) == f"{shown}:{listener.getsockname()[1]}"


def test_without_systemd_nobody_is_told_and_nothing_is_handed_over(tmp_path: Path):
    """A manager that went away is a line in the log, and no end; nor is one of somebody else."""
    with capture_logs() as logs:
        for environ in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}):
            Notifier.of(environ, 1).overseer(ready=_nothing, ends_within_s=1).ready()
    others = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "5", "WATCHDOG_PID": "2"}

    assert [line["event"] for line in logs] == ["systemd.not_told"]
    assert Notifier.of(others, 1).alive_every_s is None
    assert handed_over({}, 1) == []
    assert handed_over({"LISTEN_FDS": "1", "LISTEN_PID": "2"}, 1) == []


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET])
def test_a_socket_that_takes_no_calls_is_refused(family: socket.AddressFamily):
    """A path, and one that nobody listens on: the sentence says what the unit needs."""
    strange = socket.socket(family, socket.SOCK_STREAM)
    with pytest.raises(SocketUnusable, match="ListenStream=ADDRESS:PORT"):
        _listener(strange.detach())


def test_what_is_no_socket_is_refused_too(tmp_path: Path):
    """A file that an operator has handed over by mistake."""
    with (tmp_path / "file").open("w") as file, pytest.raises(SocketUnusable):
        _listener(os.dup(file.fileno()))


class Books:
    """Books that come back at once so often, and then not any more."""

    def __init__(self, answers: int) -> None:
        self.left = answers

    @property
    def hung_s(self) -> float:
        self.left -= 1
        return 0.0 if self.left >= 0 else 1.0


async def test_a_pulse_stops_with_the_books():
    """What does not come back in the time between two signs gives none."""
    books: Any = Books(answers=3)
    signs: list[int] = []
    overseer = Overseer(alive=lambda: signs.append(books.left), alive_every_s=0)
    async with pulse.felt(books, overseer):
        for _ in range(50):
            await asyncio.sleep(0)

    assert signs == [2, 1, 0]


async def test_nobody_feels_a_pulse_without_a_watchdog():
    """The books are not bothered."""
    books: Any = Books(answers=3)
    async with pulse.felt(books, Overseer()):
        await asyncio.sleep(0)

    assert books.left == 3


def test_a_worker_that_hangs_is_replaced_and_systemd_hears_of_the_supervisor(
    manager: socket.socket,
):
    """The second speaks for the first; the supervisor itself goes on giving signs."""
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "tests.systemd.hanging", manager.getsockname()],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with supervisor:
        told = [manager.recv(100)]
        while not told[-1].startswith(b"STOPPING=1"):
            told.append(manager.recv(100))
        assert supervisor.stdout is not None
        said = supervisor.stdout.read()

    assert supervisor.returncode == 0
    assert "worker.hung" in said
    assert said.count("worker.died") == 1
    assert "boot_2 succeeds boot_1" in said
    assert told[0] == b"READY=1"
    assert set(told[1:-1]) == {b"WATCHDOG=1"}


def test_a_worker_tells_systemd_of_its_books(manager: socket.socket, tmp_path: Path):
    """It is ready, its books answer, and it stops when it is told to."""
    environ = {
        **gateway.environ(f"sqlite:///{tmp_path / 'grip.db'}"),
        "NOTIFY_SOCKET": manager.getsockname(),
        "WATCHDOG_USEC": "600000",
    }
    manager.settimeout(gateway.STOP_S)
    with subprocess.Popen(
        [sys.executable, "-m", "grip", "worker"],
        env=environ,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as worker:
        told = {manager.recv(100) for _ in range(3)}
        worker.send_signal(signal.SIGTERM)
        while not (last := manager.recv(100)).startswith(b"STOPPING=1"):
            told.add(last)

    assert told == {b"READY=1", b"WATCHDOG=1"}
    assert worker.returncode == 0
