"""The real `grip worker`, with less patience: `hand.py CONFIG PATIENCE`, which is JSON.

Prints a line once it works.
"""

import sys
from pathlib import Path

import msgspec

from grip import app, logs, settings
from grip.jobs import process
from grip.systemd import Overseer
from grip.tasks.patience import Patience


def work(config: Path, patience: Patience) -> None:
    """Do what is due until SIGTERM."""
    chosen = settings.load(config)
    logs.configure(chosen.log)
    process.run(app.build(chosen, patience=patience), overseer=Overseer(ready=_say))


def _say() -> None:
    sys.stdout.write("works\n")
    sys.stdout.flush()


if __name__ == "__main__":
    work(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Patience))
