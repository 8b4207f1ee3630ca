"""The evidence of a drill, sorted by what the rules ask for. Pure."""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from grip.drill import kinds
from grip.drill.evidence import Charge, Evidence
from grip.drill.notes import Attempt
from grip.money.entries import CRASH_VOID

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Case:
    """Attempts and charges, by request, address and Idempotency-Key, and when workers died."""

    def __init__(self, evidence: Evidence) -> None:
        self.attempts = evidence.attempts
        self.charges = evidence.books.charges
        self.by_request = _sorted(self.charges, lambda charge: charge.request_id)
        self.by_ip = _sorted(self.charges, lambda charge: charge.ip)
        self.asked = {attempt.ip: attempt for attempt in self.attempts}
        in_groups = (attempt for attempt in self.attempts if attempt.group is not None)
        self.groups = _sorted(in_groups, lambda attempt: attempt.group)
        self.kills_s = [blow.ended_s for blow in evidence.incidents if blow.kind == kinds.KILLED]

    def paid(self, attempt: Attempt) -> list[Charge]:
        """Return what was charged for an attempt, by its address."""
        return list(filter(is_paid, self.by_ip[attempt.ip]))

    def killed(self, from_s: float, to_s: float = math.inf) -> bool:
        """Whether a worker was killed then."""
        return any(from_s <= kill_s <= to_s for kill_s in self.kills_s)


def is_paid(charge: Charge) -> bool:
    """Whether a usage row is a charge, and no verdict on a call whose process died."""
    return charge.status != CRASH_VOID


def _sorted(things: Iterable[T], key: Callable[[T], K]) -> defaultdict[K, list[T]]:
    found: defaultdict[K, list[T]] = defaultdict(list)
    for thing in things:
        found[key(thing)].append(thing)
    return found
