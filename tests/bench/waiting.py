"""What it costs to look after tasks that wait: a real `grip worker`, and a thousand of them.

    python -m tests.bench.waiting [--tasks N] [--seconds S] [--polls N] [--vendor V] [ENGINE…]

Prints, as markdown, the processor time of the worker and how the distances between looks compare
to those that were intended. `--vendor http` is an upstream of videos on loopback, one request for
each look; `--vendor sandbox` answers within the worker. Refuses to count the database's server in.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from grip import app, settings
from grip.ids import key_hash
from grip.money.pricing import Rates
from grip.services import accounts, channels, keys, models
from grip.store import schema
from grip.store.engine import Database
from grip.store.tables import task
from grip.tasks.desk import Wish
from tests.bench import postgres, processes
from tests.bench.books import configure

_ACTOR = "bench"
_MODEL = "film"
_SAMPLE_S = 0.5
_READY_WITHIN_S = 120
_ALLOWED = 2
_CAP_S = 30
_TARGET = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is measured: so many tasks that were looked at `polls` times before, for so long."""

    engines: list[str]
    vendor: str
    tasks: int
    seconds: float
    polls: int


@dataclass(slots=True)
class Seen:
    """Distances between looks at one task: what was intended, and what came of it, in seconds."""

    polls: int
    due_us: int
    at_us: int | None = None
    distances: list[tuple[float, float]] = field(default_factory=list)

    def note(self, polls: int, due_us: int, now_us: int) -> None:
        """Take note of how a task stands: another count is another look."""
        if polls == self.polls:
            return
        if self.at_us is not None:
            wanted, came = self.due_us - self.at_us, now_us - self.at_us
            self.distances.append((wanted / 1e6, came / 1e6))
        self.polls, self.due_us, self.at_us = polls, due_us, now_us


