"""Processes of grip that begin as forks of one that has it loaded: each saves a second of a core.

Owns that one. A fork is a child of the tests, as one that they start is, and runs what
`python -m MODULE WORDS…` runs. That a fresh interpreter does the same is shown by those tests that
start one (`tests/cli/test_cli_process.py`, `tests/docs`, `tests/e2e/test_restarts.py`).
"""

import atexit
import ctypes
import inspect
import json
import os
import runpy
import socket
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).parents[1]
_LOADED: Final = ("serve", "worker", "ledger", "maintenance", "keys", "usage")
_MESSAGE_BYTES: Final = 1 << 16
_PR_SET_CHILD_SUBREAPER: Final = 36
_SIGNATURE: Final = inspect.signature(
    subprocess.Popen._execute_child  # type: ignore[attr-defined]
)
_PIPES: Final = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_AT_START: Final = ("LD_", "PYTHON")
"""How variables begin that are read before any program: who sets one gets an interpreter."""

_UNTOLD: Final = ("preexec_fn", "pass_fds", "shell", "umask", "start_new_session")


class Popen(subprocess.Popen[str]):
    """What `subprocess.Popen` of `[sys.executable, "-m", MODULE, …]` is, as text, in an `env`.

    Refuses other programs, and what would change a process before it begins.
    """

    def __init__(self, words: list[str], *, env: dict[str, str], cwd: Path, **options: Any) -> None:
        assert words[:2] == [sys.executable, "-m"], words
        super().__init__(words, env=env, cwd=cwd, text=True, **options)

    def _execute_child(self, *given: Any) -> None:
        """Fork, where the class forks and executes; the same from Python 3.11 to 3.14."""
        told = _SIGNATURE.bind(self, *given).arguments
        if any(name.startswith(_AT_START) and name != "PYTHONPATH" for name in told["env"]):
            super()._execute_child(*given)  # type: ignore[misc]
            return
        pipes = {name: told[name] for name in _PIPES}
        try:
            assert not [name for name in _UNTOLD if told[name] not in (None, False, (), -1)]
            order = {"words": told["args"][2:], "cwd": str(told["cwd"]), "env": told["env"]}
            ends = (pipes["p2cread"], pipes["c2pwrite"], pipes["errwrite"])
            self.pid = _fork(order, [own if end < 0 else end for own, end in enumerate(ends)])
            self._child_created = True
        finally:
            self._close_pipe_fds(**pipes)  # type: ignore[attr-defined]


class _Loaded:
    """The process that forks, started by the first who asks; it ends before the tests do."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._orders: socket.socket | None = None

    def ask(self, message: bytes, files: list[int]) -> int:
        """Let it fork; return who was forked."""
        orders = self._orders = self._orders or self._start()
        socket.send_fds(orders, [message], files)
        return int(orders.recv(_MESSAGE_BYTES))

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        words = [sys.executable, "-m", "tests.forks"]
        with theirs:
            process = subprocess.Popen(words, cwd=_ROOT, stdin=theirs.fileno())
        atexit.register(process.wait)
        atexit.register(ours.close)
        return ours


_LOADER: Final = _Loaded()


def _fork(order: dict[str, Any], files: list[int]) -> int:
    """Have a process forked, and adopt it: whoever forked it is gone by then."""
    message = json.dumps(order).encode()
    assert len(message) < _MESSAGE_BYTES
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    with _LOADER.lock:
        assert prctl(_PR_SET_CHILD_SUBREAPER, 1) == 0
        try:
            return _LOADER.ask(message, files)
        finally:
            prctl(_PR_SET_CHILD_SUBREAPER, 0)


def _serve(orders: socket.socket) -> dict[str, Any]:
    """Fork for each order; return, in the fork, with what is to be run."""
    while True:
        message, files, _, _ = socket.recv_fds(orders, _MESSAGE_BYTES, 3)
        if not message:
            sys.exit()
        told, tells = os.pipe()
        adopted, adopts = os.pipe()
        between = os.fork()
        if not between:
            if fork := os.fork():
                os.write(tells, b"%d" % fork)
                os._exit(0)
            os.close(adopts)
            os.read(adopted, 1)
            _become(files, unneeded=(orders.detach(), told, tells, adopted))
            return dict(json.loads(message))
        os.waitpid(between, 0)
        orders.send(os.read(told, 64))
        for file in (told, tells, adopted, adopts, *files):
            os.close(file)


def _become(files: list[int], *, unneeded: tuple[int, ...]) -> None:
    """Take over what the tests have given, and nothing else."""
    for own, file in enumerate(files):
        os.dup2(file, own)
    for file in (*files, *unneeded):
        os.close(file)


def _main() -> None:
    orders = socket.socket(fileno=os.dup(0))
    for name in _LOADED:
        import_module(f"grip.cli.{name}")
    order = _serve(orders)
    os.chdir(order["cwd"])
    os.environ.clear()  # noqa: TID251 - as an interpreter that starts has it
    os.environ.update(order["env"])  # noqa: TID251
    module, *words = order["words"]
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
