"""A process that keeps a SQLite database to itself: `keeper.py FILE SECONDS queue|lock`.

`queue` keeps the turn of grip's own writers, as a command that hangs would; `lock` keeps SQLite's
own lock, as a program that knows nothing of the queue would. Prints a line once it has it.
"""

import sqlite3
import sys
import time
from pathlib import Path
from typing import Final

from grip.store.write_queue import Turn

QUEUE: Final = "queue"
LOCK: Final = "lock"
_PATIENCE_S: Final = 60


def keep(path: Path, seconds: float, what: str) -> None:
    """Keep `what` of the database for so many seconds."""
    if what == QUEUE:
        turn = Turn(path)
        turn.take()
        _wait(seconds)
        turn.close()
        return
    connection = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE_S)
    connection.execute("BEGIN IMMEDIATE")
    _wait(seconds)
    connection.execute("ROLLBACK")
    connection.close()


def _wait(seconds: float) -> None:
    sys.stdout.write("kept\n")
    sys.stdout.flush()
    time.sleep(seconds)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
