"""Backups by the clock, in the directory of `[backup]`, under names that tell their time.

Old ones are deleted only when a new one was proven, and by a clock that is to be believed. Refuses
to touch files that it did not name.
"""

import asyncio
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from grip import errors
from grip.services import backups
from grip.services.backups import UNPROVEN
from grip.services.context import Context
from grip.services.maintenance import clock
from grip.services.maintenance.step import Done, Run

ACTOR: Final = "maintenance"

_NAME: Final = re.compile(r"grip-(\d{8}T\d{6}Z)\.db")
_BEGUN: Final = re.compile(r"\.+grip-\d{8}T\d{6}Z\.db\..*\.part.*")
_BEGUN_MAX_S: Final = 3600
"""Who holds the lock knows that nobody is at it any more; but such a name can be given by hand."""

_HOUR_US: Final = 3_600_000_000
_LOCK: Final = ".lock"


async def run(context: Context, how: Run) -> Done:
    """Make the backup that is due, if one is, and delete those beyond `[backup] keep`."""
    if not context.settings.backup.directory:
        return Done()
    folder = Path(context.settings.backup.directory)
    if how.dry_run:
        return Done(did={"backups": int(_is_due(context, folder))})
    try:
        with _alone(folder) as is_alone:
            if not is_alone or not _is_due(context, folder):
                return Done()
            return await _make(context, folder, how)
    except OSError as error:
        raise errors.BackupFailed(f"[backup] directory: {folder}: {error.strerror}") from error


async def _make(context: Context, folder: Path, how: Run) -> Done:
    path = folder / f"grip-{backups.stamp(context.clock)}.db"
    # First, or what a full disk has killed would leave no room for the next one.
    await asyncio.to_thread(_delete, _left_behind(context, folder))
    try:
        await backups.backup(context, path, actor=ACTOR, told=how.told)
    except errors.BooksBroken as error:
        # What is not proven displaces nothing that is, but would fill the disk by itself.
        others = _unproven(folder)[: -context.settings.backup.keep]
        pruned = await asyncio.to_thread(_delete, others)
        return Done(did={"pruned": pruned}, problems=(error.message,))
    # Those of the future were named by a clock that was wrong: they displace none, and stay.
    old = [one for one in made(folder) if one.name < path.name]
    objection = None if how.trusts_clock else await clock.objection(context, context.clock())
    if objection is not None:
        return Done(did={"backups": 1}, problems=(objection,))
    beyond = old[: max(0, len(old) - context.settings.backup.keep + 1)]
    pruned = await asyncio.to_thread(_delete, beyond)
    return Done(did={"backups": 1, "pruned": pruned})


def made(folder: Path) -> list[Path]:
    """Return the backups that this step has made there, oldest first."""
    return sorted(one for one in folder.glob("grip-*.db") if _NAME.fullmatch(one.name))


def _unproven(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"grip-*.db{UNPROVEN}"))


def _is_due(context: Context, folder: Path) -> bool:
    """Return whether the last one is old enough; those of the future say nothing.

    A tenth of the time is let off: who runs by the clock comes a little early now and then.
    """
    now = backups.stamp(context.clock)
    since_us = context.clock() - context.settings.backup.every_hours * _HOUR_US * 9 // 10
    since = backups.stamp(lambda: since_us)
    return not any(since < one.name[5:-3] <= now for one in made(folder))


def _left_behind(context: Context, folder: Path) -> list[Path]:
    """Return what killed backups have begun: copies, and what those were proven with."""
    before_s = context.clock() / 1_000_000 - _BEGUN_MAX_S
    begun = [one for one in folder.glob(".*") if _BEGUN.fullmatch(one.name)]
    return [one for one in begun if one.stat().st_mtime < before_s]


def _delete(files: list[Path]) -> int:
    for one in files:
        one.unlink(missing_ok=True)
    return len(files)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Say whether no other process makes a backup here; it is ours to make within the block."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        yield False
        return
    try:
        yield True
    finally:
        os.close(lock)
