"""When to look at a task again: at growing distances, never all at once, and as the vendor asks.

Pure, but for chance: a fifth earlier or later, so that tasks that began together drift apart.
"""

import random
from typing import Final

from grip.providers import task_policy
from grip.providers.task_port import Effect, Facts, Unclear
from grip.store.tasks import Task
from grip.tasks import phases

_SECOND_US: Final = 1_000_000
_GROWTH_EVERY: Final = 4
_PAUSE_S: Final = 60
_CALLED_S: Final = 60
"""The distance where the vendor is to call: calls get lost."""

_SPREAD: Final = 0.2


def next_look_us(task: Task, facts: Facts, now_us: int, *, hint_s: float | None = None) -> int:
    """Return when to look next at a task that goes on well; a vendor's own hint comes first.

    The distance grows by half with every few looks. One whose vendor is to call is looked at
    seldom, until it is asked to stop. Nobody waits beyond the deadline.
    """
    if task.webhook_token_hash is not None and task.phase != phases.CANCELLING:
        wait_s: float = _CALLED_S
    elif hint_s is not None and hint_s > 0:
        wait_s = min(hint_s, facts.pace.cap_s * 4)
    elif task.polls == 0:
        wait_s = facts.pace.first_s
    else:
        grown = facts.pace.interval_s * 1.5 ** (task.polls // _GROWTH_EVERY)
        wait_s = min(grown, facts.pace.cap_s)
    return min(now_us + _spread_us(wait_s), max(task.deadline_us, now_us))


def unclear_look_us(task: Task, seen: Unclear, now_us: int) -> int:
    """Return when to look next after an answer that said nothing about the task."""
    return min(now_us + unclear_wait_us(task, seen), max(task.deadline_us, now_us))


def unclear_wait_us(task: Task, seen: Unclear) -> int:
    """Return how long to leave a task alone whose last answer said nothing."""
    if seen.retry_after_s is not None:
        wait_s = seen.retry_after_s
    elif seen.effect is Effect.PAUSE_CHANNEL:
        wait_s = _PAUSE_S
    else:
        wait_s = task_policy.back_off_s(task.misses + 1)
    return _spread_us(wait_s)


def _spread_us(wait_s: float) -> int:
    # Chance that nothing of money rests on.
    return round(wait_s * (1 + random.uniform(-_SPREAD, _SPREAD)) * _SECOND_US)  # noqa: S311
