"""PostgreSQL stopped hard, or killed, under load: what was answered stays, and all goes on."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from grip import errors, failpoints
from grip.clock import system_clock
from grip.money.amounts import NANO
from grip.money.entries import Admit, Admitted, Entry, Gone, Outcome, Released, Settled
from grip.store import schema
from grip.store.books import port
from grip.store.engine import Database
from tests.books.server import Server

CALLERS = 24
ROUNDS = 3
A_WHILE = 150


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that tests may stop and kill."""
    with tempfile.TemporaryDirectory(prefix="grip-own-") as folder:
        server = Server(Path(folder), tmp_path_factory.mktemp("locks"))
        yield server
        server.start()
        server.stop()


@pytest.fixture
async def own(server, build) -> AsyncIterator[Any]:
    """A house on a fresh database of that server."""
    server.start()
    name = f"grip_{os.urandom(4).hex()}"
    connection = await asyncpg.connect(server.url())
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    database = Database(server.url(name))
    await schema.upgrade(database)
    await database.close()
    house = build(server.url(name), system_clock)
    await house.prepare()
    yield house
    failpoints.disarm()
    await house.close()


async def surely(books: Any, entry: Entry) -> Outcome:
    """Submit until the database is there to answer."""
    while True:
        with contextlib.suppress(errors.DatabaseUnavailable):
            outcome: Outcome = await books.submit(entry)
            return outcome


class Load:
    """Callers in a loop on all books, who write down what they were answered."""

    def __init__(self, house: Any, books: list[Any], entries: list[Admit]) -> None:
        self.answered: dict[str, Settled] = {}
        self.gone: list[str] = []
        self.waiting_most = 0
        self.is_over = False
        self._house = house
        self._books = books
        self.entries = entries

    async def call(self, number: int) -> None:
        """Call again and again, refused or not."""
        turn = 0
        while not self.is_over:
            turn += 1
            template = self.entries[number % len(self.entries)]
            entry = template._replace(request_id=f"req_{number:02}_{turn:05}")
            try:
                await self._books[number % 2].submit(entry)
            except errors.ServiceUnavailable:
                await asyncio.sleep(0.01)  # as a client does that tries again
                continue
            await self._charge(entry, self._books[(number + turn) % 2])

    async def _charge(self, entry: Admit, books: Any) -> None:
        self.waiting_most = max(self.waiting_most, len(books._waiting))
        outcome = await surely(books, self._house.settles(entry, 3 * NANO))
        if isinstance(outcome, Settled):
            self.answered[entry.request_id] = outcome
        else:
            assert outcome == Gone()
            self.gone.append(entry.request_id)

    async def goes_on(self) -> None:
        """Return when some more calls have been charged."""
        enough = len(self.answered) + A_WHILE
        while len(self.answered) < enough:
            await self._house.rows("meta")


async def test_restarts_under_load_lose_and_double_nothing(own, server, monkeypatch):
    """Every charge that was answered is there once; refusals name the database; all recovers."""
    monkeypatch.setattr(port, "MAX_WAITING", CALLERS)
    both = [await own.open() for _ in range(2)]
    customers = [await own.customer(10**6) for _ in range(4)]
    load = Load(own, both, [await own.asks(both[0], customer, 3) for customer in customers])
    calling = [asyncio.create_task(load.call(number)) for number in range(CALLERS)]
    await load.goes_on()
    for _ in range(ROUNDS):
        await asyncio.to_thread(server.stop)
        await ask_in_vain(both[0], customers[0], load.entries[0])
        await asyncio.to_thread(server.start)
        await load.goes_on()
    load.is_over = True
    await asyncio.gather(*calling)
    while await own.rows("holds"):
        pass

    assert load.waiting_most <= 2 * CALLERS
    usage = await own.rows("usage")
    assert {
        row["request_id"]: Settled(
            cost_nano=row["cost_nano"], credits=row["credits"], balance_after=row["balance_after"]
        )
        for row in usage
    } == load.answered
    assert len(usage) == len(load.answered)
    wallets = [await own.wallet(customer.wallet_id) for customer in customers]
    assert sum(10**6 - wallet.balance for wallet in wallets) == 3 * len(usage)
    await own.verify()


