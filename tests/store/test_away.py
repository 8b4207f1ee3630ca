"""A database that is away, or goes away in the middle of a transaction, is told as what it is."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from grip import errors
from grip.store.engine import Connection, Database

_CUT_MYSELF = "pg_terminate_backend(pg_backend_pid())"
_CUT_AT_COMMIT = (
    "CREATE TEMPORARY TABLE last (id int)",
    (
        "CREATE FUNCTION pg_temp.leave() RETURNS trigger LANGUAGE plpgsql AS "
        f"'BEGIN PERFORM {_CUT_MYSELF}; RETURN NULL; END'"
    ),
    (
        "CREATE CONSTRAINT TRIGGER leave AFTER INSERT ON last DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION pg_temp.leave()"
    ),
    "INSERT INTO last VALUES (1)",
)


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[Database]:
    database = Database(postgres_url)
    yield database
    await database.close()


async def test_a_statement_that_is_cut_off_says_that_the_database_is_away(postgres: Database):
    """A restart of the server in the middle of a statement is no defect of grip."""
    with pytest.raises(errors.DatabaseUnavailable):
        async with postgres.read() as connection:
            await _run(connection, f"SELECT {_CUT_MYSELF}")


async def test_a_commit_that_is_cut_off_says_that_the_database_is_away(postgres: Database):
    """Nor is one in the middle of a commit, whose outcome is in doubt."""
    with pytest.raises(errors.DatabaseUnavailable):
        async with postgres.write() as connection:
            await _run(connection, *_CUT_AT_COMMIT)


async def test_a_statement_that_is_wrong_is_no_sign_of_a_database_that_is_away(postgres: Database):
    """What the server refuses stays what it is."""
    with pytest.raises(sa.exc.ProgrammingError):
        async with postgres.read() as connection:
            await _run(connection, "SELECT nothing FROM nowhere")


@pytest.mark.parametrize("place", ["gone/grip.db", "."])
async def test_a_file_that_cannot_be_opened_is_told_with_what_it_needs(tmp_path: Path, place: str):
    """SQLite says as much of a file that is another user's, and to retry would not help."""
    database = Database(f"sqlite:///{tmp_path / place}")
    with pytest.raises(errors.DatabaseUnavailable, match="unable to open") as caught:
        async with database.read():
            pass
    await database.close()

    assert "writable for the user that grip runs as" in caught.value.detail


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("sslmode=verify-full&sslrootcert=/nowhere/root.crt", "No such file or directory"),
        ("sslmode=bogus", "`sslmode` parameter must be one of"),
    ],
)
async def test_an_address_of_postgresql_that_is_wrong_is_told_as_that(option: str, told: str):
    """And no value is looked for that would not fit a column."""
    database = Database(f"postgresql://grip@127.0.0.1:1/grip?{option}")
    with pytest.raises(errors.DatabaseUnavailable) as caught:
        async with database.read():
            pass
    await database.close()

    assert told in caught.value.detail
    assert "database.url" in caught.value.detail


async def test_what_the_server_refuses_a_connection_for_is_told_once(postgres_url: str):
    """By its kind, its sentence and its code."""
    away = make_url(postgres_url).set(database="nowhere")
    database = Database(away)
    with pytest.raises(errors.DatabaseUnavailable) as caught:
        async with database.read():
            pass
    await database.close()

    assert caught.value.detail == (
        'InvalidCatalogNameError: database "nowhere" does not exist (SQLSTATE 3D000)'
    )


async def test_a_pool_without_a_free_connection_says_that_the_database_is_away(
    postgres: Database, monkeypatch: pytest.MonkeyPatch
):
    """Whoever waited for one in vain is to try again, and has found no defect."""
    monkeypatch.setattr(postgres.engine.sync_engine.pool, "_timeout", 0)
    async with AsyncExitStack() as stack:
        with pytest.raises(errors.DatabaseUnavailable, match="limit"):
            for _ in range(100):
                await stack.enter_async_context(postgres.read())


async def _run(connection: Connection, *statements: str) -> None:
    for statement in statements:
        await connection.execute(sa.text(statement))
