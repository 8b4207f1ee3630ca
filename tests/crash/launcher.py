"""Runs the real program with places where it dies, and with a shorter time until it is given up.

    python -m tests.crash.launcher ORDERS COMMAND…

ORDERS is JSON. `strike` is a file: while it is there, whoever comes by the failpoint that it names
for the n-th time is killed with SIGKILL, once (`NAME N one`), and its siblings with it (`NAME N
all`). `dead_after_s` is how long a heartbeat stands still before its worker counts as dead.
"""

import itertools
import json
import os
import signal
import sys
from functools import partial
from pathlib import Path

from grip import failpoints
from grip.cli.main import run
from grip.gateway import boots
from grip.jobs import ticker

_BEATS = 5


def main() -> None:
    """Follow the orders, then be the program."""
    orders = json.loads(sys.argv.pop(1))
    if (dead_after_s := orders.get("dead_after_s")) is not None:
        _hasten(dead_after_s)
    if (strike := orders.get("strike")) is not None:
        for name in failpoints.NAMES + failpoints.TASK_NAMES:
            failpoints.arm(name, partial(_come_by, Path(strike), name, itertools.count(1)))
    run()


def _hasten(dead_after_s: float) -> None:
    every_s = dead_after_s / _BEATS
    vars(boots).update(DEAD_AFTER_S=dead_after_s, BEAT_EVERY_S=every_s, _STEP_MAX_S=2 * every_s)
    vars(ticker).update(BEAT_EVERY_S=every_s)


def _come_by(strike: Path, name: str, hits: "itertools.count[int]") -> None:
    try:
        wanted, at, whom = strike.read_text().split()
        if wanted != name or next(hits) < int(at):
            return
        strike.unlink()
    except FileNotFoundError:  # nothing is wanted, or another worker was quicker
        return
    if whom == "all":
        for sibling in children(os.getppid()):
            if sibling != os.getpid():
                os.kill(sibling, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def children(pid: int) -> list[int]:
    """Return the processes that this one has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


if __name__ == "__main__":
    main()
