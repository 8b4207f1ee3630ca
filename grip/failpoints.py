"""Places on the way of money where a test can make the process fail, or die.

Nothing is armed unless a test does it, in the process itself: no configuration leads here.
"""

from collections.abc import Callable
from typing import Final

NAMES: Final = (
    "hold.before_commit",
    "hold.after_commit",
    "call.before_upstream",
    "call.after_upstream",
    "settle.before_commit",
    "settle.after_commit",
    "settle.after_sync",
    "call.before_end",
)
"""In the order in which a call comes by: `after_commit` is not yet on disk, `after_sync` is."""

TASK_NAMES: Final = (
    "task.before_post",
    "task.after_post",
    "task.before_end",
    "task.in_end",
    "task.before_commit",
)
"""In the order in which a media task comes by; the last two are in the transaction that ends it,
between its money and its row, and after all of it."""

SELLING_NAMES: Final = (
    "order.before_commit",
    "session.before_open",
    "session.after_open",
    "session.after_commit",
    "webhook.before_commit",
    "webhook.after_commit",
    "refund.before_commit",
    "refund.before_ask",
    "refund.after_ask",
    "refund.after_commit",
)
"""In the order in which a purchase comes by: between `after_open` or `after_ask` and the commit,
the payment provider knows something that grip has not written down."""

MAINTENANCE_NAMES: Final = (
    "rollup.before_commit",
    "rollup.after_commit",
    "retention.before_commit",
    "retention.after_commit",
)
"""In the order in which maintenance comes by, many times: once for each of its transactions."""

_armed: dict[str, Callable[[], None]] = {}


def arm(name: str, action: Callable[[], None]) -> None:
    """Run `action` whenever a call comes by `name`; raises ValueError for a place unknown."""
    known = NAMES + TASK_NAMES + SELLING_NAMES + MAINTENANCE_NAMES
    if name not in known:
        raise ValueError(f"{name!r} is no failpoint; there are {', '.join(known)}")
    _armed[name] = action


def disarm() -> None:
    """Arm nothing any more."""
    _armed.clear()


def hit(name: str) -> None:
    """Do what a test wants done here."""
    if _armed:
        action = _armed.get(name)
        if action is not None:
            action()
