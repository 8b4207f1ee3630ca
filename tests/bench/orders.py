"""Ten thousand orders at once: that none is lost, that numbers have no gap, and how long it takes.

    python -m tests.bench.orders [--orders N] [--workers N] [--wallets N] [ENGINE…]

The workers are those of `tests.selling.rush`, some of whose transactions are rolled back. Prints a
line of markdown for each engine; exits with 1 where `grip reconcile` or the ledger finds anything.
"""

import argparse
import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from grip.payments.port import Charge
from grip.services.selling.reconciling import Difference
from grip.store import schema
from tests.bench import postgres, processes
from tests.selling import rush


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """So many orders, of so many wallets, by so many workers."""

    engines: list[str]
    orders: int
    workers: int
    wallets: int


def main() -> int:
    """Sell, and compare; return 0, or 1 where there are differences."""
    plan = _parse()
    processes.stop_on_signals()
    print(f"{plan.orders} orders of {plan.wallets} wallets, {plan.workers} workers\n")
    print("| database | selling | orders/s | comparing | documents | gaps | differences |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    kept = [_measure(engine, plan) for engine in plan.engines]
    return 0 if all(kept) else 1


def _parse() -> Plan:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.orders")
    add = parser.add_argument
    add("engines", nargs="*", metavar="ENGINE", help="sqlite, postgres; both by default")
    add("--orders", type=int, default=10_000, help="how many (10000)")
    add("--workers", type=int, default=4, help="how many processes sell (4)")
    add("--wallets", type=int, default=500, help="how many customers buy (500)")
    told = parser.parse_args()
    return Plan(
        engines=told.engines or ["sqlite", "postgres"],
        orders=told.orders,
        workers=told.workers,
        wallets=told.wallets,
    )


def _measure(engine: str, plan: Plan) -> bool:
    """Sell on a fresh database of one engine; print a row, and return whether all agrees."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grip-bench-")))
        folder.chmod(0o755)  # PostgreSQL does not run as root, but comes here
        url = f"sqlite:///{folder / 'grip.db'}"
        if engine == "postgres":
            (folder / "server").mkdir(mode=0o755)
            cores = frozenset(processes.all_cores())
            url = stack.enter_context(postgres.running(folder / "server", cores)).create("orders")
        wallets = asyncio.run(_prepare(url, plan.wallets))
        began = time.monotonic()
        charges = _sell(url, plan, wallets)
        sold_s = time.monotonic() - began
        began = time.monotonic()
        numbers, found = asyncio.run(_compare(url, charges))
        compared_s = time.monotonic() - began
    documents = sum(len(each) for each in numbers.values())
    gaps = sum(each[-1] - len(each) for each in numbers.values())
    print(
        f"| {engine} | {sold_s:.1f} s | {len(charges) / sold_s:.0f} | {compared_s:.1f} s | "
        f"{documents} | {gaps} | {len(found)} |",
        flush=True,
    )
    return len(charges) == plan.orders and not gaps and not found


def _sell(url: str, plan: Plan, wallets: list[str]) -> list[Charge]:
    each = plan.orders // plan.workers
    program = [sys.executable, "-m", "tests.selling.rush", url]
    begun = [
        subprocess.Popen(
            [*program, str(number * each), str(each), *wallets], stdout=subprocess.PIPE
        )
        for number in range(plan.workers)
    ]
    told = [process.communicate()[0] for process in begun]
    return [one for line in told for one in msgspec.json.decode(line, type=list[Charge])]


async def _prepare(url: str, count: int) -> list[str]:
    context = rush.surroundings(url)
    await schema.ensure(context.database)
    wallets = await rush.customers(context, count)
    await context.database.close()
    return wallets


async def _compare(
    url: str, charges: list[Charge]
) -> tuple[dict[str, list[int]], list[Difference]]:
    context = rush.surroundings(url)
    numbers = await rush.numbers(context)
    found = await rush.differences(context, charges)
    await context.database.close()
    return numbers, found


if __name__ == "__main__":
    sys.exit(main())
