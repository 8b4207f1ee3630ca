"""The counts of one process, and how they travel between the workers of a node."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from grip.metrics.meters import Counter, Histogram, Labels
from grip.metrics.told import METRICS

Gauges = dict[str, dict[Labels, float]]
"""Numbers that go up and down, by metric and labels."""

T = TypeVar("T", int, float)

_FRESH_S: Final = 15.0
"""How long what a worker said of its state is believed: one that died says nothing more."""


class Snapshot(msgspec.Struct, kw_only=True, array_like=True):
    """What one worker has counted; `at` is when, on the machine's monotonic clock."""

    at: float = 0.0
    counters: dict[str, list[tuple[Labels, int]]] = {}
    histograms: dict[str, list[tuple[Labels, list[float]]]] = {}
    gauges: dict[str, list[tuple[Labels, float]]] = {}


class Counts:
    """What this process counts: meters by name, and where its gauges are read."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._gauges: dict[tuple[str, Labels], Callable[[], float]] = {}
        self.gauge("grip_requests_in_flight", lambda: self.in_flight)
        self.gauge("grip_workers", lambda: 1)

    def counter(self, name: str) -> Counter:
        """Return the counter of this name, one of `METRICS`."""
        return self._counters.setdefault(name, Counter(METRICS[name].names))

    def histogram(self, name: str) -> Histogram:
        """Return the histogram of this name, which `METRICS` tells."""
        told = METRICS[name]
        return self._histograms.setdefault(name, Histogram(told.bounds, told.names))

    def gauge(self, name: str, read: Callable[[], float], labels: Labels = ()) -> None:
        """Let `read` say what this gauge is whenever somebody asks."""
        self._gauges[name, labels] = read

    def snapshot(self) -> Snapshot:
        """Return all that is counted by now."""
        gauges: dict[str, list[tuple[Labels, float]]] = {}
        for (name, labels), read in self._gauges.items():
            gauges.setdefault(name, []).append((labels, read()))
        return Snapshot(
            at=time.monotonic(),
            counters={name: list(one.values.items()) for name, one in self._counters.items()},
            histograms={
                name: [(labels, cells.copy()) for labels, cells in one.values.items()]
                for name, one in self._histograms.items()
            },
            gauges=gauges,
        )

    def carry_on(self, before: Snapshot) -> None:
        """Go on counting where a worker stopped whose place this one has taken."""
        for name, counted in before.counters.items():
            self.counter(name).values.update(counted)
        for name, series in before.histograms.items():
            self.histogram(name).values.update(series)


def total(snapshots: list[Snapshot]) -> Snapshot:
    """Return the sum over workers; gauges of those that still say something."""
    counters: dict[str, dict[Labels, int]] = {}
    histograms: dict[str, dict[Labels, list[float]]] = {}
    gauges: Gauges = {}
    now = time.monotonic()
    for one in snapshots:
        for name, counted in one.counters.items():
            _add(counters.setdefault(name, {}), counted)
        for name, series in one.histograms.items():
            _add_cells(histograms.setdefault(name, {}), series)
        for name, read in one.gauges.items() if now - one.at < _FRESH_S else ():
            _add(gauges.setdefault(name, {}), read)
    return Snapshot(
        at=now,
        counters={name: list(values.items()) for name, values in counters.items()},
        histograms={name: list(values.items()) for name, values in histograms.items()},
        gauges={name: list(values.items()) for name, values in gauges.items()},
    )


def _add(into: dict[Labels, T], counted: list[tuple[Labels, T]]) -> None:
    for labels, value in counted:
        into[labels] = into[labels] + value if labels in into else value


def _add_cells(into: dict[Labels, list[float]], series: list[tuple[Labels, list[float]]]) -> None:
    for labels, cells in series:
        known = into.get(labels)
        into[labels] = (
            list(cells)
            if known is None
            else [one + other for one, other in zip(known, cells, strict=True)]
        )
