"""What a file is that is said to be a backup: whole or not, and of which schema.

Refuses to change it, and to judge what its rows say: `ledger verify` does.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from grip import errors
from grip.store.schema import HEAD

_MAGIC: Final = b"SQLite format 3\0"


def check_kind(file: Path) -> None:
    """Raise BackupUnusable where a file cannot be a backup, whatever is in it."""
    try:
        with file.open("rb") as opened:
            head = opened.read(len(_MAGIC))
    except OSError as error:
        raise errors.BackupUnusable(f"{file} cannot be read: {error.strerror}") from error
    if head != _MAGIC:
        raise errors.BackupUnusable(f"{file} is no backup of grip's")


def revision_of(part: Path, file: Path) -> str:
    """Return the schema's revision of `part`, a copy of which `file` is told.

    Raises BackupUnusable where it is not whole, or of a newer version.
    """
    try:
        with closing(_opened(part)) as db:
            _check_pages(file, db)
            revision = _revision(file, db)
    except sqlite3.Error as error:
        raise errors.BackupUnusable(f"{file} is broken: {error}") from error
    if revision > HEAD:
        raise errors.BackupUnusable(
            f"{file} is at {revision}, of a newer grip than this one ({HEAD}); use that one"
        )
    return revision


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _check_pages(path: Path, db: sqlite3.Connection) -> None:
    (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise errors.BackupUnusable(f"{path} is broken: {found}")
    orphan = db.execute("PRAGMA foreign_key_check").fetchone()
    if orphan is not None:
        table, _row, parent, _key = orphan
        raise errors.BackupUnusable(f"{path} is broken: {table} has a row without its {parent}")


def _revision(path: Path, db: sqlite3.Connection) -> str:
    try:
        found = db.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        found = None
    if found is None:
        raise errors.BackupUnusable(f"{path} is a database, but none of grip's")
    return str(found[0])
