"""Who takes the place of a dead worker has its number, so that what was counted there goes on."""

import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, signal
from grip import logs
from grip.settings import Log
from grip.systemd import Overseer
from grip.web import supervisor

logs.configure(Log())

def work(worker):
    worker.overseer.ready()
    os.write(1, f"{worker.place} {len(worker.succeeds)}\\n".encode())
    if worker.place == 1 and not worker.succeeds:
        os._exit(3)
    signal.pause()

supervisor.run(2, work, overseer=Overseer(), new_boot_id=lambda: "boot")
"""


def test_who_replaces_a_worker_has_its_place():
    """The other one keeps its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        said = sorted(process.stdout.readline().strip() for _ in range(3))
        process.send_signal(signal.SIGTERM)

    assert said == ["0 0", "1 0", "1 1"]
    assert process.returncode == 0
