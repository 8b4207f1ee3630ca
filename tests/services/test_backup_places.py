"""What a disk without room, or a place that is not grip's, does to backups and restores."""

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grip import errors
from grip.services import accounts, backups
from grip.services.backups import Restore
from grip.services.context import Context


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes, as on a disk that is full then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files(folder: Path, name: str) -> list[str]:
    """Return what there is with `name` in its own."""
    return sorted(one.name for one in folder.iterdir() if name in one.name)


async def test_a_disk_that_has_room_for_the_copy_alone_gets_no_database(
    sqlite_url: str, other: Callable[..., Context], tmp_path: Path
):
    """The note of the restore is in the log by then, and does not go into the file any more."""
    there = other(sqlite_url)
    await accounts.create(there, actor="test", email="ana@example.com")
    made = await backups.backup(there, tmp_path / "b.db", actor="ana")
    target = tmp_path / "new.db"
    wish = Restore(file=made.file, actor="eve", reason="r" * 50_000)

    with largest_file(made.size), pytest.raises(errors.BackupFailed, match=r"full or fails"):
        await backups.restore(other(target), wish)

    assert files(tmp_path, "new.db") == []
    await backups.restore(other(target), wish)
    with sqlite3.connect(target) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_path_that_cannot_be_looked_at_is_named_with_the_reason(
    sqlite_url: str, other: Callable[..., Context], tmp_path: Path
):
    """Mostly a folder that grip's user may not enter; root may, so here a name is too long."""
    there = other(sqlite_url)
    hidden = tmp_path / ("x" * 300)

    with pytest.raises(errors.BackupFailed, match="too long"):
        await backups.backup(there, hidden, actor="ana")
    with pytest.raises(errors.BackupUnusable, match=r"too long; put it where"):
        await backups.restore(there, Restore(file=hidden, actor="eve"))
    with pytest.raises(errors.DatabaseUnavailable, match=r"too long"):
        await backups.backup(other(hidden), tmp_path / "b.db", actor="ana")
    made = await backups.backup(there, tmp_path / "b.db", actor="ana")
    with pytest.raises(errors.DatabaseUnavailable) as error:
        await backups.restore(other(hidden), Restore(file=made.file, actor="eve"))
    assert "too long" in str(error.value.detail)
