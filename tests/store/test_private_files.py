"""Who may read the files of a SQLite database."""

import os
from pathlib import Path

import pytest

from grip.store import schema
from grip.store.engine import Database


@pytest.fixture
def open_umask():
    """A umask that keeps nobody out."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
async def test_a_new_database_is_its_owners_alone(tmp_path: Path):
    """It holds customers' content and secrets that sign; so do its log and its lock."""
    database = Database(f"sqlite:///{tmp_path / 'grip.db'}")
    await schema.ensure(database)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}  # noqa: ASYNC240
    await database.close()

    assert {"grip.db", "grip.db-wal"} <= modes.keys()
    assert set(modes.values()) == {"0o600"}


@pytest.mark.usefixtures("open_umask")
async def test_a_database_that_is_there_keeps_its_mode(tmp_path: Path):
    """Its owner may have let others read it."""
    path = tmp_path / "grip.db"
    path.touch(0o640)
    database = Database(f"sqlite:///{path}")
    await schema.ensure(database)
    await database.close()

    assert oct(path.stat().st_mode & 0o777) == "0o640"
