"""How rows are carried between PostgreSQL and a file: never more of them at once than fit."""

import sqlite3
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from grip.store.backups import rows
from grip.store.engine import Database
from grip.store.tables import detail

ROWS = 100
WIDTH = 16_000


async def carried(database: Database, file: Path) -> list[int]:
    """Carry all rows into a file and back; return how many went at once."""
    done = [0]

    def told(so_far: int, _of: int | None) -> None:
        done.append(so_far)

    await rows.out_of_postgres(database, file, told)
    out = done.copy()
    done[:] = [0]
    async with database.write() as connection:
        await rows.into_postgres(connection, file, told)
    return [after - before for way in (out, done) for before, after in pairwise(way)]


async def test_wide_rows_are_carried_a_few_at_a_time(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Thousands of answers that are kept, of a megabyte each, would not fit into the memory."""
    database = Database(postgres_url)
    async with database.write() as connection:
        await connection.execute(
            sa.insert(detail),
            [
                {
                    "request_id": f"req_{number}",
                    "created_us": 1,
                    "wallet_id": "wal_1",
                    "key_id": "key_1",
                    "trace": "",
                    "request": bytes(WIDTH),
                }
                for number in range(ROWS)
            ],
        )

    at_once = await carried(database, tmp_path / "small.db")
    monkeypatch.setattr(rows, "_BATCH_BYTES", 4 * WIDTH)
    few_at_once = await carried(database, tmp_path / "wide.db")

    assert max(at_once) == ROWS
    assert max(few_at_once) == rows._FEWEST_ROWS
    async with database.read() as connection:
        kept = await connection.execute(sa.select(sa.func.count()).select_from(detail))
        assert kept.scalar_one() == ROWS
    await database.close()


async def test_what_a_batch_was_written_with_ends_in_its_own_thread(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Ending beside the next batch, it resets the statement of both, an API misuse."""
    ended: list[bool] = []

    class Cursor(sqlite3.Cursor):
        def __init__(self, connection: sqlite3.Connection) -> None:
            super().__init__(connection)
            self.begun_in = threading.get_ident()

        def __del__(self) -> None:
            ended.append(self.begun_in == threading.get_ident())

    class Opened(sqlite3.Connection):
        def executemany(self, sql: str, values: Any, /) -> sqlite3.Cursor:
            return self.cursor(Cursor).executemany(sql, values)

    def opened(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Opened)

    monkeypatch.setattr(rows, "_open_to_fill", opened)
    database = Database(postgres_url)
    await rows.out_of_postgres(database, tmp_path / "b.db", lambda _done, _of: None)
    await database.close()

    assert ended
    assert all(ended)
