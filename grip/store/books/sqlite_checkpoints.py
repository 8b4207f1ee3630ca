"""Moves SQLite's write-ahead log into the file, aside from any commit.

Inside a commit a checkpoint costs 10 ms at the 99.9th percentile. PASSIVE copies without stopping
anybody; where the log has grown, RESTART then waits for the last few pages only and lets it begin
anew in its own file, since truncating and growing it again stops writers for 30 ms.
"""

import sqlite3
import threading
from pathlib import Path
from typing import Final

import structlog

from grip.store.books.sqlite_connection import connect
from grip.store.engine import unavailable
from grip.store.write_queue import Turn

_EVERY_S: Final = 1.0
_RESTART_ABOVE_BYTES: Final = 16 * 1024 * 1024
_TRUNCATE_ABOVE_BYTES: Final = 256 * 1024 * 1024

log = structlog.get_logger(__name__)


class Checkpointer:
    """A thread that checkpoints one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._stopping = threading.Event()
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._work, name="checkpoint", daemon=True)

    def start(self) -> None:
        """Begin to checkpoint."""
        self._thread.start()

    def stop(self) -> None:
        """End with the checkpoint that runs."""
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        db = connect(self._path)
        # A checkpoint that waits for readers keeps writers waiting with it; the next one will do.
        db.execute("PRAGMA busy_timeout = 0")
        self._turn = Turn(self._path)
        while not self._stopping.wait(_EVERY_S):
            try:
                self._checkpoint(db)
            except (sqlite3.Error, OSError) as error:
                self._postpone(error)
            else:
                self._trouble = None
        self._turn.close()
        db.close()

    def _postpone(self, error: sqlite3.Error | OSError) -> None:
        """Tell the log: once for each trouble, and in a whisper where others were in the way."""
        detail = unavailable(error).detail
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            log.debug("books.checkpoint_postponed", error=detail)
        elif detail != self._trouble:
            self._trouble = detail
            log.error("books.checkpoint_failed", error=detail)

    def _checkpoint(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        size = self._wal.stat().st_size if self._wal.exists() else 0
        if size > _RESTART_ABOVE_BYTES:
            kind = "TRUNCATE" if size > _TRUNCATE_ABOVE_BYTES else "RESTART"
            self._turn.take()
            try:
                db.execute(f"PRAGMA wal_checkpoint({kind})")
            finally:
                self._turn.give()
