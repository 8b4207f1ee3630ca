"""Sliding windows: never more than N in any window, exactly, from a log that fits on a row.

A window keeps the admissions of the last `window_us` as pairs of time and amount. Small limits
keep every moment; large ones merge neighbours into the *later* time, so that they leave the
window late rather than early: the promise is never broken, and at most 1/128 of the window is
lost. A refusal changes nothing. Refuses to read a clock: the time comes from the database.
"""

from array import array
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
_EXACT_UP_TO: Final = 256
_STEPS: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a limit stands: what remains of it, and in how many microseconds it is whole again."""

    limit: int
    remaining: int
    reset_us: int


class Window:
    """The admissions that count against one limit, oldest first."""

    __slots__ = ("_amounts", "_times", "limit", "window_us")

    def __init__(self, log: bytes | None, limit: int, window_us: int) -> None:
        pairs = array("q")
        if log:
            pairs.frombytes(log)
        self._times = pairs[0::2]
        self._amounts = pairs[1::2]
        self.limit = limit
        self.window_us = window_us

    def used(self, now_us: int) -> int:
        """Return the sum of what is in the window at `now_us`.

        An admission from further ahead than the window is long was stamped by a clock that has
        been set back since; it has left too, so that nobody is locked out for the difference.
        """
        first, end = self._inside(now_us)
        return sum(self._amounts[first:end])

    def wait_us(self, now_us: int, amount: int) -> int:
        """Return how long a lone caller must wait for `amount` to fit; 0 where it fits now."""
        first, end = self._inside(now_us)
        excess = sum(self._amounts[first:end]) + amount - self.limit
        if excess <= 0:
            return 0
        for at_us, held in zip(self._times[first:end], self._amounts[first:end], strict=True):
            excess -= held
            if excess <= 0:
                return at_us + self.window_us - now_us
        return self.window_us

    def take(self, now_us: int, amount: int) -> int:
        """Count `amount`, of which the caller has seen that it fits now; return as of when.

        That is the latest admission's time where the clock has run backwards since. Forgets what
        has left the window.
        """
        first, end = self._inside(now_us)
        del self._times[end:], self._amounts[end:], self._times[:first], self._amounts[:first]
        at_us = max(now_us, self._times[-1]) if self._times else now_us
        if amount > 0 and self._times and self._is_one(self._times[-1], at_us):
            self._times[-1] = at_us
            self._amounts[-1] += amount
        elif amount > 0:
            self._times.append(at_us)
            self._amounts.append(amount)
        return at_us

    def correct(self, admitted_us: int, difference: int) -> None:
        """Add `difference` to what was counted at `admitted_us`, if it is still in the window."""
        for index, at_us in enumerate(self._times):
            if at_us >= admitted_us:
                if self._is_one(admitted_us, at_us):
                    self._amounts[index] += difference
                    if self._amounts[index] <= 0:
                        del self._times[index], self._amounts[index]
                return

    def standing(self, now_us: int) -> Standing:
        """Return what remains, and when the window will be empty."""
        first, end = self._inside(now_us)
        used = sum(self._amounts[first:end])
        reset_us = self._times[end - 1] + self.window_us - now_us if end > first else 0
        return Standing(limit=self.limit, remaining=max(0, self.limit - used), reset_us=reset_us)

    def pack(self) -> bytes:
        """Return the log as it is kept on a row: pairs of 64-bit integers."""
        pairs = array("q", bytes(16 * len(self._times)))
        pairs[0::2] = self._times
        pairs[1::2] = self._amounts
        return pairs.tobytes()

    def _inside(self, now_us: int) -> tuple[int, int]:
        """Return where the admissions of the window at `now_us` begin in the log, and end."""
        return (
            bisect_right(self._times, now_us - self.window_us),
            bisect_right(self._times, now_us + self.window_us),
        )

    def _is_one(self, earlier_us: int, later_us: int) -> bool:
        """Whether what was admitted at both times is counted together, at the later one."""
        if self.limit <= _EXACT_UP_TO:
            return earlier_us == later_us
        step_us = self.window_us // _STEPS
        return earlier_us // step_us == later_us // step_us


def whole_seconds(wait_us: int) -> int:
    """Return `wait_us` rounded up to whole seconds: what `retry-after` promises."""
    return -(-wait_us // SECOND_US)
