"""A PostgreSQL server for measurements: the wheel's, as its `initdb` makes it, nothing tuned.

Its disk can be slowed down. Refuses to use a server that somebody else runs: its CPU could not be
counted, nor what else it does.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url

from tests import postgres_wheel
from tests.bench.processes import Cores, pinned, undisturbed

_SLOW = ("LD_PRELOAD", "SLOW_FLUSH_US")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slowness:
    """A flush that takes at least `flush_ms`, by a library that is preloaded."""

    library: Path
    flush_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server: its main process, and the URL of its first database."""

    pid: int
    url: str

    @property
    def version(self) -> str:
        """The server's own version."""
        return str(asyncio.run(_fetch(self.url, "SHOW server_version"))).split()[0]

    def url_of(self, name: str) -> str:
        """Return the URL of a database."""
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def create(self, name: str, template: str = "template1") -> str:
        """Make a database, as a copy of another one; return its URL."""
        asyncio.run(_fetch(self.url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
        return self.url_of(name)

    def drop(self, name: str) -> None:
        """Take a database away."""
        asyncio.run(_fetch(self.url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@contextlib.contextmanager
def running(folder: Path, cores: Cores, slowness: Slowness | None = None) -> Iterator[Server]:
    """Run the server whose data is in `folder`, made where there is none, while the block runs."""
    with ExitStack() as stack:
        with undisturbed(), pinned(cores), _slowed(slowness):
            server = _start(folder)
            stack.callback(server.cleanup)
        yield Server(pid=server.get_pid(), url=server.get_uri())


def _start(folder: Path) -> Any:
    locks = folder / "locks"
    locks.mkdir(mode=0o700, exist_ok=True)
    return postgres_wheel.imported(locks).get_server(folder / "data", cleanup_mode="stop")


@contextlib.contextmanager
def _slowed(slowness: Slowness | None) -> Iterator[None]:
    """Let what is started within the block have a slow disk."""
    if slowness is not None:
        values = (str(slowness.library), str(round(slowness.flush_ms * 1000)))
        os.environ.update(zip(_SLOW, values, strict=True))
    try:
        yield
    finally:
        for name in _SLOW:
            os.environ.pop(name, None)


async def _fetch(url: str, statement: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()
