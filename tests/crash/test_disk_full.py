"""A gateway on SQLite whose disk is full: named errors, no half of a deed, and it goes on after.

The disk is full for the program alone: `full_disk.c`, preloaded, fails what goes to the database,
its log and its index. What the program logs goes elsewhere.
"""

import json
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest
from anyio.from_thread import BlockingPortal
from sqlalchemy.engine import make_url

from grip import errors
from grip.clock import system_clock
from grip.money.amounts import NANO
from grip.money.entries import COMPLETED, CRASH_VOID, Release
from grip.store.books.sqlite_writer import Writer
from tests.crash.clients import Ask, Crowd, Seen
from tests.crash.conftest import Ruin, fresh_ruin
from tests.e2e import gateway
from tests.e2e.gateway import command
from tests.e2e.house import HELLO, POLITE_NANO, House
from tests.e2e.scripts import DONE, LAST_PART, STREAM_HEAD, TEXT, USAGE_EVENT, part, polite
from tests.e2e.upstream import Exchange, Upstream

CALLS = 20
START = 1_000_000
SOURCE = Path(__file__).with_name("full_disk.c")
UNAVAILABLE = "service_unavailable"

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


class Rush:
    """One customer with many calls at a time, whole and streamed, whose answers wait for a word."""

    def __init__(self, house: House, crowd: Crowd) -> None:
        self._house = house
        self._crowd = crowd
        self._gate = threading.Event()
        self._good = house.sell(self._serve)
        self.customer = house.customer(credits_=START)
        self.call()

    def call(self) -> list[Seen]:
        """Make all calls, and return what they saw; who came to the upstream was answered."""
        self._gate.set()
        self._send()
        seen = self._crowd.wait()
        self._good.door.arrivals.queue.clear()
        return seen

    def begin(self) -> None:
        """Make all calls; streams have begun at the upstream, and nothing comes to its end."""
        self._gate.clear()
        self._send()
        for _ in range(CALLS):
            self._good.door.next()

    def end(self) -> list[Seen]:
        """Let the upstream answer, and return what the clients saw."""
        self._gate.set()
        return self._crowd.wait()

    def move(self, house: House) -> None:
        """Go on at another gateway."""
        self._house = house

    def ask_openai(self) -> None:
        """Make one call with OpenAI's client."""
        client = self._house.client(self.customer.secret)
        client.chat.completions.create(model=self._good.name, messages=HELLO, max_tokens=50)

    @property
    def headers(self) -> dict[str, str]:
        """The customer's authorization."""
        return {"authorization": f"Bearer {self.customer.secret}"}

    @property
    def arrived(self) -> int:
        """Return how many calls have come to the upstream in all."""
        return len(self._good.door.requests)

    def assert_charged(self, *, unseen: int = 0) -> None:
        """Each answer that was seen in full is charged once; so are `unseen` more at the most."""
        rows = self._house.usage(self.customer)
        charged = [row for row in rows if row.status == COMPLETED]
        seen = {seen.request_id for seen in self._crowd.log if seen.in_full}
        wallet = self._house.wallet(self.customer)

        assert seen <= {row.request_id for row in charged}
        assert len(seen) <= len(charged) <= len(seen) + unseen
        assert {row.status for row in rows} <= {COMPLETED, CRASH_VOID}
        assert all(row.cost_nano == (row.status == COMPLETED) * POLITE_NANO for row in rows)
        assert (START - wallet.balance) * NANO + wallet.carry_nano == len(charged) * POLITE_NANO
        assert (wallet.held, self._house.holds(self.customer)) == (0, 0)

    def _send(self) -> None:
        self._crowd.send(
            Ask(
                url=self._house.gateway.url,
                secret=self.customer.secret,
                model=self._good.name,
                stream=number % 2 == 1,
            )
            for number in range(CALLS)
        )

    def _serve(self, exchange: Exchange) -> None:
        if not exchange.request.json.get("stream"):
            exchange.wait(self._gate)
            polite(exchange)
            return
        exchange.send(STREAM_HEAD + part(TEXT[0]))
        exchange.wait(self._gate)
        exchange.send(b"".join(map(part, [*TEXT[1:], USAGE_EVENT, DONE])) + LAST_PART)


