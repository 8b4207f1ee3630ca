"""`make bench`: the request path with everything on, beside a plain proxy, in one run.

The gateway runs on one core; upstream and load on another. Gateways take turns, each phase is
repeated, and medians are told. CPU is the gateway's own processes' only.

    python -m tests.bench.run [--seconds 5] [--rounds 3] [--phases one,many,more,stream] [GATEWAY…]
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.gateways import GATEWAYS, Gateway

HERE = Path(__file__).parent
PHASES = {
    "one": (1, "whole"),
    "many": (32, "whole"),
    "more": (64, "whole"),
    "stream": (32, "stream"),
}
TITLES = {
    "one": "whole answers, 1 client",
    "many": "whole answers, 32 clients",
    "more": "whole answers, 64 clients",
    "stream": "streams of 50 chunks, 32 clients",
}
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--phases", default=",".join(PHASES))
    parser.add_argument("gateways", nargs="*", default=list(GATEWAYS))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="grip-bench-") as folder:
        told = [GATEWAYS[name] for name in args.gateways]
        able = [gateway for gateway in told if gateway.is_installed()]
        for gateway in set(told) - set(able):
            print(f"{gateway.name}: not installed, left out")
        _describe(Path(folder))
        results = measure(able, Path(folder), args.phases.split(","), args.rounds, args.seconds)
    report(able, args.phases.split(","), results)


def measure(
    gateways: list[Gateway], folder: Path, phases: list[str], rounds: int, seconds: float
) -> dict[tuple[str, str], list[dict[str, float]]]:
    """Return the results by gateway and phase, one for each round."""
    results: dict[tuple[str, str], list[dict[str, float]]] = {}
    upstream_port = _free_port()
    cores = sorted(os.sched_getaffinity(0))
    with _process([sys.executable, str(HERE / "answering.py"), str(upstream_port)], cores[-1]):
        _wait(upstream_port)
        for turn in range(rounds):
            for gateway in gateways:
                place = folder / f"{gateway.slug}-{turn}"
                place.mkdir()
                port = _free_port()
                command, key = gateway.prepare(place, port, upstream_port)
                with _process(command, cores[0], gateway.environment(place), place) as process:
                    _wait(port)
                    for phase in phases:
                        result = _phase(process.pid, port, key, phase, seconds, cores[-1])
                        results.setdefault((gateway.name, phase), []).append(result)
                gateway.finish(place)
    return results


def report(
    gateways: list[Gateway],
    phases: list[str],
    results: dict[tuple[str, str], list[dict[str, float]]],
) -> None:
    """Print one table for each phase."""
    for phase in phases:
        print(f"\n{TITLES[phase]}\n")
        print("| gateway | req/s | CPU ms/req | p50 ms | p99 ms | peak MB | errors |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for gateway in gateways:
            rows = results[gateway.name, phase]
            of = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
            print(
                f"| {gateway.name} | {of['rate']:,.0f} | {of['cpu_ms']:.3f} | {of['p50_ms']:.2f} "
                f"| {of['p99_ms']:.1f} | {of['peak_mb']:.0f} | {of['errors']:.0f} |"
            )


def _phase(
    pid: int, port: int, key: str, phase: str, seconds: float, core: int
) -> dict[str, float]:
    clients, shape = PHASES[phase]
    load = [sys.executable, str(HERE / "load.py"), str(port), key, str(clients)]
    before = _cpu_s(pid)
    done = subprocess.run(
        ["taskset", "-c", str(core), *load, str(seconds), shape],
        check=True,
        capture_output=True,
        text=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return {
        "rate": told["requests"] / told["seconds"],
        "cpu_ms": 1000 * (_cpu_s(pid) - before) / told["requests"],
        "p50_ms": told["p50_ms"],
        "p99_ms": told["p99_ms"],
        "errors": told["errors"],
        "peak_mb": sum(_peak_kb(one) for one in _family(pid)) / 1024,
    }


@contextlib.contextmanager
def _process(
    command: list[str], core: int, environment: dict[str, str] | None = None, place: Path = HERE
) -> Iterator[subprocess.Popen[bytes]]:
    with (
        (Path(tempfile.gettempdir()) / f"grip-bench-{os.getpid()}.log").open("ab") as log,
        subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            env={**os.environ, **(environment or {})},
            cwd=place,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def _family(pid: int) -> list[int]:
    """Return the process and all its descendants."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(FileNotFoundError):
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
            found.extend(int(child) for child in children.split())
    return found


def _cpu_s(pid: int) -> float:
    total = 0
    for one in _family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(field) for field in fields[11:15])
    return total / _TICKS


def _peak_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise SystemExit(f"nothing listens on port {port}")


def _describe(folder: Path) -> None:
    """Tell what the figures depend on."""
    path = folder / "fdatasync"
    with path.open("wb") as file:
        times = []
        for _ in range(200):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    print(
        f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python "
        f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}, fdatasync "
        f"{1000 * statistics.median(times):.2f} ms, gateway on one core, taskset "
        f"{'there' if shutil.which('taskset') else 'missing'}"
    )


if __name__ == "__main__":
    main()
