"""Where backups and databases lie: a file has its name when it is whole, and not a moment before.

Nothing is ever deleted but what is only begun: what stood where a database is restored goes aside.
"""

import os
import secrets
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from grip import errors
from grip.store.engine import unavailable
from grip.store.write_queue import Turn

_BESIDE: Final = ("-wal", "-shm", "-journal")
_QUEUE: Final = "-queue"
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def check_free(path: Path) -> None:
    """Raise Conflict where a file of that name is there already, BackupFailed where none can be."""
    with told(path):
        if _look(path) is not None:
            raise errors.Conflict(f"{path} is there already; name another file")


def check_there(path: Path, *, unreadable: type[errors.GripError] = errors.BackupUnusable) -> None:
    """Raise NotFound where there is no such file, and `unreadable` where nobody lets grip look."""
    try:
        found = _look(path)
    except OSError as error:
        raise unreadable(
            f"{path} cannot be read: {error.strerror}; put it where grip's user may read it"
        ) from error
    if found is None or not stat.S_ISREG(found.st_mode):
        raise errors.NotFound(f"there is no file {path}")


def _look(path: Path) -> os.stat_result | None:
    """Return what is there; raise OSError where that cannot be seen."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def size_of(path: Path) -> int:
    """Return the bytes of a file."""
    return path.stat().st_size


def shown(path: Path) -> str:
    """Return the path as the audit log has it."""
    return str(path.absolute())


@contextmanager
def begun(path: Path) -> Iterator[Path]:
    """Have an empty file beside `path`, of its owner's alone, that is gone at the end.

    Raises BackupFailed for what the disk or the database says within the block.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with told(path):
        try:
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            yield part
        finally:
            discard(part)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Tell what fails within the block as the failure to write `path`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        cause = unavailable(error).detail
        raise errors.BackupFailed(f"{path} cannot be written: {cause}") from error
    except errors.DatabaseUnavailable as error:
        raise errors.BackupFailed(f"{path} was not made: {error.detail or error}") from error


def discard(part: Path) -> None:
    """Delete a file that is only begun, and what lies beside it."""
    for suffix in ("", *_BESIDE, _QUEUE):
        part.with_name(part.name + suffix).unlink(missing_ok=True)


def settle(part: Path) -> None:
    """Bring into a file what was written to it and still lies in its log; then there is none.

    Whoever closes a file does that too, but says nothing where the disk has no room for it.
    """
    with closing(sqlite3.connect(part, isolation_level=None)) as db:
        (mode,) = db.execute("PRAGMA journal_mode = DELETE").fetchone()
    if mode != "delete" or part.with_name(f"{part.name}-wal").exists():
        raise errors.BackupFailed(
            f"{part.name} does not give up its log: see that nobody has it open, and run this again"
        )


def place(part: Path, path: Path) -> None:
    """Give a whole file its name, when all of it is on the disk."""
    _flush(part)
    part.rename(path)
    _flush(path.parent)


def take_the_place(part: Path, path: Path, aside: Path) -> bool:
    """Put a whole file where a database is; return whether one was, and is `aside` now.

    Raises Conflict where anybody has the old one open.
    """
    _flush(part)
    with _claimed(path) as was_there:
        for suffix in _BESIDE:
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
        if was_there:
            _as_before(part, path)
            _keep(path, aside)
        part.replace(path)
        _flush(path.parent)
    return was_there


@contextmanager
def _claimed(path: Path) -> Iterator[bool]:
    """Keep everybody out of a database's file; say whether it is there.

    As long as anybody has it open, SQLite does not let its log be given up.
    """
    if not path.exists():
        yield False
        return
    turn = Turn(path)
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0)
    with closing(turn), closing(db):
        try:
            if not turn.take_now():
                raise _in_use(path)
            db.isolation_level = None
            db.execute("PRAGMA journal_mode = DELETE")
            db.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode in _BUSY:
                raise _in_use(path) from error
            # It is broken, which may well be why another one is to take its place.
        yield True


def _in_use(path: Path) -> errors.Conflict:
    return errors.Conflict(
        f"{path} is in use: stop grip everywhere (serve, worker, maintenance), and run this again"
    )


def _keep(path: Path, aside: Path) -> None:
    """Let `aside` be the file, which keeps its name too until another one takes that."""
    try:
        aside.hardlink_to(path)
    except FileExistsError:
        raise
    except OSError:
        # There are file systems without links; there the name is free for a moment.
        path.rename(aside)


def _as_before(part: Path, path: Path) -> None:
    """Give a new file the mode and the owner of the old one: root may restore for grip."""
    old, new = path.stat(), part.stat()
    part.chmod(stat.S_IMODE(old.st_mode))
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.chown(part, old.st_uid, old.st_gid)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
