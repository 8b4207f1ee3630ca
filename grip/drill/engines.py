"""The two databases that a drill runs on: made for it, troubled by it, and gone afterwards."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy.engine import make_url

from grip.drill import keeper, kinds
from grip.drill.errors import DrillImpossible
from grip.drill.surroundings import PYTHON, environ
from grip.errors import InvalidRequest
from grip.settings.addresses import DatabaseUrl
from grip.settings.kinds import ValueRefused
from grip.store.engine import Database

SQLITE: Final = "sqlite"
POSTGRES: Final = "postgres"

_TERMINATE: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = $1 AND pid <> pg_backend_pid()"
)

Trouble = Callable[[float], Awaitable[None]]
"""Troubles the database for so many seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A scratch database: its URL, what is left of it afterwards, and the ways to trouble it.

    `left` is the name of the database that stays on a server, None where none does.
    """

    name: str
    url: str
    left: str | None
    troubles: Mapping[str, Trouble]


async def check(server_url: str) -> None:
    """Raise InvalidRequest unless this is a PostgreSQL server's URL, DrillImpossible if it is away.

    Whoever asks for two engines is to know before the first one is drilled.
    """
    try:
        url = DatabaseUrl().from_text(server_url)
    except ValueRefused as refused:
        raise InvalidRequest(f"--postgres: {refused}", param="--postgres") from None
    if Database(url).is_sqlite:
        raise InvalidRequest(
            "--postgres: names a PostgreSQL server, as in postgresql://user@host/name; SQLite is "
            "drilled anyway",
            param="--postgres",
        )
    await _Admin(url).run("SELECT 1")


@asynccontextmanager
async def sqlite(folder: Path, operators: Mapping[str, str]) -> AsyncIterator[Engine]:
    """Yield a SQLite database in this folder, which goes with it."""
    path = folder / "grip.db"
    url = f"sqlite:///{path}"
    surroundings = environ(operators, url)

    def keeping(what: str) -> Trouble:
        async def trouble(lasts_s: float) -> None:
            await _keep(path, lasts_s, what, surroundings)

        return trouble

    troubles = {kinds.QUEUED: keeping(keeper.QUEUE), kinds.LOCKED: keeping(keeper.LOCK)}
    yield Engine(name=SQLITE, url=url, left=None, troubles=troubles)


@asynccontextmanager
async def postgres(server_url: str, *, keep: bool) -> AsyncIterator[Engine]:
    """Yield a fresh database on this server, which is dropped afterwards unless it is to be kept.

    Raises DrillImpossible where the server does not allow it.
    """
    admin = _Admin(server_url)
    name = f"grip_drill_{uuid.uuid4().hex[:12]}"
    await admin.run(f'CREATE DATABASE "{name}"')

    async def close(lasts_s: float) -> None:
        await admin.run(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            await admin.run(_TERMINATE, name)
            await asyncio.sleep(lasts_s)
        finally:
            await admin.run(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

    async def cut(_lasts_s: float) -> None:
        await admin.run(_TERMINATE, name)

    try:
        yield Engine(
            name=POSTGRES,
            url=make_url(server_url).set(database=name).render_as_string(hide_password=False),
            left=name if keep else None,
            troubles={kinds.CUT: cut, kinds.CLOSED: close},
        )
    finally:
        if not keep:
            await admin.run(f'DROP DATABASE "{name}" WITH (FORCE)')


class _Admin:
    """Runs statements about databases; never one inside of somebody else's."""

    def __init__(self, server_url: str) -> None:
        self._dsn = Database(server_url).dsn

    async def run(self, statement: str, *args: Any) -> None:
        try:
            connection = await asyncpg.connect(self._dsn)
            try:
                await connection.execute(statement, *args)
            finally:
                await connection.close()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DrillImpossible(
                "the PostgreSQL server does not do what the drill asks; --postgres names a server "
                "that runs, with a user that may create databases",
                detail=f"{statement}: {error}",
            ) from error


async def _keep(path: Path, lasts_s: float, what: str, surroundings: Mapping[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        PYTHON,
        *("-m", "grip.drill.keeper", str(path), str(lasts_s), what),
        env=surroundings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise DrillImpossible("the database could not be locked", detail=said.decode()[-500:])
