"""How channels fare with each upstream model, judged by the calls that are made anyway.

A channel falls sick with a model after failures in a row, too many among its last calls, or when
it asks for a pause itself. It is then left alone for a while that doubles with each relapse, tried
with one call at a time, and well again after a few that succeed. What changes is shared through the
database once a second (`HealthShare`); a call that goes well writes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from grip.clock import Clock
from grip.gateway.call import Candidate
from grip.store import health as store
from grip.store.engine import Database
from grip.store.health import Ailment

_WINDOW: Final = 20
_WINDOW_MASK: Final = (1 << _WINDOW) - 1
_FAILURES_IN_WINDOW: Final = 5
_FAILURES_IN_A_ROW: Final = 3
TRIALS: Final = 3
"""So many calls in a row must succeed before a sick one counts as well."""

_SECOND_US: Final = 1_000_000
_FIRST_REST_US: Final = 5 * _SECOND_US
_LONGEST_REST_US: Final = 300 * _SECOND_US
_TRIAL_US: Final = 60 * _SECOND_US
"""How long the others wait for a trial of which nothing is heard, as when its client leaves."""

_RELAPSE_US: Final = 600 * _SECOND_US
"""Whoever falls sick again within this time after a recovery rests longer than before."""

_FORGET_ROWS: Final = 500

Key = tuple[str, str]
"""A channel's id and the name that it has for the model."""


@dataclass(slots=True)
class _Record:
    """The last calls of one key as bits, and its ailment if it has or had one."""

    recent: int = 0
    streak: int = 0
    trials: int = 0
    is_tried: bool = False
    ailment: Ailment | None = None

    @property
    def sick(self) -> Ailment | None:
        return self.ailment if self.ailment is not None and self.ailment.is_sick else None


