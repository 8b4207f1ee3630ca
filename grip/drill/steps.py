"""From a seed to what each client does next. Pure.

Every client draws from a source of its own, so that what one of them does hangs on no other one's
speed. The mood of the moment shifts the weights.
"""

import random
from dataclasses import dataclass
from typing import Final

from grip.drill import goods, kinds
from grip.drill.plan import Mood

_FAILURE: Final = "an upstream failure"

_CALM: Final = {
    kinds.WHOLE: 4,
    kinds.STREAMED: 4,
    _FAILURE: 2,
    kinds.HUNG_UP: 1,
    kinds.LEFT_EARLY: 1,
    kinds.PARALLEL: 1,
    kinds.LATER: 1,
    kinds.EMPTY: 1,
}
_STORMS: Final = {
    Mood.CALM: {},
    Mood.UPSTREAM: {_FAILURE: 30},
    Mood.HANG_UPS: {kinds.HUNG_UP: 20, kinds.LEFT_EARLY: 10},
    Mood.DUPLICATES: {kinds.PARALLEL: 15, kinds.LATER: 15},
    Mood.EMPTY: {kinds.EMPTY: 30},
}
_WEIGHTS: Final = {mood: _CALM | more for mood, more in _STORMS.items()}
_MAX_TOKENS: Final = 160
_FEW_TOKENS: Final = 40
_PAUSE_S: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that a client does: a call, or several that share an Idempotency-Key.

    `words` is the length of the prompt. `leave_after` is the reads of a stream after which the
    client hangs up, `leave_s` the seconds after which it does where nothing has come; `copies` is
    how many calls are made in all; `purse`, from [0, 1), picks who pays.
    """

    kind: str
    model: str
    stream: bool
    words: int
    purse: float
    max_tokens: int | None
    wants_usage: bool
    leave_after: int | None = None
    leave_s: float | None = None
    copies: int = 1
    pause_s: float

    @property
    def is_duplicated(self) -> bool:
        """Whether its calls carry an Idempotency-Key."""
        return self.kind in (kinds.PARALLEL, kinds.LATER)


class Steps:
    """What the client with this number does, one step after the other."""

    def __init__(self, seed: int, client: int) -> None:
        self._source = random.Random(f"{seed}/client/{client}")  # noqa: S311 - no secret

    def next(self, mood: Mood) -> Step:
        """Return the next step."""
        weights = _WEIGHTS[mood]
        (drawn,) = self._source.choices(list(weights), list(weights.values()))
        way = self._source.choice(list(kinds.UPSTREAM))
        kind = kinds.UPSTREAM[way] if drawn == _FAILURE else drawn
        stream = self._streams(kind)
        leaves = self._leaves(kind, stream=stream)
        return Step(
            kind=kind,
            model=self._model(kind, way, stream=stream),
            stream=stream,
            words=self._source.randint(1, 40),
            purse=self._source.random(),
            max_tokens=self._max_tokens(kind, stream=stream),
            wants_usage=stream and self._chance(2),
            leave_after=self._source.randint(1, 30) if leaves else None,
            leave_s=self._source.uniform(0, 0.25) if kind == kinds.LEFT_EARLY else None,
            copies=self._copies(kind),
            pause_s=self._source.uniform(0, _PAUSE_S),
        )

    def _chance(self, of: int) -> bool:
        return self._source.randrange(of) == 0

    def _streams(self, kind: str) -> bool:
        by_chance = self._chance(2)
        match kind:
            case kinds.WHOLE:
                return False
            case kinds.STREAMED | kinds.HUNG_UP:
                return True
        return by_chance

    def _leaves(self, kind: str, *, stream: bool) -> bool:
        """Whether the client, the first of several, hangs up in mid-stream."""
        by_chance = self._chance(4)
        return kind == kinds.HUNG_UP or (kind == kinds.LATER and stream and by_chance)

    def _model(self, kind: str, way: str, *, stream: bool) -> str:
        if kind in kinds.UPSTREAM.values():
            return self._source.choice((goods.failing(way), goods.saved(way)))
        if kind == kinds.LEFT_EARLY:
            return goods.SLOW
        if kind == kinds.HUNG_UP:
            return self._source.choice((goods.FLOWING, goods.LONG))
        if stream:
            return self._source.choice((goods.QUICK, goods.FLOWING, goods.LONG))
        return self._source.choice((goods.QUICK, goods.SLOW))

    def _max_tokens(self, kind: str, *, stream: bool) -> int | None:
        """Return the client's limit; a stream without one grows its hold while it flows."""
        by_chance = self._chance(2)
        if stream and (by_chance or kind == kinds.EMPTY):
            return None
        return _FEW_TOKENS if kind == kinds.EMPTY else _MAX_TOKENS

    def _copies(self, kind: str) -> int:
        copies = self._source.randint(2, 4)
        return copies if kind in (kinds.PARALLEL, kinds.LATER) else 1
