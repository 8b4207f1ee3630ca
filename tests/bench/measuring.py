"""One load on one gateway, and what it cost: rate, latencies, CPU, errors.

Owns the loads that there are. Refuses to judge what comes out.
"""

import contextlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tests.bench import processes, wire
from tests.bench.gateways import Session, Stand
from tests.bench.processes import Cores

_CALM_S = 0.2
_CALM_SHARE = 0.05
_CALM_TRIES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """So many clients that ask for one shape, on the hot wallet's key or on those of all."""

    clients: int
    shape: str
    all_wallets: bool = False
    times: float = 1
    """How often the usual time it takes."""


LOADS = {
    "one": Load(clients=1, shape="whole"),
    "many": Load(clients=32, shape="whole"),
    "more": Load(clients=64, shape="whole"),
    "burst": Load(clients=32, shape="burst"),
    "paced": Load(clients=8, shape="paced", times=2),
    "hot": Load(clients=32, shape="whole"),
    "wide": Load(clients=32, shape="whole", all_wallets=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a load came to; `first_p50_ms` is the time to an answer's first byte.

    `foreign_share` is how much of a core other programs took meanwhile.
    """

    requests: int
    errors: int
    seconds: float
    p50_ms: float
    p99_ms: float
    first_p50_ms: float
    cpu_s: float
    database_cpu_s: float
    peak_mb: float
    foreign_share: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds of the gateway for a request."""
        return 1000 * self.cpu_s / self.requests

    @property
    def database_cpu_ms(self) -> float:
        """CPU milliseconds of its database server for a request."""
        return 1000 * self.database_cpu_s / self.requests


def measure(stand: Stand, session: Session, load: Load, seconds: float, cores: Cores) -> Result:
    """Put a load on a gateway, from these cores, for `seconds` times the load's own measure."""
    keys = session.keys if load.all_wallets else session.keys[:1]
    watched = {*session.pids, *session.database_pids}
    with _foreign(watched | {stand.upstream_pid}) as foreign:
        before = processes.cpu_s(session.pids), processes.cpu_s(session.database_pids)
        told = _run(stand, session.ports, keys, load, seconds * load.times, cores)
        _calm_down(watched)
        after = processes.cpu_s(session.pids), processes.cpu_s(session.database_pids)
    return Result(
        requests=int(told["requests"]),
        errors=int(told["errors"]),
        seconds=told["seconds"],
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
        first_p50_ms=told["first_p50_ms"],
        cpu_s=after[0] - before[0],
        database_cpu_s=after[1] - before[1],
        peak_mb=processes.peak_mb(session.pids),
        foreign_share=foreign[0],
    )


def warm_up(stand: Stand, session: Session, seconds: float, *, all_wallets: bool) -> None:
    """Let a gateway open its connections and meet its keys, each at least once."""
    ports, cores = session.ports, stand.load_cores
    for name in ("many", "burst"):
        _run(stand, ports, session.keys[:1], LOADS[name], seconds, cores)
    met = 0
    while all_wallets and met < len(session.keys):
        told = _run(stand, ports, session.keys[met:], LOADS["wide"], seconds, cores)
        met += int(told["requests"])


def _run(
    stand: Stand,
    ports: Sequence[int],
    keys: Sequence[str],
    load: Load,
    seconds: float,
    cores: Cores,
) -> dict[str, float]:
    shape = wire.SHAPES[load.shape]
    requests, size = wire.requests(keys, shape)
    path = stand.folder / "requests"
    path.write_bytes(requests)
    listed = ",".join(str(port) for port in ports)
    words = [str(path), str(size), listed, str(load.clients), str(seconds), str(shape.events)]
    with processes.pinned(cores):
        done = subprocess.run(
            [*stand.tools.load, *words], capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        raise SystemExit(f"the load failed: {done.stderr}")
    sys.stderr.write(done.stderr)
    told: dict[str, float] = json.loads(done.stdout)
    return told


@contextlib.contextmanager
def _foreign(pids: AbstractSet[int]) -> Iterator[list[float]]:
    """Yield a list that has the share of a core that others took once the block has ended."""
    share: list[float] = []
    began, busy, ours = time.monotonic(), processes.busy_s(), _ours(pids)
    yield share
    others = processes.busy_s() - busy - (_ours(pids) - ours)
    share.append(max(0.0, others) / (time.monotonic() - began))


def _ours(pids: AbstractSet[int]) -> float:
    """Return the CPU seconds of these processes, of this one and of the loads that it ran."""
    used = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        used += usage.ru_utime + usage.ru_stime
    return used + processes.cpu_s(pids)


def _calm_down(pids: AbstractSet[int]) -> None:
    """Wait until what requests left to be done later is done: it belongs to their cost."""
    before = processes.cpu_s(pids)
    for _ in range(_CALM_TRIES):
        time.sleep(_CALM_S)
        after = processes.cpu_s(pids)
        if after - before < _CALM_SHARE * _CALM_S:
            return
        before = after
