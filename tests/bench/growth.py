"""Years of usage: how long reading, proving and tidying them takes, and what callers notice.

    python -m tests.bench.growth [--rows N] [--seconds S] [--keep DIR [--grow]] [ENGINE…]

Prints a table of markdown. With `--keep` the databases stay in a directory, and those that `--grow`
left there are measured: growing takes long, and need not be done in quiet. Exits with 1 where the
books do not add up, or maintenance has a problem.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2

from grip.clock import system_clock
from grip.services import ledger, statements, usage
from tests.bench import growing, postgres, processes
from tests.bench.growing import Grown, Shape
from tests.e2e import gateway

_CALLS_EACH_S = 40
_MONTH_US = 30 * 86_400_000_000
_GROWN = "grown.json"
_BODY = {"model": "model-0", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to grow, and for how many seconds a probe calls at the least."""

    engines: list[str]
    shape: Shape
    seconds: float
    keep: Path | None
    grows_only: bool


Figures = dict[str, str]


class Failed(Exception):
    """Something that must hold did not."""


def main() -> int:
    """Measure each engine, and print the table."""
    plan = _parse()
    processes.stop_on_signals()
    found: dict[str, Figures] = {}
    try:
        for engine in plan.engines:
            found[engine] = _measure(engine, plan)
    except Failed as failed:
        print(f"{failed}", file=sys.stderr)
        return 1
    except processes.Stopped as stopped:
        print(f"stopped by {stopped}", file=sys.stderr)
        return 130
    finally:
        _print(plan, found)
    return 0


def _parse() -> Plan:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth")
    add = parser.add_argument
    add("engines", nargs="*", metavar="ENGINE", help="sqlite, postgres; both by default")
    add("--rows", type=int, default=10_000_000, help="rows of usage (10000000)")
    add("--wallets", type=int, default=200, help="of so many wallets (200)")
    add("--seconds", type=float, default=20, help="how long a probe calls at the least (20)")
    add("--keep", type=Path, metavar="DIR", help="leave the databases there, and use what is there")
    add("--grow", action="store_true", help="grow them alone, and measure another time")
    told = parser.parse_args()
    if told.grow and told.keep is None:
        parser.error("--grow leaves its databases somewhere: --keep DIR")
    return Plan(
        keep=told.keep,
        grows_only=told.grow,
        engines=told.engines or ["sqlite", "postgres"],
        shape=Shape(rows=told.rows, wallets=told.wallets),
        seconds=told.seconds,
    )


def _print(plan: Plan, found: dict[str, Figures]) -> None:
    names = list(dict.fromkeys(name for figures in found.values() for name in figures))
    print(f"| {plan.shape.rows:,} rows of usage | {' | '.join(found)} |")
    print(f"| --- |{' --- |' * len(found)}")
    for name in names:
        print(f"| {name} | {' | '.join(one.get(name, '-') for one in found.values())} |")


def _measure(engine: str, plan: Plan) -> Figures:
    with contextlib.ExitStack() as stack:
        if plan.keep is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grip-bench-")))
        else:
            folder = plan.keep.resolve() / engine
            folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)  # PostgreSQL does not run as root, but comes here
        url = f"sqlite:///{folder / 'grip.db'}"
        if engine == "postgres":
            (folder / "server").mkdir(mode=0o755, exist_ok=True)
            cores = frozenset(processes.all_cores())
            server = stack.enter_context(postgres.running(folder / "server", cores))
            is_there = (folder / _GROWN).exists()
            url = server.url_of("growth") if is_there else server.create("growth")
        return _Measurement(url, folder, plan).run()


