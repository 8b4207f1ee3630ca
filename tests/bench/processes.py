"""Processes of a measurement: started on cores of their own, watched, and always stopped.

CPU and memory are counted over a process and all its descendants. Refuses to leave anything
running, or to know what it runs.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType

import grip

Cores = frozenset[int]

_TICKS = os.sysconf("SC_CLK_TCK")
_READY_WITHIN_S = 60
_STOPS_WITHIN_S = 40
_LOG = "log"
_LOG_TAIL = 2000


_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody told the measurement to stop; everything that runs is to be taken down."""


def stop_on_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP raise Stopped, once: taking down is not interrupted."""
    for number in _STOPS:
        signal.signal(number, _raise_stopped)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Keep Stopped back until the block has ended: what it starts is known to who takes it down.

    What is started within inherits that, unless it sees to its signals itself.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def all_cores() -> list[int]:
    """Return the cores that this program may use."""
    return sorted(os.sched_getaffinity(0))


@contextlib.contextmanager
def pinned(cores: Cores) -> Iterator[None]:
    """Keep what is started within the block on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def started(command: Sequence[str], cores: Cores, folder: Path) -> Iterator[int]:
    """Run a command in `folder` while the block runs; yield its process id.

    It runs in a session of its own, so that a Ctrl-C reaches it through us only.
    """
    with ExitStack() as stack:
        with undisturbed(), pinned(cores):
            process = _start(command, folder)
            stack.callback(_stop, process)
        yield process.pid
        if process.poll() is not None:
            raise SystemExit(f"{command[0]} ended by itself:\n{_tail(folder)}")


def wait_until_ready(port: int, pid: int, folder: Path) -> None:
    """Return once GET /readyz is answered with 200; raise SystemExit where it never is."""
    end = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < end and not _is_zombie(pid):
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError, HTTPException), contextlib.closing(connection):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing became ready on port {port}:\n{_tail(folder)}")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_s(pids: Iterable[int]) -> float:
    """Return the CPU seconds that processes and their descendants have used, ended ones too."""
    return sum(_cpu_s(one) for pid in pids for one in _family(pid))


def resident_mb(pids: Iterable[int]) -> float:
    """Return the memory that is resident now, summed over the processes."""
    return sum(_status_kb(one, "VmRSS:") for pid in pids for one in _family(pid)) / 1024


def peak_mb(pids: Iterable[int]) -> float:
    """Return the most memory that was ever resident, summed over the processes."""
    return sum(_status_kb(one, "VmHWM:") for pid in pids for one in _family(pid)) / 1024


def busy_s() -> float:
    """Return the seconds that all cores together have been busy since the machine started."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _, _, irq, softirq, *_ = (int(field) for field in fields)
    return (user + nice + system + irq + softirq) / _TICKS


def _raise_stopped(number: int, _frame: FrameType | None) -> None:
    for one in _STOPS:
        signal.signal(one, signal.SIG_IGN)
    raise Stopped(signal.Signals(number).name)


def _start(command: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / _LOG).open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_hear_signals,  # noqa: PLW1509 - there is one thread here
        )


def _hear_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


def _tail(folder: Path) -> str:
    return (folder / _LOG).read_text(errors="replace")[-_LOG_TAIL:]


def _environment() -> dict[str, str]:
    """Return our environment without what would configure the gateway, and with where it is."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GRIP_")}
    return ours | {"PYTHONPATH": str(Path(grip.__file__).parents[1])}


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOPS_WITHIN_S)
    # Its session holds only what it started, and outlives it only where something went wrong.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _family(pid: int) -> list[int]:
    """Return the process and all its descendants."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(FileNotFoundError):
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
            found.extend(int(child) for child in children.split())
    return found


def _cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process, by its own clock, and of the children it has buried."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        # The number of a process's CPU clock, as clock_getcpuclockid(3) makes it.
        own = time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0
    return own + (int(fields[13]) + int(fields[14])) / _TICKS


def _status_kb(pid: int, name: str) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0
    return int((status.partition(name)[2].split() or ["0"])[0])


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
