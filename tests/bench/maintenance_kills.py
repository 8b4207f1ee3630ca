"""Maintenance that is killed with SIGKILL at random: rollups equal their rows, nothing goes early.

    python -m tests.bench.maintenance_kills [--kills N] [--seed N] [ENGINE…]

The killed process runs the real steps in small transactions, so that there are many places to die.
Prints a line for each engine; exits with 1 where anything is wrong.
"""

import argparse
import asyncio
import contextlib
import random
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from grip.clock import system_clock
from grip.services import ledger
from grip.services.context import Context
from grip.services.maintenance import retention, rollup
from grip.services.maintenance.step import Run
from grip.store import rollups
from grip.store.rollups import DAY_US
from grip.store.tables import detail, rollup_block, usage, usage_day
from tests.bench import growing, postgres, processes
from tests.bench.growing import Shape

_BLOCK_ROWS = 20
_BATCH_ROWS = 2
_BEGUN = "begun"
_ENDED_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How often each step was killed before its end, and what was wrong after that."""

    killed: dict[str, int]
    wrong: list[str]


def main() -> int:
    """Kill on each engine; or be the one that is killed."""
    if sys.argv[1:2] == ["--victim"]:
        asyncio.run(_maintain(*sys.argv[2:]))
        return 0
    parser = argparse.ArgumentParser(prog="python -m tests.bench.maintenance_kills")
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help="sqlite, postgres")
    parser.add_argument("--kills", type=int, default=50, help="how often (50)")
    parser.add_argument("--seed", type=int, default=7, help="of the chance (7)")
    told = parser.parse_args()
    processes.stop_on_signals()
    wrong = 0
    for engine in told.engines or ["sqlite", "postgres"]:
        with _database(engine) as url:
            outcome = asyncio.run(kill(url, told.kills, told.seed))
        killed = ", ".join(f"{count} times in {step}" for step, count in outcome.killed.items())
        print(f"{engine}: killed {killed}; {len(outcome.wrong)} things wrong", flush=True)
        for sentence in outcome.wrong:
            print(f"  {sentence}")
        wrong += len(outcome.wrong)
    return 1 if wrong else 0


@contextlib.contextmanager
def _database(engine: str) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grip-kills-")))
        folder.chmod(0o755)  # PostgreSQL does not run as root, but comes here
        url = f"sqlite:///{folder / 'grip.db'}"
        if engine == "postgres":
            (folder / "server").mkdir(mode=0o755)
            cores = frozenset(processes.all_cores())
            url = stack.enter_context(postgres.running(folder / "server", cores)).create("kills")
        yield url


async def kill(url: str, kills: int, seed: int) -> Outcome:
    """Kill maintenance so often on an empty database of `url`, and look after each time."""
    await growing.grow(url, Shape(rows=max(60 * kills, 1200), wallets=3, days=120, detail_every=1))
    context = growing.surroundings(url)
    try:
        return await _Killing(context, url, random.Random(seed)).run(kills)
    finally:
        await context.database.close()


class _Killing:
    """Kills, and looks."""

    def __init__(self, context: Context, url: str, chance: random.Random) -> None:
        self._context = context
        self._url = url
        self._chance = chance

    async def run(self, kills: int) -> Outcome:
        killed: dict[str, int] = dict.fromkeys(_STEPS, 0)
        wrong: list[str] = []
        for step in _STEPS:
            ended = 0
            while killed[step] < kills // len(_STEPS) and ended < _ENDED_MAX and not wrong:
                is_killed = await asyncio.to_thread(self._strike, step)
                killed[step] += is_killed
                ended += not is_killed
                wrong = await self._look()
            # Who comes after the last that was killed does the rest.
            await _STEPS[step](self._context)
        wrong = wrong or await self._look()
        if not (await ledger.verify(self._context)).ok:
            wrong.append("the books do not add up")
        return Outcome(killed=killed, wrong=wrong)

    def _strike(self, step: str) -> bool:
        """Start it, and kill it a moment after it began; return whether that came in time."""
        program = [sys.executable, "-m", "tests.bench.maintenance_kills"]
        command = [*program, "--victim", self._url, step]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as victim:
            if victim.stdout is None or victim.stdout.readline().strip() != _BEGUN:
                raise AssertionError("maintenance did not begin")
            with contextlib.suppress(subprocess.TimeoutExpired):
                victim.wait(self._chance.uniform(0.001, 0.15))
            victim.kill()
        return victim.returncode < 0

    async def _look(self) -> list[str]:
        """Return what is wrong now."""
        now_us = self._context.clock()
        day = rollups.day_of(now_us + DAY_US)
        wrong = await rollup.differences(self._context, "2000-01-01", day)
        async with self._context.database.read() as connection:
            blocks = (
                await connection.execute(sa.select(rollup_block).order_by(rollup_block.c.number))
            ).all()
            rolled = await connection.execute(sa.select(sa.func.sum(usage_day.c.calls)))
            early = await connection.execute(_missing(now_us))
            gone = await connection.execute(_unproven())
            counts = rolled.scalar_one() or 0, early.scalar_one(), gone.scalar_one()
        last = 0
        for number, block in enumerate(blocks, start=1):
            if (block.number, block.first_seq) != (number, last + 1):
                wrong.append(f"block {block.number} does not follow the one before")
            last = block.last_seq
        if counts[0] != sum(block.rows for block in blocks):
            wrong.append(f"{counts[0]} calls are rolled up, and blocks have another number")
        if counts[1]:
            wrong.append(f"{counts[1]} details of young calls are gone")
        if counts[2]:
            wrong.append(f"{counts[2]} details went before their usage was rolled up")
        return wrong


def _missing(now_us: int) -> "sa.Select[Any]":
    """Count calls of the last 30 days whose detail has gone: each had one."""
    has_detail = sa.exists().where(detail.c.request_id == usage.c.request_id)
    young = usage.c.created_us >= now_us - 30 * DAY_US
    return sa.select(sa.func.count()).select_from(usage).where(young, ~has_detail)


def _unproven() -> "sa.Select[Any]":
    """Count calls that are in no block and have no detail, though once they had."""
    has_detail = sa.exists().where(detail.c.request_id == usage.c.request_id)
    rolled = sa.select(sa.func.coalesce(sa.func.max(rollup_block.c.last_seq), 0)).scalar_subquery()
    had = usage.c.created_us >= growing.details_since_us(system_clock())
    query = sa.select(sa.func.count()).select_from(usage)
    return query.where(had, usage.c.seq > rolled, ~has_detail)


async def _maintain(url: str, step: str) -> None:
    """Be killed."""
    context = growing.surroundings(url)
    async with context.database.read() as connection:
        await connection.execute(sa.text("SELECT 1"))
    print(_BEGUN, flush=True)
    await _STEPS[step](context)
    await context.database.close()


async def _roll_up(context: Context) -> None:
    await rollup.run(context, Run(), block_rows=_BLOCK_ROWS)


async def _delete(context: Context) -> None:
    await retention.run(context, Run(trusts_clock=True), batch_rows=_BATCH_ROWS)


_STEPS: Mapping[str, Callable[[Context], Awaitable[None]]] = {
    "rollup": _roll_up,
    "retention": _delete,
}


if __name__ == "__main__":
    sys.exit(main())
