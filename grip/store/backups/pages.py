"""Copies a SQLite file while others write to it.

Reads one state of it from the first page to the last, so that no writer makes it begin anew, and
keeps none waiting. What is copied is one file, without a log beside it.
"""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from grip import errors

Told = Callable[[int, int | None], None]
"""Hears how far it is: so many done, of how many if that is known."""

_BROKEN: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PAGES: Final = 2_000
_BUSY_S: Final = 10.0


class Stopped(Exception):
    """Whoever waited for the copy does not any more."""


def copy(
    source: Path, target: Path, told: Told, stopping: threading.Event, *, is_live: bool
) -> None:
    """Copy `source` over `target`; raises sqlite3.Error, OSError, and Stopped once `stopping`.

    Only what `is_live` may be written to meanwhile. Raises BackupUnusable where it is broken.
    """

    def progress(_status: int, remaining: int, pages: int) -> None:
        if stopping.is_set():
            raise Stopped
        told(pages - remaining, pages)

    with (
        closing(_open(source, is_live=is_live)) as read,
        closing(sqlite3.connect(target)) as written,
    ):
        written.isolation_level = None
        written.execute("PRAGMA synchronous = OFF")
        try:
            read.execute("BEGIN")
            read.execute("SELECT count(*) FROM sqlite_master").fetchone()
            read.backup(written, pages=_PAGES, progress=progress)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode not in _BROKEN:
                raise
            raise errors.BackupUnusable(f"{source} is broken: {error}") from error
        written.execute("PRAGMA journal_mode = DELETE")


def _open(path: Path, *, is_live: bool) -> sqlite3.Connection:
    """Open a file to read; one that nobody uses, and has no log beside it, is not touched."""
    is_used = is_live or path.with_name(f"{path.name}-wal").exists()
    mode = "mode=rw" if is_used else "mode=ro&immutable=1"
    address = f"{path.absolute().as_uri()}?{mode}"
    return sqlite3.connect(address, uri=True, isolation_level=None, timeout=_BUSY_S)
