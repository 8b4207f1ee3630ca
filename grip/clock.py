"""Time as grip counts it: integers of unix microseconds, UTC, from a clock that is handed in."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], int]
"""Returns unix time in microseconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def system_clock() -> int:
    """Return the machine's unix time in microseconds."""
    return time.time_ns() // 1000


def to_iso(at_us: int) -> str:
    """Return `at_us` as ISO 8601 in UTC with `Z`, to the microsecond where it has one."""
    moment = _EPOCH + timedelta(microseconds=at_us)
    return moment.isoformat().replace("+00:00", "Z")


def from_iso(text: str) -> int:
    """Return the unix microseconds of an ISO 8601 date or time; without an offset it is UTC.

    Raises ValueError where `text` is neither.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)
