"""Wall clocks that jump by hours: nobody is locked out, and nobody's call is given up.

SQLite's books take the node's clock, PostgreSQL's the server's; both are moved here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from grip import errors
from grip.clock import Clock
from grip.money.amounts import NANO
from grip.money.entries import Admitted, Settled
from grip.money.states import TierLimits
from grip.store.books import HotBooks
from grip.store.engine import Database
from tests.books.conftest import Customer, House
from tests.jobs.conftest import Watch

HOUR_S = 3600.0
JUMPS = pytest.mark.parametrize("jump_s", [5 * HOUR_S, -400 * HOUR_S])
LIMITED = {"free": TierLimits(qps=2, tpm=100)}

Jump = Callable[[float], Awaitable[None]]

# What a session finds before the catalog's own function: the same, moved by so many seconds.
MOVABLE = """
CREATE TABLE moved (seconds double precision);
INSERT INTO moved VALUES (0);
CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
$$ SELECT pg_catalog.clock_timestamp() + seconds * interval '1 second' FROM public.moved $$;
"""


@pytest.fixture
async def house(database: Database, clock: Clock) -> AsyncIterator[House]:
    """A house whose database's clock can be moved, on each engine in turn."""
    if not database.is_sqlite:
        operator = await asyncpg.connect(database.dsn)
        await operator.execute(MOVABLE)
        name = await operator.fetchval("SELECT current_database()")
        await operator.execute(f'ALTER DATABASE "{name}" SET search_path = public, pg_catalog')
        await operator.close()
    house = House(database, clock)
    await house.prepare()
    yield house
    await house.close()


@pytest.fixture
def jump(house: House) -> Jump:
    """Moves the clock of the books, and that of the node."""

    async def move(seconds: float) -> None:
        house.clock.advance(seconds)  # type: ignore[attr-defined]
        if not house.database.is_sqlite:
            await house.run(f"UPDATE moved SET seconds = seconds + {seconds}")  # noqa: S608

    return move


async def refused(
    house: House, books: HotBooks, customer: Customer, tokens: int = 1
) -> errors.RateLimitExceeded:
    """Call until a limit is reached; return what the last call was told."""
    for _ in range(4):
        try:
            await books.submit(await house.asks(books, customer, tokens=tokens))
        except errors.RateLimitExceeded as error:
            return error
    raise AssertionError("no limit was reached")


@JUMPS
async def test_a_call_is_charged_however_the_clock_jumped_meanwhile(
    house: House, jump: Jump, jump_s: float
):
    """A hold has no time to live; its tokens are corrected where they were counted."""
    books = await house.open(LIMITED)
    ana = await house.customer(rpm=5)
    entry = await house.asks(books, ana, 2, tokens=60)
    admitted = await books.submit(entry)
    await jump(jump_s)
    settled = await books.submit(house.settles(entry, NANO))
    (row,) = await house.rows("usage")
    wallet = await house.wallet(ana.wallet_id)

    assert isinstance(admitted, Admitted)
    assert settled == Settled(cost_nano=NANO, credits=1, balance_after=999)
    assert abs(row["created_us"] - admitted.admitted_us - jump_s * 1e6) < 60e6
    assert (wallet.balance, wallet.held) == (999, 0)
    await house.verify()


@JUMPS
@pytest.mark.parametrize("name", ["wallet_qps", "key_rpm", "wallet_tpm"])
async def test_limits_lock_nobody_out_when_the_clock_jumps(
    house: House, jump: Jump, jump_s: float, name: str
):
    """What was counted hours ahead, or hours ago, has left the window; there and back again."""
    books = await house.open(LIMITED)
    ana = await house.customer(rpm=1 if name == "key_rpm" else None)
    tokens = 99 if name == "wallet_tpm" else 1
    error = await refused(house, books, ana, tokens)
    await jump(jump_s)
    there = await books.submit(await house.asks(books, ana, tokens=tokens))
    await jump(-jump_s)
    back = await books.submit(await house.asks(books, ana, tokens=tokens))

    assert error.metadata == {"limit": name}
    assert (type(there), type(back)) == (Admitted, Admitted)
    await house.verify()


@JUMPS
async def test_limits_hold_after_the_clock_has_jumped(house: House, jump: Jump, jump_s: float):
    """And what a refused call is told is no longer than the window."""
    books = await house.open(LIMITED)
    ana = await house.customer()
    await refused(house, books, ana)
    await jump(jump_s)
    error = await refused(house, books, ana)

    assert error.retry_after_s is not None
    assert 0 < error.retry_after_s <= 1


@pytest.mark.parametrize("jump_s", [-30.0, -59.0])
async def test_a_clock_that_is_set_back_within_the_window_keeps_the_promise(
    house: House, jump: Jump, jump_s: float
):
    """Never more than the limit in any minute of it; the wait is that minute and the difference."""
    books = await house.open()
    ana = await house.customer(rpm=1)
    entry = await house.asks(books, ana)
    await books.submit(entry)
    await jump(jump_s)
    again = entry._replace(request_id=f"{entry.request_id}.2")
    with pytest.raises(errors.RateLimitExceeded) as told:
        await books.submit(again)
    wait_s = told.value.retry_after_s
    assert wait_s is not None
    await jump(wait_s)

    assert wait_s <= 60 - jump_s
    assert isinstance(await books.submit(again), Admitted)


@JUMPS
async def test_nobody_is_given_up_when_the_clock_jumps(
    house: House, jump: Jump, jump_s: float, watch: Watch
):
    """Who beats lives, in whatever year; who does not is dead no sooner and no later."""
    books, ana = await house.open(), await house.customer()
    lives, looks, died = [await watch(await house.open()) for _ in range(3)]
    held = await house.asks(books, ana, boot_id=lives.boot.id)
    left = await house.asks(books, ana, boot_id=died.boot.id)
    for entry in (held, left):
        await books.submit(entry)
    resolved = []
    for _ in range(4):
        await jump(jump_s)
        resolved.append(await lives.look() + await looks.look())
        await jump(-jump_s)

    assert resolved == [0, 0, 0, 1]
    assert [row["request_id"] for row in await house.rows("holds")] == [held.request_id]
    assert isinstance(await books.submit(house.settles(held, NANO)), Settled)
    await house.verify()
