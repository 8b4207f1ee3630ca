"""From a seed to the blows that strike a gateway: when, which, how long. Pure.

The same seed and length give the same plan. Three tracks run beside each other: workers are
killed, the database is troubled, and storms change what clients do; the operator adds credits all
the time. Each track begins soon enough that a short run has something of everything.
"""

import enum
import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from grip.drill import kinds

_ALL_FROM: Final = 0.85


class Mood(enum.StrEnum):
    """What most clients are about to do."""

    CALM = "calm"
    UPSTREAM = "upstream failures"
    HANG_UPS = "hang-ups"
    DUPLICATES = "duplicates"
    EMPTY = "empty purses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """Something that strikes `at_s` seconds into the run and lasts for `lasts_s`.

    `kind` is a word of `kinds`, or the `Mood` that a storm spreads. `choice` is from [0, 1) and
    picks whom it meets among those that are there then.
    """

    at_s: float
    kind: str
    lasts_s: float = 0.0
    choice: float = 0.0

    @property
    def mood(self) -> Mood | None:
        """The mood that it spreads; None where it is no storm."""
        return next((mood for mood in Mood if mood == self.kind), None)

    def victims(self, present: Sequence[int]) -> Sequence[int]:
        """Return whom it meets: mostly one, sometimes all at once."""
        if self.choice >= _ALL_FROM:
            return present
        return present[int(self.choice / _ALL_FROM * len(present)) :][:1]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Track:
    """Blows that follow each other: which, how far apart, and how long each of them lasts."""

    kinds: Sequence[str]
    gap_s: tuple[float, float]
    lasts_s: tuple[float, float] = (0.0, 0.0)


_STORMS: Final = (Mood.UPSTREAM, Mood.HANG_UPS, Mood.DUPLICATES, Mood.EMPTY)
_KILLS: Final = _Track(kinds=(kinds.KILLED,), gap_s=(1.5, 4.0))
_GIFTS: Final = _Track(kinds=(kinds.CREDITED,), gap_s=(0.2, 0.8))
_WEATHER: Final = _Track(kinds=_STORMS, gap_s=(0.3, 1.0), lasts_s=(0.8, 2.0))


def plan(seed: int, seconds: float, database_kinds: Sequence[str]) -> tuple[Blow, ...]:
    """Return the blows of a run, in the order of their times; all of them end before it does."""
    database = _Track(kinds=database_kinds, gap_s=(1.0, 3.0), lasts_s=(0.3, 1.2))
    tracks = (_KILLS, database, _WEATHER, _GIFTS)
    blows = itertools.chain.from_iterable(
        _blows(track, random.Random(f"{seed}/track/{index}"), seconds)  # noqa: S311 - no secret
        for index, track in enumerate(tracks)
    )
    return tuple(sorted(blows, key=lambda blow: blow.at_s))


def kills(seed: int) -> Iterator[Blow]:
    """Yield the blows that strike the workers of media tasks, for ever."""
    return _blows(_KILLS, random.Random(f"{seed}/kills"), math.inf)  # noqa: S311 - no secret


def _blows(track: _Track, source: random.Random, seconds: float) -> Iterator[Blow]:
    # Where the run is short, the whole track shrinks with it.
    round_s = len(track.kinds) * (max(track.gap_s) + max(track.lasts_s))
    scale = min(1.0, seconds / round_s)
    at_s = 0.0
    for kind in _in_turns(track.kinds, source):
        at_s += scale * source.uniform(*track.gap_s)
        lasts_s = scale * source.uniform(*track.lasts_s)
        choice = source.random()
        if at_s + lasts_s > seconds:
            return
        yield Blow(at_s=at_s, kind=kind, lasts_s=lasts_s, choice=choice)
        at_s += lasts_s


def _in_turns(names: Sequence[str], source: random.Random) -> Iterator[str]:
    """Yield the names for ever, each of them once before any comes again."""
    while True:
        yield from source.sample(names, len(names))
