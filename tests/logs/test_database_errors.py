"""What is logged of a statement that fails names the rule that it broke, and no value of a row."""

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from io import StringIO
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
import structlog

from grip import errors, logs
from grip.settings import Log
from grip.store.engine import Database, unavailable

MARK = "said-in-confidence"
NO_EVENT = sa.text("INSERT INTO callback (id, url, body) VALUES (:id, :url, :body)")
VALUES = {"id": "cb_1", "url": f"https://x.test/?token={MARK}", "body": MARK.encode()}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """The standard error of a process whose log was configured, undone afterwards."""
    stream, root = StringIO(), logging.getLogger()
    before = root.handlers, root.level
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure(Log(format="json"))
    yield stream
    structlog.reset_defaults()
    root.handlers, level = before
    root.setLevel(level)


async def _fail(database: Database, statement: sa.TextClause, values: Any) -> str:
    """Run a statement that fails, log it as a request's failure is, and return the error's name."""
    try:
        async with database.write() as connection:
            await connection.execute(statement, values)
    except Exception as error:  # noqa: BLE001 - any failure of a call is logged like this
        structlog.get_logger().exception("request.failed")
        return type(error).__name__
    return ""


async def test_a_row_that_is_refused_is_not_logged(database: Database, said: StringIO):
    """Neither by the parameters of its statement nor by what PostgreSQL adds: the whole row."""
    assert await _fail(database, NO_EVENT, VALUES) == "IntegrityError"

    line = json.loads(said.getvalue())
    assert "INSERT INTO callback" in line["exception"]
    assert "null" in line["exception"].lower()
    assert MARK not in said.getvalue()
    assert "DETAIL" not in said.getvalue()


async def test_rows_of_several_are_not_logged_either(database: Database, said: StringIO):
    """As statements for many rows at once fail."""
    assert await _fail(database, NO_EVENT, [VALUES, {**VALUES, "id": "cb_2"}]) == "IntegrityError"
    assert MARK not in said.getvalue()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM callback WHERE created_us = :value",  # asyncpg finds that it is no number
        "SELECT CAST(CAST(:value AS TEXT) AS INTEGER)",  # PostgreSQL does
        "SELECT CAST(CAST(:value AS TEXT) AS JSON)",
    ],
)
async def test_a_value_that_does_not_fit_is_not_logged(
    postgres_url: str, said: StringIO, statement: str
):
    """It is a defect, told by its kind: the sentence itself has the value in it."""
    database = Database(postgres_url)
    failed = await _fail(database, sa.text(statement), {"value": MARK})
    await database.close()

    assert failed not in ("", "DatabaseUnavailable")
    assert "a value" in json.loads(said.getvalue())["exception"]
    assert MARK not in said.getvalue()


async def test_what_the_hot_path_could_not_write_is_told_without_it(postgres_url: str):
    """Its errors come of asyncpg alone: neither what is told nor what it was raised from has it."""
    connection = await asyncpg.connect(postgres_url)
    with pytest.raises(asyncpg.NotNullViolationError) as caught:
        await connection.execute("INSERT INTO callback (id, url) VALUES ('cb_1', $1)", MARK)
    await connection.close()
    assert MARK in str(caught.value)
    told = unavailable(caught.value)

    assert "null value" in told.detail
    assert MARK not in told.detail
    assert MARK not in "".join(traceback.format_exception(caught.value))


async def test_a_file_that_is_broken_is_an_outage_with_its_remedy(sqlite_url: str, said: StringIO):
    """And no defect of grip."""
    database = Database(sqlite_url)
    assert database.path is not None
    size = database.path.stat().st_size
    with database.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    with pytest.raises(errors.DatabaseUnavailable, match="restore a backup"):
        async with database.read() as connection:
            await connection.execute(sa.text("SELECT count(*) FROM callback"))
    await database.close()
