"""The measurements as markdown: medians over the rounds, in tables for docs/performance.md.

Added latency is a gateway's percentile minus that of the direct call in the same round. Refuses to
leave out errors, or how much the machine was disturbed.
"""

import statistics
from collections.abc import Callable, Sequence
from operator import attrgetter

from tests.bench import nodes, wire
from tests.bench.gateways import Gateway
from tests.bench.measuring import Result
from tests.bench.options import DIRECT

Results = dict[tuple[str, str], list[Result]]
"""The results of each round, by a gateway's slug and the load's name."""

_Figure = Callable[[Result], float]
_P50 = attrgetter("p50_ms")
_P99 = attrgetter("p99_ms")
_RATE = attrgetter("rate")
_FIRST = attrgetter("first_p50_ms")
_NONE = "-"
_CEILINGS = {
    "many": "requests/s with 32 clients",
    "more": "requests/s with 64 clients",
    "burst": f"bursts of {wire.CHUNKS} chunks/s with 32 clients",
}


def tables(
    gateways: Sequence[Gateway], results: Results, wallets: int, about_nodes: str
) -> list[str]:
    """Return the tables of what was measured, and what is to be known about them."""
    by_name = {gateway.slug: gateway.name for gateway in gateways}
    parts = []
    if _has(results, "one", "many", "more"):
        parts.append(_whole(by_name, results))
    if _has(results, "burst", "paced"):
        parts.append(_streams(by_name, results))
    if _has(results, "hot"):
        parts.append(_wallets(by_name, results, wallets))
    if _has(results, *nodes.RUNS):
        parts.append(_nodes(results, about_nodes))
    return [*parts, _ceiling(results), _disturbance(results)]


def _whole(names: dict[str, str], results: Results) -> str:
    head = (
        "whole answers",
        "req/s, 1 client",
        "req/s, 32",
        "req/s, 64",
        "added p50 · p99 ms, 1 client",
        "added, 32",
        "added, 64",
        "CPU ms/request, 1 client",
        "CPU, 32",
        "peak MB",
        "errors",
    )
    loads = ("one", "many", "more")
    rows = []
    for slug, name in names.items():
        cells = [_rate(results, slug, load) for load in loads]
        cells += [_latency(results, slug, load) for load in loads]
        cells += [_cpu(results, slug, load, 1) for load in loads[:2]]
        cells += [_peak(results, slug), _errors(results, slug, *loads)]
        rows.append([_title(slug, name), *cells])
    return _table(head, rows)


def _streams(names: dict[str, str], results: Results) -> str:
    head = (
        f"streams of {wire.CHUNKS} chunks",
        "bursts/s, 32 clients",
        "CPU s/100,000 chunks, bursts",
        f"CPU, a chunk each {wire.PACE_MS} ms, 8 clients",
        "added ms to the first byte, 8 clients",
        "errors",
    )
    per_chunk = 100 / wire.CHUNKS  # from ms for a stream to s for 100,000 chunks
    rows = []
    for slug, name in names.items():
        cells = [_rate(results, slug, "burst")]
        cells += [_cpu(results, slug, load, per_chunk) for load in ("burst", "paced")]
        cells.append(_added(results, slug, "paced", _FIRST))
        rows.append([_title(slug, name), *cells, _errors(results, slug, "burst", "paced")])
    return _table(head, rows)


def _wallets(names: dict[str, str], results: Results, count: int) -> str:
    head = (
        "one hot wallet, 32 clients",
        "req/s, 1 wallet",
        f"req/s, {count:,} wallets",
        "1 to all",
        "p99 ms, 1 · all",
        "errors",
    )
    loads = ("hot", "wide")
    rows = []
    for slug, name in names.items():
        if (slug, "hot") not in results:
            continue
        pairs = zip(results[slug, "hot"], results[slug, "wide"], strict=True)
        share = statistics.median(hot.rate / wide.rate for hot, wide in pairs)
        p99 = " · ".join(_number(_median(results, slug, load, _P99)) for load in loads)
        rates = [_rate(results, slug, load) for load in loads]
        rows.append([name, *rates, f"{share:.2f}", p99, _errors(results, slug, *loads)])
    return _table(head, rows)


def _nodes(results: Results, about: str) -> str:
    head = (
        "nodes on one wallet in PostgreSQL",
        "clients",
        "req/s",
        "to the first",
        "p50 · p99 ms",
        "CPU ms/request",
        "errors",
    )
    first = results[nodes.SLUG, next(iter(nodes.RUNS))]
    rows = []
    for name, (count, clients) in nodes.RUNS.items():
        pairs = zip(results[nodes.SLUG, name], first, strict=True)
        share = statistics.median(one.rate / base.rate for one, base in pairs)
        latencies = (_number(_median(results, nodes.SLUG, name, what)) for what in (_P50, _P99))
        cells = [_rate(results, nodes.SLUG, name), f"{share:.2f}", " · ".join(latencies)]
        cells += [_cpu(results, nodes.SLUG, name, 1), _errors(results, nodes.SLUG, name)]
        rows.append([str(count), str(clients), *cells])
    return f"{_table(head, rows)}\n\n{about}"


def _ceiling(results: Results) -> str:
    told = [
        f"{_rate(results, DIRECT, load)} {what}"
        for load, what in _CEILINGS.items()
        if (DIRECT, load) in results
    ]
    return (
        f"Ceiling of load and upstream together on their core: {', '.join(told) or 'unmeasured'}."
    )


def _disturbance(results: Results) -> str:
    shares = [result.foreign_share for rounds in results.values() for result in rounds]
    return (
        f"Other programs took {statistics.median(shares):.0%} of a core in the median load, and "
        f"{max(shares):.0%} in the worst."
    )


def _title(slug: str, name: str) -> str:
    return f"{name} (absolute)" if slug == DIRECT else name


def _rate(results: Results, slug: str, load: str) -> str:
    return _number(_median(results, slug, load, _RATE))


def _latency(results: Results, slug: str, load: str) -> str:
    return " · ".join(_added(results, slug, load, what) for what in (_P50, _P99))


def _cpu(results: Results, slug: str, load: str, factor: float) -> str:
    own = _median(results, slug, load, lambda result: factor * result.cpu_ms)
    database = _median(results, slug, load, lambda result: factor * result.database_cpu_ms)
    return f"{_number(own)} + {_number(database)} db" if database else _number(own)


def _peak(results: Results, slug: str) -> str:
    peaks = [
        result.peak_mb for (of, _), rounds in results.items() if of == slug for result in rounds
    ]
    return f"{max(peaks):.0f}"


def _errors(results: Results, slug: str, *loads: str) -> str:
    measured = (result for load in loads for result in results.get((slug, load), []))
    return str(sum(result.errors for result in measured))


def _added(results: Results, slug: str, load: str, figure: _Figure) -> str:
    """Return the median of what is added to the direct call of the same round."""
    measured = results.get((slug, load), [])
    if not measured:
        return _NONE
    direct = results[DIRECT, load] if slug != DIRECT else None
    own = [figure(result) for result in measured]
    base = [figure(result) for result in direct] if direct else [0.0] * len(own)
    return _number(statistics.median(a - b for a, b in zip(own, base, strict=True)))


def _median(results: Results, slug: str, load: str, figure: _Figure) -> float | None:
    rounds = results.get((slug, load))
    return statistics.median(figure(result) for result in rounds) if rounds else None


def _number(value: float | None) -> str:
    """Return a figure with three digits that mean something."""
    if value is None:
        return _NONE
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{digits}f}"


def _has(results: Results, *loads: str) -> bool:
    return any(load in loads for _, load in results)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
