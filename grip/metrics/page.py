"""The page that Prometheus reads: its text is made by Prometheus' own client."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.utils import floatToGoString

from grip.metrics.counts import Gauges, Snapshot
from grip.metrics.told import COUNTER, HISTOGRAM, METRICS, Told

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4


def page(counted: Snapshot, read: Gauges) -> bytes:
    """Return the page: what was counted, and what was `read` for it just now."""
    return generate_latest(_Families(counted, read))


class _Families:
    """What the client's text is made of: a registry without its locks and its memory."""

    def __init__(self, counted: Snapshot, read: Gauges) -> None:
        self._counted = counted
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Yield a family for each metric, those without a series too: absence is no zero."""
        for name, told in METRICS.items():
            if told.kind == COUNTER:
                yield _counter(name, told, self._counted)
            elif told.kind == HISTOGRAM:
                yield _histogram(name, told, self._counted)
            else:
                yield _gauge(name, told, self._counted, self._read)


def _counter(name: str, told: Told, counted: Snapshot) -> Metric:
    family = CounterMetricFamily(name, told.help, labels=told.labels)
    for labels, value in counted.counters.get(name, ()):
        family.add_metric(labels, value)
    return family


def _gauge(name: str, told: Told, counted: Snapshot, read: Gauges) -> Metric:
    family = GaugeMetricFamily(name, told.help, labels=told.labels)
    for labels, value in (*counted.gauges.get(name, ()), *read.get(name, {}).items()):
        family.add_metric(labels, value)
    return family


def _histogram(name: str, told: Told, counted: Snapshot) -> Metric:
    family = HistogramMetricFamily(name, told.help, labels=told.labels)
    edges = [*map(floatToGoString, told.bounds), "+Inf"]
    for labels, cells in counted.histograms.get(name, ()):
        counts = accumulate(cells[:-1])
        family.add_metric(labels, list(zip(edges, counts, strict=True)), sum_value=cells[-1])
    return family