def main() -> int:
    """Measure and print; return 0, or 1 where a target was missed."""
    plan = _parse()
    processes.stop_on_signals()
    print(f"{plan.tasks} waiting tasks, {plan.seconds:g} s, vendor: {plan.vendor}\n")
    print("| database | looks/s | CPU of a core | CPU per look | distance/intended p50, p99, max |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    try:
        kept = [_measure(engine, plan) for engine in plan.engines]
    except processes.Stopped as stopped:
        print(f"stopped by {stopped}", file=sys.stderr)
        return 130
    return 0 if all(kept) else 1


def _parse() -> Plan:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.waiting")
    add = parser.add_argument
    add("engines", nargs="*", metavar="ENGINE", help="sqlite, postgres; both by default")
    add("--tasks", type=int, default=1000, help="how many wait (1000)")
    add("--seconds", type=float, default=60, help="how long is measured (60)")
    add("--polls", type=int, default=0, help="how often each was looked at before (0)")
    add("--vendor", choices=["http", "sandbox"], default="http", help="who is asked (http)")
    told = parser.parse_args()
    engines = told.engines or ["sqlite", "postgres"]
    return Plan(
        engines=engines,
        vendor=told.vendor,
        tasks=told.tasks,
        seconds=told.seconds,
        polls=told.polls,
    )


def _measure(engine: str, plan: Plan) -> bool:
    """Measure on a fresh database of one engine; print a row, and return whether targets hold."""
    cores = frozenset(processes.all_cores())
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grip-bench-")))
        folder.chmod(0o755)  # PostgreSQL does not run as root, but comes here
        if engine == "postgres":
            (folder / "server").mkdir(mode=0o755)
            server = stack.enter_context(postgres.running(folder / "server", cores))
            url = server.create("waiting")
        else:
            url = f"sqlite:///{folder / 'grip.db'}"
        config = configure(folder, url)
        port = stack.enter_context(_upstream())
        asyncio.run(_fill(config, plan, f"http://127.0.0.1:{port}/v1"))
        command = [sys.executable, "-m", "grip", "worker", "--config", str(config)]
        pid = stack.enter_context(processes.started(command, cores, folder))
        return _row(engine, *asyncio.run(_watch(url, pid, plan)))


def _row(engine: str, cpu_s: float, took_s: float, seen: list[Seen], looks: int) -> bool:
    found = [one for each in seen for one in each.distances]
    ratios = sorted(came / wanted for wanted, came in found)
    per_core = 100 * cpu_s / took_s
    if len(ratios) < 2:
        print(f"| {engine} | nobody was looked at twice |", flush=True)
        return False
    centiles = statistics.quantiles(ratios, n=100)
    print(
        f"| {engine} | {looks / took_s:.0f} | {per_core:.1f} % | {1000 * cpu_s / looks:.2f} ms | "
        f"{centiles[49]:.2f}, {centiles[98]:.2f}, {ratios[-1]:.2f} of {len(ratios)} |",
        flush=True,
    )
    return per_core < _TARGET and ratios[-1] <= _ALLOWED


async def _fill(config: Path, plan: Plan, upstream: str) -> None:
    """Sell films, and begin so many."""
    gateway = app.build(settings.load(config, environ={}))
    context = gateway.context
    await schema.ensure(context.database)
    is_sandbox = plan.vendor == "sandbox"
    channel = channels.Draft(
        name="bench",
        kind="sandbox" if is_sandbox else "openai",
        base_url=None if is_sandbox else upstream,
        types=["video"],
        model_map={_MODEL: "sandbox?delay_s=3600"},
    )
    await channels.add(context, channel, actor=_ACTOR)
    rates = Rates(second_nano=1)
    await models.add(context, models.Draft(name=_MODEL, type="video", sell=rates), actor=_ACTOR)
    await accounts.create(context, actor=_ACTOR, email="bench@example.com")
    made = await keys.create(context, "bench@example.com", actor=_ACTOR, name="bench")
    await gateway.books.start()
    wish = Wish(
        key_hash=key_hash(made.secret),
        ip="127.0.0.1",
        endpoint="/tasks",
        model=_MODEL,
        input={"prompt": "A balloon"},
    )
    for _ in range(plan.tasks):
        await gateway.tasks.desk.create(wish, lambda one: one.id.encode())
    await gateway.books.stop()
    await gateway.transport.close()
    await gateway.strangers.close()
    await context.database.close()


async def _watch(url: str, pid: int, plan: Plan) -> tuple[float, float, list[Seen], int]:
    """Return the worker's CPU seconds, the seconds that took, what was seen, and all looks."""
    database = Database(url)
    try:
        await _until_all_wait(database, plan)
        known: dict[str, Seen] = {}
        began = time.monotonic()
        cpu_s = processes.cpu_s([pid])
        while time.monotonic() < began + plan.seconds:
            now_us = time.time_ns() // 1000
            for task_id, polls, due_us in await _standing(database):
                known.setdefault(task_id, Seen(polls, due_us)).note(polls, due_us, now_us)
            await asyncio.sleep(_SAMPLE_S)
        cpu_s, took_s = processes.cpu_s([pid]) - cpu_s, time.monotonic() - began
        seen = list(known.values())
        looks = sum(len(each.distances) + (each.at_us is not None) for each in seen)
        return cpu_s, took_s, seen, looks
    finally:
        await database.close()


async def _until_all_wait(database: Database, plan: Plan) -> None:
    """Return when all have been handed over, aged to as many looks as are asked for."""
    is_with_upstream = task.c.upstream_id.is_not(None)
    query = sa.select(sa.func.count()).select_from(task).where(is_with_upstream)
    until = time.monotonic() + _READY_WITHIN_S
    while True:
        async with database.read() as connection:
            if (await connection.execute(query)).scalar_one() >= plan.tasks:
                break
        if time.monotonic() > until:
            raise SystemExit("the worker did not hand the tasks over")
        await asyncio.sleep(_SAMPLE_S)
    if plan.polls:
        # A task that is held at this moment is put back with its own count, and ages by itself.
        async with database.write() as connection:
            await connection.execute(sa.update(task).values(polls=plan.polls))
        await asyncio.sleep(_CAP_S)


async def _standing(database: Database) -> list[tuple[str, int, int]]:
    query = sa.select(task.c.id, task.c.polls, task.c.due_us)
    async with database.read() as connection:
        return [(one[0], one[1], one[2]) for one in await connection.execute(query)]


@contextlib.contextmanager
def _upstream() -> Iterator[int]:
    """Run an upstream of videos that are never done, in a thread; yield its port."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(_answer, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        async for method, path in _requests(reader):
            name = f"video_{time.monotonic_ns()}" if method == "POST" else path.rpartition("/")[2]
            body = f'{{"id": "{name}", "status": "in_progress", "progress": 40}}'
            head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n"
            writer.write((head + body).encode())
            await writer.drain()
    writer.close()


async def _requests(reader: asyncio.StreamReader) -> AsyncIterator[tuple[str, str]]:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        method, path, _ = head.split(" ", 2)
        size = head.partition("content-length: ")[2].partition("\r\n")[0]
        await reader.readexactly(int(size or 0))
        yield method.upper(), path


if __name__ == "__main__":
    sys.exit(main())
