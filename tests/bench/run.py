"""`make bench`: the request path with everything on, beside a plain proxy, in one run.

    python -m tests.bench.run [--quick] [--phases one,many] [--rounds N] [--soak MINUTES] [GATEWAY…]

Gateways take turns in each round, and medians over the rounds are told, as markdown on standard
output; how far it is goes to standard error. CPU is that of a gateway's own processes, and apart
from it that of its database server. Refuses to leave a process behind.
"""

import contextlib
import statistics
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

from tests.bench import machine, measuring, nodes, postgres, processes, report, tools, wire
from tests.bench.books import Books
from tests.bench.gateways import Gateway, Stand
from tests.bench.measuring import LOADS, Result
from tests.bench.options import Plan, parse
from tests.bench.postgres import Slowness
from tests.bench.report import Results
from tests.bench.soak import soak

_LOADS_OF = {"wallets": ("hot", "wide"), "nodes": ()}
_EXIT_STOPPED = 130


def main() -> int:
    """Measure and print; return 0, or 1 where a request failed or memory did not come back."""
    plan = parse()
    processes.stop_on_signals()
    try:
        with _stand(plan) as stand:
            about = _about(stand, plan)
            return _soak(stand, plan, about) if plan.soak_minutes else _bench(stand, plan, about)
    except processes.Stopped as stopped:
        _tell(f"stopped by {stopped}")
        return _EXIT_STOPPED


@contextlib.contextmanager
def _stand(plan: Plan) -> Iterator[Stand]:
    """Make the tools and run the upstream while the block runs, in a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="grip-bench-", dir=plan.folder) as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL does not run as root, but comes here
        made = tools.make(folder)
        answers = folder / "whole", folder / "stream"
        for path, answer in zip(
            answers, (wire.whole_answer(), wire.streamed_answer()), strict=True
        ):
            path.write_bytes(answer)
        port = processes.free_port()
        cores = frozenset(processes.all_cores()[-1:])
        command = [*made.upstream, str(port), *(str(path) for path in answers)]
        with processes.started(command, cores, folder) as pid:
            processes.wait_until_ready(port, pid, folder)
            yield Stand(
                folder=folder,
                tools=made,
                upstream_port=port,
                upstream_pid=pid,
                books=Books(folder, port, plan.wallets),
            )


def _about(stand: Stand, plan: Plan) -> list[str]:
    """Return the lines about the machine; the PostgreSQL server is made here, where it is asked."""
    version = None
    if plan.needs_postgres:
        cores = frozenset(processes.all_cores())
        stand.server_folder.mkdir(mode=0o755)
        with postgres.running(stand.server_folder, cores) as server:
            version = server.version
    return machine.describe(stand.folder, stand.tools, version)


def _soak(stand: Stand, plan: Plan, about: list[str]) -> int:
    _print_about([*about, _flushes([machine.fdatasync_ms(stand.folder)])])
    verdicts = [
        soak(stand, gateway, plan.soak_minutes, plan.minute_s)
        for gateway in plan.gateways
        if gateway.is_installed()
    ]
    return 0 if all(verdicts) else 1


def _bench(stand: Stand, plan: Plan, about: list[str]) -> int:
    able = [gateway for gateway in plan.gateways if gateway.is_installed()]
    results: Results = {}
    flushes = []
    for number in range(plan.rounds):
        flushes.append(machine.fdatasync_ms(stand.folder))
        with contextlib.closing(_round(stand, plan, able, number)) as measured:
            for slug, load, result in measured:
                results.setdefault((slug, load), []).append(result)
    _print_about([*about, _flushes(flushes), f"Medians of {plan.rounds}, {plan.seconds:g} s each"])
    for table in report.tables(able, results, plan.wallets, nodes.about(_slowness(stand, plan))):
        print(f"\n{table}")
    for gateway in plan.gateways:
        if gateway not in able:
            print(f"\n{gateway.name}: not installed, left out.")
    return 1 if any(result.errors for rounds in results.values() for result in rounds) else 0


def _round(
    stand: Stand, plan: Plan, gateways: list[Gateway], number: int
) -> Generator[tuple[str, str, Result]]:
    """Measure each gateway once; odd rounds go through the loads backwards."""
    for gateway in gateways:
        loads = _loads(plan, gateway)
        if not loads:
            continue
        _tell(f"round {number + 1} of {plan.rounds}: {gateway.name}")
        with stand.room(gateway.slug) as folder, gateway.run(stand, folder) as session:
            measuring.warm_up(stand, session, plan.seconds / 5, all_wallets="wide" in loads)
            for load in loads if number % 2 == 0 else reversed(loads):
                told = LOADS[load], plan.seconds, stand.load_cores
                yield gateway.slug, load, measuring.measure(stand, session, *told)
    if plan.has_nodes:
        _tell(f"round {number + 1} of {plan.rounds}: {nodes.COUNT} nodes")
        slowness = _slowness(stand, plan)
        for load, result in nodes.measure(stand, plan.seconds, slowness).items():
            yield nodes.SLUG, load, result


def _loads(plan: Plan, gateway: Gateway) -> list[str]:
    return [
        load
        for phase in plan.phases
        for load in _LOADS_OF.get(phase, (phase,))
        if phase != "wallets" or gateway.has_wallets
    ]


def _slowness(stand: Stand, plan: Plan) -> Slowness | None:
    library = stand.tools.slow_flush
    if library is None or not plan.slow_flush_ms:
        return None
    return Slowness(library=library, flush_ms=plan.slow_flush_ms)


def _flushes(measured: list[float]) -> str:
    each = ", ".join(f"{one:.2f}" for one in measured)
    return f"fdatasync of 4 KB: {statistics.median(measured):.2f} ms (median; by round {each})"


def _print_about(lines: list[str]) -> None:
    print("\n".join(f"- {line}" for line in lines), flush=True)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
