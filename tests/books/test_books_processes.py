"""Real processes on one database: limits and money stay exact, and no process needs the others."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from grip.clock import system_clock
from grip.money.amounts import NANO
from tests import forks
from tests.e2e.gateway import environ


class Worker:
    """One process with books of its own, and what it has told so far."""

    def __init__(self, process: forks.Popen) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._in = process.stdin
        self._out = process.stdout
        self.told: list[tuple[str, str]] = []

    async def begin(self, orders: list[dict[str, Any]]) -> None:
        self._say(json.dumps(orders))
        assert await asyncio.to_thread(self._out.readline) == "ready\n"

    def go(self) -> None:
        self._say("go")

    async def hear(self, count: int | None = None) -> None:
        """Take in so many lines, or all until its end."""
        await asyncio.to_thread(self._hear, count)

    async def end(self) -> int:
        """Return its status, once it has ended."""
        return await asyncio.to_thread(self.process.wait)

    def _say(self, line: str) -> None:
        self._in.write(f"{line}\n")
        self._in.flush()

    def _hear(self, count: int | None) -> None:
        while (count is None or len(self.told) < count) and (line := self._out.readline()):
            if line.endswith("\n"):
                request_id, outcome = json.loads(line)
                self.told.append((request_id, outcome))

    def counts(self) -> Counter[str]:
        return Counter(outcome for _, outcome in self.told)


@pytest.fixture
async def many(database_url, build) -> AsyncIterator[Any]:
    """A house in real time, on each engine in turn."""
    house = build(database_url, system_clock)
    await house.prepare()
    yield house
    await house.close()


@pytest.fixture
async def start(many, tmp_path: Path) -> AsyncIterator[Callable[[int], Awaitable[list[Worker]]]]:
    """Starts so many processes on the house; none outlives the test."""
    started: list[Worker] = []

    async def start(count: int) -> list[Worker]:
        for _ in range(count):
            process = forks.Popen(
                [sys.executable, "-m", "tests.books.worker", many.database.url],
                env=environ(many.database.url),
                cwd=tmp_path,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            started.append(Worker(process))
        return started

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()


def order(entry: Any, count: int, *, settle: Any = None, at_once: int | None = None) -> Any:
    """Return what a worker is told to do; all at once unless told."""
    return {"entry": entry, "settle": settle, "count": count, "at_once": at_once or count}


async def run(workers: list[Worker], orders: list[list[Any]]) -> Counter[str]:
    """Let all go at the same moment, and return what everything came to."""
    await asyncio.gather(*(each.begin(own) for each, own in zip(workers, orders, strict=True)))
    for each in workers:
        each.go()
    await asyncio.gather(*(each.hear() for each in workers))
    assert [await each.end() for each in workers] == [0] * len(workers)
    return sum((each.counts() for each in workers), Counter())


async def test_four_processes_admit_what_one_limit_allows(many, start):
    """Of 1,000 calls on a key with 100 a minute, exactly 100; what they cost is exact too."""
    books = await many.open()
    workers = await start(4)
    ana = await many.customer(rpm=100)
    entry = await many.asks(books, ana, 1)
    settle = many.settles(entry, NANO // 3)
    counts = await run(
        workers,
        [[order(entry._replace(request_id=f"req_{n}"), 250, settle=settle)] for n in range(4)],
    )

    assert counts == {"Admitted": 100, "Settled": 100, "RateLimitExceeded": 900}
    wallet = await many.wallet(ana.wallet_id)
    assert (wallet.balance, wallet.held, wallet.carry_nano) == (967, 0, 100 * (NANO // 3) % NANO)
    await many.verify()


async def test_three_processes_hold_what_there_is_and_no_more(many, start):
    """Three holds of three tenths of the wallet, of fifty: the rich are counted like the poor."""
    books = await many.open()
    workers = await start(3)
    wallets = {300: await many.customer(1_000), 3 * 10**8: await many.customer(10**9)}
    entries = {amount: await many.asks(books, who, amount) for amount, who in wallets.items()}
    counts = await run(
        workers,
        [
            [
                order(entry._replace(request_id=f"req_{amount}_{n}"), count)
                for amount, entry in entries.items()
            ]
            for n, count in enumerate((17, 17, 16))
        ],
    )

    assert counts == {"Admitted": 6, "InsufficientCredits": 94}
    for amount, customer in wallets.items():
        wallet = await many.wallet(customer.wallet_id)
        assert (wallet.balance * 9, wallet.held * 10) == (wallet.held * 10, amount * 30)
    await many.verify()


async def test_three_processes_charge_to_the_last_credit_and_each_call_once(many, start):
    """Calls in pairs on a shared wallet, beside calls that all have the same Idempotency-Key."""
    books = await many.open()
    workers = await start(3)
    poor, sure = await many.customer(1_000), await many.customer(1_000)
    pairs = await many.asks(books, poor, 30)
    once = await many.asks(books, sure, 7, idem_key="idem", fingerprint="body")
    counts = await run(
        workers,
        [
            [
                order(
                    entry._replace(request_id=f"req_{name}_{n}"),
                    40,
                    settle=many.settles(entry, entry.estimate_nano),
                )
                for name, entry in (("pairs", pairs), ("once", once))
            ]
            for n in range(3)
        ],
    )

    assert counts == {
        "Admitted": 33 + 1,
        "Settled": 33 + 1,
        "InsufficientCredits": 120 - 33,
        "IdempotencyKeyInUse": 120 - 1,
    }
    assert (await many.wallet(poor.wallet_id)).balance == 10
    assert (await many.wallet(sure.wallet_id)).balance == 993
    await many.verify()


async def test_a_process_that_is_killed_takes_nothing_with_it(many, start):
    """The others go on; whatever it had told is in the books, and what it held still is."""
    books = await many.open()
    workers = await start(3)
    ana = await many.customer(10**6)
    entry = await many.asks(books, ana, 2)
    settle = many.settles(entry, 2 * NANO)
    own = [entry._replace(request_id=f"req_{n}", boot_id=f"boot_{n}") for n in range(3)]
    victim = workers[0]
    await asyncio.gather(
        victim.begin([order(own[0], 10**6, settle=settle, at_once=16)]),
        *(
            each.begin([order(own[n], 300, settle=settle, at_once=16)])
            for n, each in enumerate(workers[1:], 1)
        ),
    )
    for each in workers:
        each.go()
    await victim.hear(100)
    victim.process.kill()
    await asyncio.gather(*(each.hear() for each in workers))
    assert [await each.end() for each in workers] == [-9, 0, 0]

    told = {name for each in workers for name, outcome in each.told if outcome == "Settled"}
    usage = await many.rows("usage")
    charged = {row["request_id"] for row in usage}
    holds = await many.rows("holds")
    assert len(charged) == len(usage)
    assert told <= charged
    assert all(name.startswith("req_0_") for name in charged - told)
    assert len(charged - told) <= 16
    assert {row["boot_id"] for row in holds} <= {"boot_0"}
    assert len(holds) <= 16
    assert all(each.counts() == {"Admitted": 300, "Settled": 300} for each in workers[1:])
    wallet = await many.wallet(ana.wallet_id)
    assert (wallet.balance, wallet.held) == (10**6 - 2 * len(usage), 2 * len(holds))
    await many.verify()
