"""A supervisor whose first worker hangs once it can answer; the second ends all.

python -m tests.systemd.hanging NOTIFY_SOCKET
"""

import itertools
import os
import signal
import sys

from grip.systemd import Notifier
from grip.web import supervisor
from grip.web.supervisor import Worker


def work(worker: Worker) -> None:
    """Answer; the first one never again, the second until it is stopped, which it sees to."""
    worker.overseer.ready()
    if not worker.succeeds:
        signal.pause()
    sys.stdout.write(f"{worker.boot_id} succeeds {' '.join(worker.succeeds)}\n")
    sys.stdout.flush()
    worker.overseer.alive()
    os.kill(os.getppid(), signal.SIGTERM)
    signal.pause()


def main() -> None:
    """Run one worker, which may be silent for half a second."""
    notifier = Notifier(address=sys.argv[1], watchdog_s=0.5)
    numbers = itertools.count(1)
    sys.exit(
        supervisor.run(
            1,
            work,
            overseer=notifier.overseer(ready=lambda: None, ends_within_s=1),
            new_boot_id=lambda: f"boot_{next(numbers)}",
            silence_max_s=notifier.watchdog_s,
        )
    )


if __name__ == "__main__":
    main()
