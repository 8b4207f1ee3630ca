"""Houses whose gateways are killed: databases, an upstream and customers that outlive them."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from anyio.from_thread import BlockingPortal

from grip.clock import system_clock
from grip.ids import IdSource
from grip.services.context import Context
from grip.settings import load
from grip.store.engine import Database
from grip.store.tables import holds
from grip.store.write_queue import Turn
from tests.crash.launcher import children
from tests.crash.nodes import Nodes
from tests.e2e.conftest import _fresh, portal, upstream
from tests.e2e.gateway import Gateway, command
from tests.e2e.house import House
from tests.e2e.upstream import Upstream

__all__ = ["portal", "upstream"]

RESOLVED_WITHIN_S = 60
"""The contract's promise for the holds of a process that died (money rule 4)."""


QUIET = (
    "SELECT count(*) = 0 FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
)


class Ruin:
    """A database whose nodes come and go, and the houses around them."""

    def __init__(self, url: str, folder: Path, portal: BlockingPortal, upstream: Upstream) -> None:
        self.nodes = Nodes(url, folder)
        self.url = url
        self.context = Context(
            database=Database(url),
            settings=load(environ={"GRIP_DATABASE_URL": url}),
            clock=system_clock,
            ids=IdSource(),
        )
        self._folder = folder
        self._portal = portal
        self._upstream = upstream

    @contextmanager
    def serving(self, *words: str, **terms: Any) -> Iterator[list[House]]:
        """Run nodes as `Nodes.serving` does; return the house around each of them."""
        with ExitStack() as stack:
            gateways = stack.enter_context(self.nodes.serving(*words, **terms))
            houses = [House(g, self._upstream, self._portal, self.context) for g in gateways]
            for house in houses:
                stack.callback(house.close)
            yield houses

    def processes(
        self, count: int, dead_after_s: float | None = None
    ) -> AbstractContextManager[list[House]]:
        """Run so many processes: workers of one node on SQLite, nodes on PostgreSQL."""
        if self.context.database.is_sqlite:
            return self.serving("--workers", str(count), dead_after_s=dead_after_s)
        return self.serving(count=count, dead_after_s=dead_after_s)

    def close(self) -> None:
        self._portal.call(self.context.database.close)

    def wait_resolved(self) -> None:
        """Return when nobody holds anything any more; that is promised within a time."""
        until = time.monotonic() + RESOLVED_WITHIN_S
        while held := self._portal.call(self._count_holds):
            assert time.monotonic() < until, f"{held} holds are left"

    def put_to_sleep(self, pid: int) -> None:
        """Stop a process at a moment at which it has nothing locked."""
        while True:
            os.kill(pid, signal.SIGSTOP)
            if _is_stopped(pid) and self._portal.call(self._is_quiet):
                return
            os.kill(pid, signal.SIGCONT)

    def assert_verified(self) -> None:
        """Ask the command line, as an operator would."""
        told = command(self.url, self._folder, "ledger", "verify", "--json")
        report = json.loads(told.stdout)
        assert (told.returncode, report["ok"]) == (0, True), report

    async def _is_quiet(self) -> bool:
        """Whether nobody is in the middle of a transaction."""
        path = self.context.database.path
        if path is not None:
            turn = Turn(path)
            try:
                return turn.take_now()
            finally:
                turn.close()
        async with self.context.database.read() as connection:
            return bool((await connection.execute(sa.text(QUIET))).scalar_one())

    async def _count_holds(self) -> int:
        async with self.context.database.read() as connection:
            query = sa.select(sa.func.count()).select_from(holds)
            return int((await connection.execute(query)).scalar_one())


def connected(gateway: Gateway, port: int) -> int:
    """Return the process of a node whose connection to elsewhere is from this port."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    sockets = {f"socket:[{row[9]}]" for row in rows if int(row[1].rpartition(":")[2], 16) == port}
    for pid in (gateway.process.pid, *children(gateway.process.pid)):
        files = [file for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_socket()]
        if sockets.intersection(file.readlink().name for file in files):
            return pid
    raise AssertionError(f"nobody has the connection from port {port}")


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@contextmanager
def fresh_ruin(
    request: pytest.FixtureRequest, folder: Path, portal: BlockingPortal, upstream: Upstream
) -> Iterator[Ruin]:
    """Make a database on the engine that is the fixture's parameter, for as long as the block."""
    with _fresh(request, folder, portal) as url:
        ruin = Ruin(url, folder, portal, upstream)
        yield ruin
        ruin.close()


@pytest.fixture(params=["sqlite", "postgres"])
def ruin(
    request: pytest.FixtureRequest, tmp_path: Path, portal: BlockingPortal, upstream: Upstream
) -> Iterator[Ruin]:
    """A fresh database, on each engine in turn."""
    with fresh_ruin(request, tmp_path, portal, upstream) as ruin:
        yield ruin
