"""What a supervisor makes of workers that die or hang in their start, and of a stop meanwhile."""

import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import itertools, os, signal
from grip import logs
from grip.settings import Log
from grip.systemd import Overseer
from grip.web import supervisor

logs.configure(Log())
supervisor._QUICK_DEATH_S = 0.0
boots = itertools.count(1)

def tell(what):
    os.write(1, (what + chr(10)).encode())

{work}

raise SystemExit(
    supervisor.run(
        2, work, overseer=Overseer(), new_boot_id=lambda: f"boot_{{next(boots)}}", start_max_s=0.5
    )
)
"""

DIES_ONCE = """
def work(worker):
    worker.overseer.ready()
    tell(f"{worker.place} {len(worker.succeeds)}")
    if worker.place == 1 and not worker.succeeds:
        os._exit(3)
    signal.pause()
"""

HANGS_IN_ITS_START = """
def work(worker):
    if len(worker.succeeds) == 1:
        signal.pause()
    worker.overseer.ready()
    if worker.place == 1 and not worker.succeeds:
        os._exit(3)
    if worker.place == 1:
        tell(" ".join(worker.succeeds))
    signal.pause()
"""

NEVER_STARTS = """
def work(worker):
    if worker.place == 0:
        worker.overseer.ready()
    tell("begins")
    signal.pause()
"""

DIES_IN_ITS_START = """
def work(worker):
    if worker.place == 0:
        worker.overseer.ready()
        signal.pause()
    os._exit(3)
"""


def _run(work: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(work=work)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _stopped(work: str, lines: int) -> tuple[list[str], int]:
    """Stop a supervisor after it has said so many lines; return what they were, and its status."""
    with _run(work) as process:
        assert process.stdout is not None
        said: list[str] = []
        while len(said) < lines:
            line = process.stdout.readline()
            assert line, said
            if not line.startswith(("{", "20")):
                said.append(line.strip())
        process.send_signal(signal.SIGTERM)
    return sorted(said), process.returncode


def test_who_replaces_a_worker_has_its_place():
    """The other one keeps its own."""
    assert _stopped(DIES_ONCE, 3) == (["0 0", "1 0", "1 1"], 0)


def test_a_replacement_that_hangs_in_its_start_is_replaced_too():
    """The next one speaks for both: whoever hung may not have come to it."""
    (said,), status = _stopped(HANGS_IN_ITS_START, 1)

    assert said.endswith("boot_3 boot_2")
    assert status == 0


def test_a_stop_while_workers_start_is_no_failure():
    """Whether all of them can answer by then, or not."""
    assert _stopped(NEVER_STARTS, 2) == (["begins", "begins"], 0)


def test_a_worker_that_dies_in_its_start_ends_it():
    """Nobody asked for that end."""
    with _run(DIES_IN_ITS_START) as process:
        pass

    assert process.returncode == 1