async def ask_in_vain(books: Any, customer: Any, entry: Admit) -> None:
    """Ask a server that is not there: it is the database that is away, and not the key."""
    assert await books.caller(customer.hash) is not None
    for look in (books.caller(customer.hash, fresh=True), books.catalog(fresh=True)):
        with pytest.raises(errors.DatabaseUnavailable):
            await look
    storm = (books.submit(entry._replace(request_id=f"req_vain_{n}")) for n in range(200))
    outcomes = await asyncio.gather(*storm, return_exceptions=True)

    assert {getattr(outcome, "code", outcome) for outcome in outcomes} == {"service_unavailable"}
    # Others go on asking: theirs may wait at this moment.
    left = [waiting for waiting, _ in books._waiting if isinstance(waiting, Admit)]
    assert not any(waiting.request_id.startswith("req_vain_") for waiting in left)


PLACES = (
    "hold.before_commit",
    "hold.after_commit",
    "settle.before_commit",
    "settle.after_commit",
    "flush",
    "settle.after_sync",
)


@pytest.mark.parametrize("place", PLACES)
async def test_a_server_that_is_killed_in_the_middle_charges_once(own, server, monkeypatch, place):
    """Whatever of it was on disk: all charges are answered, in the books, and on disk by then."""
    desk = await Desk(own).open()
    killed = (
        kill_in_flush(desk.books, monkeypatch, server)
        if place == "flush"
        else kill_at(place, server)
    )
    if place.startswith("hold"):
        (told,) = await own.all(desk.books, desk.late)
        assert isinstance(told, errors.DatabaseUnavailable | Admitted)
    charging = asyncio.create_task(desk.charge())
    await killed.wait()
    await asyncio.to_thread(server.start)
    await charging

    await desk.check()


async def test_a_server_that_is_back_before_the_flush_is_asked_again(own, server, monkeypatch):
    """A flush that succeeds proves nothing of what was committed before the server began anew."""
    desk = await Desk(own).open()
    flush = desk.books._flush

    async def restart_and_flush() -> None:
        monkeypatch.undo()
        server.kill()
        await asyncio.to_thread(server.start)
        await flush()

    monkeypatch.setattr(desk.books._barrier, "_flush", restart_and_flush)
    await desk.charge()
    server.kill()
    await asyncio.to_thread(server.start)

    await desk.check()


class Desk:
    """Calls that are held, on disk, and about to be charged."""

    def __init__(self, house: Any) -> None:
        self.house = house

    async def open(self) -> "Desk":
        self.books = await self.house.open()
        self.customer = await self.house.customer(1_000)
        entry = await self.house.asks(self.books, self.customer, 2)
        self.late = entry._replace(request_id="req_late")
        self.held = [entry._replace(request_id=f"req_{number:02}") for number in range(40)]
        await self.house.all(self.books, *self.held)
        await self.house.run("CREATE TABLE now_they_are_on_disk ()")
        return self

    async def charge(self) -> None:
        """Charge all of them, and release one that may or may not be held."""
        ends = [
            self.house.releases(self.late),
            *(self.house.settles(each, 2 * NANO) for each in self.held),
        ]
        outcomes = await asyncio.gather(*(surely(self.books, end) for end in ends))
        assert isinstance(outcomes[0], Released | Gone)
        assert [type(outcome) for outcome in outcomes[1:]] == [Settled] * 40

    async def check(self) -> None:
        """Raise unless each of them was charged once, and nothing is held in the end."""
        usage = await self.house.rows("usage")
        assert sorted(row["request_id"] for row in usage) == [each.request_id for each in self.held]
        while await self.house.rows("holds"):
            pass
        wallet = await self.house.wallet(self.customer.wallet_id)
        assert (wallet.balance, wallet.held) == (1_000 - 2 * 40, 0)
        await self.house.verify()


def kill_in_flush(books: Any, monkeypatch: pytest.MonkeyPatch, server: Server) -> asyncio.Event:
    """Let the server be killed while it has been asked to flush and has not, the first time."""
    flush, killed = books._flush, asyncio.Event()

    async def flush_and_kill() -> None:
        monkeypatch.undo()
        server.freeze()
        flushing = asyncio.create_task(flush())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not flushing.done()
        server.kill()
        killed.set()
        await flushing

    monkeypatch.setattr(books._barrier, "_flush", flush_and_kill)
    return killed


def kill_at(place: str, server: Server) -> asyncio.Event:
    """Let the server be killed where a call comes by, the first time."""
    killed = asyncio.Event()

    def kill() -> None:
        failpoints.disarm()
        server.kill()
        killed.set()

    failpoints.arm(place, kill)
    return killed
