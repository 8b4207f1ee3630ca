"""PostgreSQL killed with all of its processes in mid-flush, again and again, under load.

Batches commit without waiting for the disk, and are answered behind a barrier (docs/adr/0006):
what the server had not written when it died is lost, and may not have been answered.
"""

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import asyncpg
import pytest

from grip import errors
from grip.clock import system_clock
from grip.money.amounts import NANO
from grip.money.entries import Entry, Gone, Outcome, Settled
from grip.store import schema
from grip.store.books import HotBooks, PostgresBooks
from grip.store.engine import Database
from tests import postgres_wheel
from tests.books.conftest import Customer, House
from tests.crash.launcher import children

KILLS = 5
CLIENTS = 24


class Server:
    """A PostgreSQL server of the test's own, whose processes can all be killed at once."""

    def __init__(self, folder: Path, locks: Path) -> None:
        self._data = folder / "data"
        self._log = self._data / "log"
        made = postgres_wheel.imported(locks).get_server(self._data, cleanup_mode="stop")
        self._program = str(made.bin_path / "postgres")
        self._user = made.system_user
        made.cleanup()
        self.url = f"postgresql://postgres@/postgres?host={self._data}"

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self._launch()
        while True:
            try:
                connection = await asyncpg.connect(self.url)
            except (OSError, asyncpg.PostgresError):
                assert self._process.poll() is None, self._log.read_text()
            else:
                await connection.close()
                return

    def kill(self) -> None:
        """Kill every process of it; the first is kept from noticing that the others go."""
        first = self._process.pid
        os.kill(first, signal.SIGSTOP)
        others = children(first)
        for pid in (*others, first):
            os.kill(pid, signal.SIGKILL)
        self._process.wait()
        while any(map(_is_running, others)):
            pass

    def _launch(self) -> None:
        program = [self._program, "-D", str(self._data), "-k", str(self._data), "-h", ""]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(program, user=self._user, stdout=log, stderr=log)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait()


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the test's own, not yet started."""
    with tempfile.TemporaryDirectory(prefix="grip-killed-") as name:
        Path(name).chmod(0o755)
        server = Server(Path(name), tmp_path_factory.mktemp("locks"))
        yield server
        server.stop()


class Load:
    """Clients that hold and charge; `answered` are the settlements that were answered."""

    def __init__(self, house: House, books: HotBooks) -> None:
        self.answered: list[str] = []
        self.is_over = False
        self._house = house
        self._books = books
        self._more = asyncio.Condition()

    async def client(self, customer: Customer) -> None:
        """Call until it is over; who holds goes on asking for the charge, however long."""
        while not self.is_over:
            try:
                entry = await self._house.asks(self._books, customer, 2)
                await self._books.submit(entry)
            except errors.DatabaseUnavailable:
                continue
            outcome = None
            while outcome is None:
                try:
                    outcome = await self._books.submit(self._house.settles(entry, NANO))
                except errors.DatabaseUnavailable:
                    continue
            if isinstance(outcome, Gone):  # the server has forgotten the hold, and so the call
                continue
            assert isinstance(outcome, Settled)
            self.answered.append(entry.request_id)
            async with self._more:
                self._more.notify_all()

    async def reach(self, count: int) -> None:
        """Wait until so many more have been answered."""
        wanted = len(self.answered) + count
        async with asyncio.timeout(60), self._more:
            await self._more.wait_for(lambda: len(self.answered) >= wanted)


async def test_a_killed_server_loses_no_settlement_that_was_answered(server: Server):
    """It starts again each time, and the calls under way find out how they ended."""
    await server.start()
    database = Database(server.url)
    await schema.upgrade(database)
    house = House(database, system_clock)
    await house.prepare()
    load = Load(house, await house.open())
    customers = [await house.customer(100_000) for _ in range(4)]
    clients = [asyncio.create_task(load.client(customers[n % 4])) for n in range(CLIENTS)]
    chance = Random(1)  # noqa: S311 - no secret
    for _ in range(KILLS):
        await load.reach(chance.randint(30, 200))
        server.kill()
        await server.start()
    await load.reach(30)
    load.is_over = True
    await asyncio.gather(*clients)
    charged = [row["request_id"] for row in await house.rows("usage")]
    held = await house.rows("holds")
    wallets = [await house.wallet(customer.wallet_id) for customer in customers]
    await house.verify()
    await house.close()

    assert set(load.answered) <= set(charged)
    assert len(load.answered) == len(charged)
    assert sum(100_000 - wallet.balance for wallet in wallets) == len(charged)
    assert held == []


async def test_a_flush_of_a_server_that_has_begun_anew_proves_nothing(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
):
    """What was committed before may be lost with the one that died: the batch runs again."""
    house = House(Database(postgres_url), system_clock)
    await house.prepare()
    books, ana = await house.open(), await house.customer()
    assert isinstance(books, PostgresBooks)
    entry = await house.asks(books, ana, 2)
    await books.submit(entry)
    transact = books._batches._transact
    runs: list[list[Outcome]] = []

    async def run_and_die(entries: list[Entry]) -> list[Outcome]:
        outcomes = await transact(entries)
        if not runs:
            books._lifeline._connection.terminate()
        runs.append(outcomes)
        return outcomes

    monkeypatch.setattr(books._batches, "_transact", run_and_die)
    settled = await books.submit(house.settles(entry, NANO))
    rows = await house.rows("usage")
    await house.verify()
    await house.close()

    assert settled == Settled(cost_nano=NANO, credits=1, balance_after=999)
    assert runs == [[settled], [settled]]
    assert len(rows) == 1