class Health:
    """What one process knows of its channels; `changed` is what the others do not know yet."""

    def __init__(self, clock: Clock) -> None:
        self.changed: dict[Key, Ailment] = {}
        self._clock = clock
        self._records: dict[Key, _Record] = {}

    def rest_us(self, key: Key) -> int:
        """Return until when it should be left alone; 0 where it may serve, or be tried."""
        record = self._records.get(key)
        if record is None or (sick := record.sick) is None:
            return 0
        return sick.until_us if sick.until_us > self._clock() else 0

    def is_sick(self, key: Key) -> bool:
        """Return whether it is sick, resting or not."""
        record = self._records.get(key)
        return record is not None and record.sick is not None

    def sick(self, candidates: Iterable[tuple[Candidate, ...]]) -> tuple[Ailment, ...]:
        """Return what is wrong with some of these at the moment, for whoever asks afterwards."""
        if not self._records:
            return ()
        records = [self._records.get(key_of(one)) for among in candidates for one in among]
        return tuple(sick for record in records if record and (sick := record.sick) is not None)

    def asked(self, candidate: Candidate) -> None:
        """Note that a call goes out: where that is a trial, the others wait for it."""
        if not self._records:
            return
        record = self._records.get(key_of(candidate))
        if record is None or (sick := record.sick) is None:
            return
        now_us = self._clock()
        if sick.until_us <= now_us:
            record.is_tried = True
            record.ailment = sick.until(now_us + _TRIAL_US)

    def served(self, candidate: Candidate) -> None:
        """Note that a call was answered, or refused for what it was."""
        if not self._records:
            return
        key = key_of(candidate)
        record = self._records.get(key)
        if record is None:
            return
        record.recent = record.recent << 1 & _WINDOW_MASK
        record.streak = 0
        if (sick := record.sick) is not None:
            self._recover(key, record, sick)
        elif not record.recent and record.ailment is None:
            del self._records[key]

    def failed(self, candidate: Candidate, reason: str, retry_after_s: int | None = None) -> None:
        """Note that the channel failed a call, and for how long it asked to be left alone."""
        key = key_of(candidate)
        record = self._records.setdefault(key, _Record())
        record.recent = (record.recent << 1 | 1) & _WINDOW_MASK
        record.streak += 1
        is_too_much = (
            record.streak >= _FAILURES_IN_A_ROW
            or record.recent.bit_count() >= _FAILURES_IN_WINDOW
            or retry_after_s is not None
        )
        if record.sick is not None or is_too_much:
            self._rest(key, record, reason, retry_after_s or 0)

    def rested(self) -> list[Ailment]:
        """Return what may be tried again: the ailments whose rest is over, the oldest first."""
        now_us = self._clock()
        sick = (record.sick for record in self._records.values())
        due = (ailment for ailment in sick if ailment is not None and ailment.until_us <= now_us)
        return sorted(due, key=attrgetter("until_us"))

    def learn(self, known: Iterable[Ailment]) -> None:
        """Take over what other processes found out later than this one."""
        for ailment in known:
            key = ailment.channel_id, ailment.model
            record = self._records.setdefault(key, _Record())
            if record.ailment is None or record.ailment.changed_us < ailment.changed_us:
                record.ailment = ailment
                record.trials = record.streak = record.recent = 0
                record.is_tried = False
        self._forget()

    def _recover(self, key: Key, record: _Record, sick: Ailment) -> None:
        record.trials += 1
        record.is_tried = False
        now_us = self._clock()
        if record.trials < TRIALS:
            record.ailment = sick.until(now_us)
            return
        record.trials = record.recent = 0
        record.ailment = self.changed[key] = sick.over(now_us)

    def _rest(self, key: Key, record: _Record, reason: str, retry_after_s: int) -> None:
        """Leave it alone from now on, longer with each relapse and at least as long as it asked.

        A call that began before it fell sick says nothing new.
        """
        now_us = self._clock()
        before = record.ailment
        if before is not None and before.is_sick and not record.is_tried:
            return
        level = 0
        if before is not None and now_us - before.changed_us < _RELAPSE_US:
            level = before.level + 1
        rest_us = min(_FIRST_REST_US << min(level, _WINDOW), _LONGEST_REST_US)
        record.trials = 0
        record.is_tried = False
        record.ailment = self.changed[key] = Ailment(
            channel_id=key[0],
            model=key[1],
            is_sick=True,
            reason=reason,
            since_us=before.since_us if before is not None and before.is_sick else now_us,
            until_us=now_us + max(rest_us, min(retry_after_s * _SECOND_US, _LONGEST_REST_US)),
            level=level,
            changed_us=now_us,
        )

    def _forget(self) -> None:
        """Drop what has been well for long."""
        before_us = self._clock() - _RELAPSE_US
        for key, record in list(self._records.items()):
            past = record.ailment
            if past is not None and not past.is_sick and past.changed_us < before_us:
                record.ailment = None
            if record.ailment is None and not record.recent:
                del self._records[key]


class HealthShare:
    """Tells the database what this process found out, and hears what the others did."""

    def __init__(self, database: Database, health: Health, clock: Clock) -> None:
        self._database = database
        self._health = health
        self._clock = clock

    async def run(self) -> None:
        """Write what changed, read all there is; raises DatabaseUnavailable, and loses nothing."""
        told = dict(self._health.changed)
        if told:
            async with self._database.write() as connection:
                for ailment in told.values():
                    await store.put(connection, ailment)
        for key, ailment in told.items():
            if self._health.changed.get(key) is ailment:
                del self._health.changed[key]
        async with self._database.read() as connection:
            known = await store.load(connection)
        self._health.learn(known)

    async def forget(self) -> int:
        """Delete what was over long ago, of whatever process; return how many rows.

        Who relapses within that time rests longer, so that it is kept until then.
        """
        before_us = self._clock() - _RELAPSE_US
        forgotten = 0
        while True:
            async with self._database.write() as connection:
                gone = await store.forget(connection, before_us, _FORGET_ROWS)
            forgotten += gone
            if gone < _FORGET_ROWS:
                return forgotten


def key_of(candidate: Candidate) -> Key:
    """Return what the health of a candidate is kept under."""
    return candidate.channel.id, candidate.upstream_model