@pytest.fixture(scope="module", autouse=True)
def _preloaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What stands between a disk and all processes that the tests start, gateways and commands."""
    made = tmp_path_factory.mktemp("disk") / "full_disk.so"
    words = ["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", str(SOURCE)]
    subprocess.run([*words, "-o", str(made), "-ldl"], check=True)
    plain = gateway.environ

    def environ(database_url: str) -> dict[str, str]:
        disk = make_url(database_url).database or ""
        return plain(database_url) | {"LD_PRELOAD": str(made), "FULL_DISK": disk}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.e2e.gateway.environ", environ)
        patch.setattr("tests.crash.nodes.environ", environ)
        yield


@pytest.fixture(params=["sqlite"])
def ruin(
    request: pytest.FixtureRequest, tmp_path: Path, portal: BlockingPortal, upstream: Upstream
) -> Iterator[Ruin]:
    """A fresh database on a disk that has space."""
    with fresh_ruin(request, tmp_path, portal, upstream) as ruin:
        yield ruin


@pytest.fixture(scope="module", params=["sqlite"])
def standing(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    portal: BlockingPortal,
    upstream: Upstream,
) -> Iterator[tuple[Ruin, House]]:
    """A gateway that lives on, however often its disk is full."""
    folder = tmp_path_factory.mktemp("standing")
    with fresh_ruin(request, folder, portal, upstream) as ruin:
        with ruin.serving() as (house,):
            yield ruin, house
        _assert_whole(ruin)


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    """As many clients as there are calls at a time."""
    crowd = Crowd(CALLS)
    yield crowd
    crowd.close()


def _path(ruin: Ruin) -> Path:
    path = ruin.context.database.path
    assert path is not None
    return path


@contextmanager
def _full(ruin: Ruin, way: str) -> Iterator[Path]:
    """Leave no space within the block, in a way that `full_disk.c` knows; return what says so."""
    flag = Path(f"{_path(ruin)}.is-full")
    fresh = flag.with_suffix(".new")
    fresh.write_text(way)
    fresh.rename(flag)
    try:
        yield flag
    finally:
        flag.unlink(missing_ok=True)


def _code(seen: Seen) -> str | None:
    """Return the code of the error in which an answer or a stream ended, None where it is whole."""
    if seen.in_full or seen.status != 200:
        return seen.code
    *_, name, data = seen.body.strip().split(b"\n")
    code = json.loads(data.removeprefix(b"data: "))["error"]["code"]
    return str(code) if name == b"event: error" else None


def _ends(calls: Iterable[Seen]) -> set[tuple[bool, str | None]]:
    """Return in which ways calls ended: whether in full, and the code of the error."""
    return {(seen.in_full, _code(seen)) for seen in calls}


def _are_good(calls: Iterable[Seen]) -> bool:
    return all(seen.in_full for seen in calls)


def _told(house: House, event: str, start: int = 0) -> list[str]:
    """Return what the log said with this event, from a place in it."""
    lines = map(json.loads, house.gateway.log[start:].splitlines())
    return [line.get("error", "") for line in lines if line.get("event") == event]


def _assert_whole(ruin: Ruin) -> None:
    """The books add up, and the file is sound."""
    ruin.assert_verified()
    connection = sqlite3.connect(_path(ruin))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_a_settlement_that_finds_space_at_its_next_try_is_charged(
    standing: tuple[Ruin, House], crowd: Crowd
):
    """Its client sees the whole answer."""
    ruin, house = standing
    rush = Rush(house, crowd)
    rush.begin()
    with _full(ruin, "once") as flag:
        seen = rush.end()
        was_met = not flag.exists()
    rush.assert_charged()

    assert was_met
    assert _are_good(seen)


def test_a_full_disk_turns_calls_away_until_there_is_space(
    standing: tuple[Ruin, House], crowd: Crowd, tmp_path: Path
):
    """Nothing is charged that was not answered; nobody has to start anything again."""
    ruin, house = standing
    before = len(house.gateway.log)
    rush = Rush(house, crowd)
    credit = ["wallet", "credit", rush.customer.wallet_id, "5", "--reason", "test", "--json"]
    rush.begin()
    with _full(ruin, "writes"):
        caught = rush.end()
        arrived = rush.arrived
        late = rush.call()
        with pytest.raises(openai.InternalServerError) as refused:
            rush.ask_openai()
        credited = command(ruin.url, tmp_path, *credit)
        shown = house.http.get("/v1/wallet", headers=rush.headers)
        turned_away = rush.arrived - arrived
    again = rush.call()
    ruin.wait_resolved()
    rush.assert_charged()

    assert _ends(caught) == _ends(late) == {(False, UNAVAILABLE)}
    assert {seen.status for seen in late} == {503}
    assert (refused.value.status_code, refused.value.code) == (503, UNAVAILABLE)
    assert turned_away == 0
    assert _are_good(again)
    (told,) = _told(house, "books.disk_full", before)
    assert "make room" in told
    assert len(_told(house, "books.available_again", before)) == 1
    error = json.loads(credited.stderr)["error"]
    assert (credited.returncode, credited.stdout, error["code"]) == (1, "", UNAVAILABLE)
    assert "make room" in error["message"]
    assert shown.json()["held"] > 0


def test_a_disk_that_gives_no_more_blocks_lets_some_calls_pass_and_charges_those(
    standing: tuple[Ruin, House], crowd: Crowd
):
    """The log of writes begins anew in its own blocks, until the database would have to grow."""
    ruin, house = standing
    before = len(house.gateway.log)
    rush = Rush(house, crowd)
    rush.begin()
    with _full(ruin, "blocks"):
        seen = rush.end()
        while not (told := _told(house, "books.checkpoint_failed", before)) or _are_good(seen):
            seen += rush.call()
    again = rush.call()
    ruin.wait_resolved()
    rush.assert_charged()

    assert _ends(seen) <= {(False, UNAVAILABLE), (True, None)}
    assert _are_good(again)
    assert "make room" in told[0]


def test_a_flush_that_finds_no_space_ends_the_gateway(ruin: Ruin, crowd: Crowd):
    """The next one goes on; what was settled and not flushed is charged once, or not at all."""
    with ruin.serving(status=1) as (house,):
        rush = Rush(house, crowd)
        rush.begin()
        with _full(ruin, "flush"):
            caught = rush.end()
        status = house.gateway.wait()
        (told,) = _told(house, "books.not_on_disk")
    with ruin.serving(dead_after_s=1) as (house,):
        ruin.wait_resolved()
        rush.move(house)
        again = rush.call()
        rush.assert_charged(unseen=CALLS)

    _assert_whole(ruin)
    assert status == 1
    assert _ends(caught) == {(False, UNAVAILABLE)}
    assert _are_good(again)
    assert "No space left" in told
    assert "start grip again" in told


def test_a_start_on_a_full_disk_says_why_it_fails(ruin: Ruin, tmp_path: Path):
    """So does a command that would only read, in one line; when there is space, grip starts."""
    commands = (["serve", "--port", "0"], ["wallet", "list"])
    with _full(ruin, "blocks"):
        failed = [command(ruin.url, tmp_path, *words) for words in commands]
    with ruin.serving():
        pass

    for done in failed:
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert done.stderr.startswith(f"error: {UNAVAILABLE}: ")
        assert "make room" in done.stderr


def test_callers_who_share_a_transaction_have_errors_of_their_own(
    ruin: Ruin, monkeypatch: pytest.MonkeyPatch
):
    """The limits that one of them is told with theirs are nobody else's."""
    monkeypatch.setattr("grip.store.books.sqlite_writer._AGAIN_AFTER_S", 0)
    writer = Writer(_path(ruin), {}, system_clock)
    writer.open()
    writer._db.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(_path(ruin), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    first, second = writer.run([Release(request_id="req_1"), Release(request_id="req_2")])
    other.close()
    writer.close()

    assert isinstance(first, errors.DatabaseUnavailable)
    assert isinstance(second, errors.DatabaseUnavailable)
    assert first is not second
