"""Power losses on SQLite: what a load wrote is replayed, and cut off at many moments.

    python -m tests.crash.power_loss [--images 2000] [--rounds 60] [--seed 1]

At each moment the disk is left with everything that was synced, and with what chance keeps of the
rest. What the next start finds must be a database that is whole, and that has every settlement
that was answered before. Moments are the syncs of the load, and others at random.
"""

import argparse
import asyncio
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from grip.store import schema
from grip.store.engine import Database
from tests.crash import traces
from tests.crash.disk import Disk, File
from tests.crash.traces import Event
from tests.e2e.gateway import environ

DATABASE = "grip.db"
LOG = "answered"
_SYNCS = ("fdatasync", "fsync")
_PASSING = ("-shm", "-queue", LOG)


@dataclass(kw_only=True)
class Report:
    """How many power losses there were, and what was wrong after them."""

    images: int = 0
    answered: int = 0
    syncs: int = 0
    restarts: int = 0
    torn_writes: int = 0
    lost: list[str] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.images} power losses while {self.answered} settlements and recharges were "
            f"answered ({self.syncs} syncs, {self.restarts} times the log began anew, "
            f"{self.torn_writes} writes in doubt): {len(self.lost)} lost, "
            f"{len(self.corrupt)} corrupt"
        )


def record(folder: Path, rounds: int) -> Path:
    """Run the load on the database in the folder; return the trace of what it asked of the disk."""
    trace = folder / "trace"
    program = ["-m", "tests.crash.settling", str(folder / DATABASE), str(folder / LOG), str(rounds)]
    traces.record(program, trace, environ("sqlite://"))
    return trace


class Replay:
    """Plays a trace on a disk, up to wherever it is stopped."""

    def __init__(self, folder: Path, base: bytes) -> None:
        self.disk = Disk({DATABASE: base})
        self.answered: Counter[str] = Counter()
        self.ids: set[str] = set()
        self.restarts = 0
        self._folder = str(folder)
        self._files: dict[str, str | None] = {}
        self._covered: dict[int, int] = {}

    def play(self, event: Event) -> None:
        """Take in what began or ended; what is not about the database has no effect."""
        call = event.call
        if call.name == "openat" and event.has_ended:
            self._open(call.texts[0].decode(), call.words, event.result or 0)
        elif call.name == "close" and not event.has_ended:
            self._files.pop(call.words[0], None)
        elif call.name in ("write", "pwrite64") and not event.has_ended:
            self._write(call.words, call.texts[0])
        elif call.name in _SYNCS and call.words[0] in self._files:
            self._sync(event)
        elif call.name == "unlink" and event.result == 0:
            self._unlink(call.texts[0].decode())
        elif call.name == "ftruncate" and not event.has_ended:
            self._cut(*call.words)
        elif call.name == "rename" and self._folder in call.texts[0].decode():
            raise AssertionError("this disk knows no renaming")

    def is_sync(self, event: Event) -> bool:
        """Whether something of the database is for good from now on."""
        return event.has_ended and event.call.name in _SYNCS and event.call.words[0] in self._files

    def _open(self, path: str, words: tuple[str, ...], descriptor: int) -> None:
        if descriptor < 0 or not path.startswith(self._folder):
            return
        name = path[len(self._folder) :].strip("/")
        if name.endswith(_PASSING[:2]):
            return
        if name and name != LOG and any("O_CREAT" in word for word in words):
            self.disk.create(name)
        self._files[str(descriptor)] = name or None

    def _write(self, words: tuple[str, ...], data: bytes) -> None:
        name = self._files.get(words[0])
        if name == LOG:
            kind, _, request_id = data.decode().strip().partition(" ")
            self.answered[kind] += 1
            if kind == "usage":
                self.ids.add(request_id)
        elif name is not None:
            offset = int(words[-1])
            self.restarts += offset == 0 and name.endswith("-wal")
            self.disk.write(self._file(name), offset, data)

    def _cut(self, descriptor: str, size: str) -> None:
        name = self._files.get(descriptor)
        if name is not None:
            self.disk.write(self._file(name), int(size), None)

    def _sync(self, event: Event) -> None:
        name = self._files[event.call.words[0]]
        if not event.has_ended:
            self._covered[id(event.call)] = self.disk.sync_begins()
        elif event.result == 0:
            covered = self._covered.pop(id(event.call))
            if name is None:
                self.disk.folder_synced(covered)
            else:
                self.disk.synced(self._file(name), covered)

    def _unlink(self, path: str) -> None:
        name = path[len(self._folder) :].strip("/")
        if path.startswith(self._folder) and not name.endswith(_PASSING):
            self.disk.unlink(name)

    def _file(self, name: str) -> File:
        return self.disk.names[name]