class _Measurement:
    """All figures of one engine."""

    def __init__(self, url: str, folder: Path, plan: Plan) -> None:
        self._url = url
        self._folder = folder
        self._plan = plan
        self._figures: Figures = {}

    def run(self) -> Figures:
        """Grow, then read, prove, roll up and delete."""
        grown = self._grown()
        self._figures["details"] = f"{grown.details:,}"
        if self._plan.grows_only:
            return self._figures
        asyncio.run(self._read(grown))
        with gateway.serving(self._url, self._folder / "node") as node:
            probe = _Probe(node.url, grown.secret)
            self._quiet(probe, "calls, p50 · p99 ms, undisturbed")
            self._maintain(probe, "rollup")
            self._maintain(probe, "retention")
            self._quiet(probe, "calls, undisturbed once more")
        self._prove()
        return self._figures

    def _grown(self) -> Grown:
        """Grow a database, or go on with what was grown before."""
        told = self._folder / _GROWN
        if told.exists():
            return Grown(**json.loads(told.read_text(encoding="utf-8")))
        work = growing.grow(self._url, self._plan.shape)
        grown: Grown = self._timed("growing", lambda: asyncio.run(work))
        told.write_text(json.dumps(asdict(grown)), encoding="utf-8")
        return grown

    async def _read(self, grown: Grown) -> None:
        context = growing.surroundings(self._url)
        now_us = system_clock()

        async def timed(name: str, work: Callable[[], Awaitable[Any]]) -> Any:
            began = time.monotonic()
            found = await work()
            self._tell(name, time.monotonic() - began)
            return found

        since_us, wallet = now_us - _MONTH_US, grown.wallet_id
        await timed("newest 100 calls of all", lambda: usage.list_usage(context, limit=100))
        await timed(
            "newest 100 calls of a wallet",
            lambda: usage.list_usage(context, wallet=wallet, limit=100),
        )
        await timed(
            "statement of a wallet's month",
            lambda: statements.statement(context, wallet, from_us=since_us, to_us=now_us),
        )
        await timed("its whole statement", lambda: statements.statement(context, wallet))
        report = await timed("`ledger verify`, whole", lambda: ledger.verify(context))
        await context.database.close()
        if not report.ok:
            raise Failed(str([check for check in report.checks if not check.ok]))

    def _quiet(self, probe: "_Probe", name: str) -> None:
        self._figures[name] = probe.shown(asyncio.run(probe.call(self._plan.seconds, None)))
        _say(name, self._figures[name])

    def _maintain(self, probe: "_Probe", step: str) -> None:
        """Run a step beside calls."""
        command = [sys.executable, "-m", "grip", "maintenance", step, "--trust-clock", "--json"]
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            env=gateway.environ(self._url),
            cwd=self._folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        latencies, ended = asyncio.run(probe.beside(process))
        (done,) = json.loads(process.communicate()[0])
        if done["problems"]:
            raise Failed(f"{step}: {done['problems']}")
        counts = ", ".join(f"{count:,} {what}" for what, count in done["did"].items() if count)
        self._tell(f"`maintenance {step}`", ended - began, counts)
        name = f"calls beside {step}"
        self._figures[name] = probe.shown(latencies)
        _say(name, self._figures[name])

    def _prove(self) -> None:
        """Go on from a checkpoint, where this grip knows any."""
        if gateway.command(self._url, self._folder, "ledger", "checkpoint").returncode == 0:
            self._timed(
                "`ledger verify --since-checkpoint`",
                lambda: gateway.command(
                    self._url, self._folder, "ledger", "verify", "--since-checkpoint"
                ),
            )
        report = gateway.command(self._url, self._folder, "ledger", "verify", "--json")
        if report.returncode:
            raise Failed(report.stdout)

    def _timed(self, name: str, work: Callable[[], Any]) -> Any:
        began = time.monotonic()
        found = work()
        self._tell(name, time.monotonic() - began)
        return found

    def _tell(self, name: str, took_s: float, more: str = "") -> None:
        took = f"{took_s:.1f} s" if took_s >= 1 else f"{1000 * took_s:.1f} ms"
        self._figures[name] = f"{took}, {more}" if more else took
        _say(name, self._figures[name])


class _Probe:
    """Callers at a steady pace, and how long each waited since it was due."""

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        self._headers = {"authorization": f"Bearer {secret}"}

    async def beside(self, process: "subprocess.Popen[str]") -> tuple[list[float], float]:
        """Call for as long as a process runs; return latencies in s, and when it ended."""
        ended = asyncio.Event()
        work = asyncio.ensure_future(self.call(0, ended))
        await asyncio.to_thread(process.wait)
        at = time.monotonic()
        ended.set()
        return await work, at

    async def call(self, seconds: float, ended: asyncio.Event | None) -> list[float]:
        """Call for so long, and until it has `ended`; return latencies in s."""
        async with httpx2.AsyncClient(base_url=self._url, timeout=60) as client:
            began = time.monotonic()
            waiting: list[asyncio.Future[float]] = []
            while (due := began + len(waiting) / _CALLS_EACH_S) < began + seconds or not (
                ended is None or ended.is_set()
            ):
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                waiting.append(asyncio.ensure_future(self._one(client, due)))
            return list(await asyncio.gather(*waiting))

    async def _one(self, client: httpx2.AsyncClient, due: float) -> float:
        answer = await client.post("/v1/chat/completions", json=_BODY, headers=self._headers)
        if answer.status_code != 200:
            raise Failed(f"a call was answered with {answer.status_code}: {answer.text}")
        return time.monotonic() - due

    def shown(self, latencies: list[float]) -> str:
        """Return the median and the 99th of a hundred, in ms."""
        if len(latencies) < 2:
            return "too short to tell"
        centiles = statistics.quantiles(latencies, n=100)
        return f"{1000 * centiles[49]:.1f} · {1000 * centiles[98]:.1f} ({len(latencies)} calls)"


def _say(name: str, figure: str) -> None:
    print(f"{name}: {figure}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
