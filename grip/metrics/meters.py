"""Counters and histograms: dictionaries from labels to numbers, for the loop of one process.

Refuses threads, and more series than `MOST_SERIES` in a metric: what comes after is counted under
`other` in place of each name. How a call ended, and what its tokens were, stays told; only where
even that makes as many series again, all labels say `other`.
"""

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final

MOST_SERIES: Final = 1_000
OTHER: Final = "other"

Labels = tuple[str, ...]
"""The values of a metric's labels, in the order in which `told.py` names them."""


Names = tuple[bool, ...]
"""Which of a metric's labels are names, of which there may be any number."""


class Counter:
    """Numbers that only grow, by their labels."""

    __slots__ = ("_names", "values")

    def __init__(self, names: Names) -> None:
        self._names = names
        self.values: dict[Labels, int] = {}

    def add(self, labels: Labels = (), amount: int = 1) -> None:
        """Count `amount` more."""
        values = self.values
        if labels in values:
            values[labels] += amount
        else:
            labels = _room(values, labels, self._names)
            values[labels] = values.get(labels, 0) + amount


class Histogram:
    """How many values there were up to each of `bounds`, and their sum, by their labels.

    A series is a list: the values between two bounds and the next, those above the last, the sum.
    """

    __slots__ = ("_names", "bounds", "values")

    def __init__(self, bounds: tuple[float, ...], names: Names) -> None:
        self._names = names
        self.bounds = bounds
        self.values: dict[Labels, list[float]] = {}

    def observe(self, labels: Labels, value: float) -> None:
        """Count one value."""
        cells = self.values.get(labels)
        if cells is None:
            cells = self._begin(_room(self.values, labels, self._names))
        cells[bisect_left(self.bounds, value)] += 1
        cells[-1] += value

    def _begin(self, labels: Labels) -> list[float]:
        return self.values.setdefault(labels, [0] * (len(self.bounds) + 2))


def _room(values: Mapping[Labels, object], labels: Labels, names: Names) -> Labels:
    """Return the labels of a series that is new, or those of all that find no room."""
    if len(values) < MOST_SERIES:
        return labels
    kept = tuple(OTHER if is_name else label for label, is_name in zip(labels, names, strict=True))
    if kept in values or len(values) < 2 * MOST_SERIES:
        return kept
    return (OTHER,) * len(labels)