def replay(folder: Path, base: bytes, trace: Path, images: int, seed: int) -> Report:
    """Cut the load off at so many moments, and look at what is left each time."""
    chance = Random(seed)  # noqa: S311 - no secret
    events = list(traces.events(trace))
    moments = _moments(events, Replay(folder, base), images, chance)
    player, report = Replay(folder, base), Report()
    place = folder / "image"
    for number, event in enumerate(events):
        player.play(event)
        report.syncs += player.is_sync(event)
        for _ in range(moments[number]):
            left = player.disk.after_power_loss(chance)
            report.images += 1
            report.torn_writes += sum(len(f.pending) for f in player.disk.names.values())
            _examine(place, left, player, f"event {number}", report)
    report.answered = player.answered.total()
    report.restarts = player.restarts
    return report


def _moments(events: list[Event], player: Replay, images: int, chance: Random) -> Counter[int]:
    """Return how often each event is the last: every sync, then what chance has it."""
    syncs, begun = [], None
    for number, event in enumerate(events):
        player.play(event)
        if player.is_sync(event):
            syncs.append(number)
        if begun is None and player.answered:
            begun = number
    chosen = [number + chance.choice((-1, 0)) for number in syncs[: images // 2]]
    rest = (chance.randrange(begun or 0, len(events)) for _ in range(images - len(chosen)))
    return Counter([*chosen, *rest])


def _examine(
    place: Path, left: dict[str, bytes], player: Replay, moment: str, report: Report
) -> None:
    """Start on what is left, and compare it with what was answered before."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for name, content in left.items():
        (place / name).write_bytes(content)
    database = sqlite3.connect(place / DATABASE)
    try:
        (said,) = database.execute("PRAGMA integrity_check").fetchone()
        ids = {row[0] for row in database.execute("SELECT request_id FROM usage")}
        (posted,) = database.execute(_RECHARGES).fetchone()
        (wrong,) = database.execute(_WRONG_BALANCES).fetchone()
    except sqlite3.Error as error:
        report.corrupt.append(f"{moment}: {error}")
        return
    finally:
        database.close()
    if said != "ok" or wrong:
        report.corrupt.append(f"{moment}: {said}, {wrong} balances are wrong")
    if missing := player.ids - ids:
        report.lost.append(f"{moment}: {len(missing)} settlements, such as {min(missing)}")
    if posted < player.answered["recharge"]:
        report.lost.append(f"{moment}: {player.answered['recharge'] - posted} recharges")


_RECHARGES = "SELECT count(*) FROM ledger_transfer WHERE reason = 'test'"
_WRONG_BALANCES = """
SELECT count(*) FROM wallet WHERE held <> (
    SELECT coalesce(sum(amount), 0) FROM holds WHERE holds.wallet_id = wallet.id
)
"""


def run(images: int, rounds: int, seed: int) -> Report:
    """Make a database, load it, and cut it off."""
    with tempfile.TemporaryDirectory(prefix="grip-power-") as name:
        folder = Path(name).resolve()
        asyncio.run(_make(folder))
        base = (folder / DATABASE).read_bytes()
        trace = record(folder, rounds)
        return replay(folder, base, trace, images, seed)


async def _make(folder: Path) -> None:
    database = Database(f"sqlite:///{folder / DATABASE}")
    await schema.upgrade(database)
    await database.close()


def main() -> None:
    """Print the report; the status is 1 where something was lost or corrupt."""
    parser = argparse.ArgumentParser(description="Power losses on SQLite's books.")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    report = run(chosen.images, chosen.rounds, chosen.seed)
    sys.stdout.write(f"{report}\n" + "".join(f"{w}\n" for w in report.lost + report.corrupt))
    sys.exit(bool(report.lost or report.corrupt))


if __name__ == "__main__":
    main()
