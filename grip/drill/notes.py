"""What the drill notes outside the gateway, as it happens: the log that the books are held against.

Times are seconds since the drill began; costs are nano-credits, gifts credits.
"""

import enum
from dataclasses import dataclass


class Ending(enum.StrEnum):
    """How an attempt ended, as its client saw it."""

    WHOLE = "whole"
    """The answer was seen in full: the last byte of its body, or `[DONE]`."""

    REFUSED = "refused"
    """An error came instead of an answer."""

    BROKEN = "broken"
    """A stream had begun and ended with an error."""

    CUT = "cut"
    """The connection ended without an end of the answer."""

    LEFT = "left"
    """The client hung up after it had seen something of the answer."""

    LEFT_EARLY = "left_early"
    """The client hung up, or lost patience, before it had seen anything of the answer."""

    UNSENT = "unsent"
    """No connection could be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request as its client saw it.

    `ip` is an address of its own, which the gateway notes on the usage row: so each charge leads
    to one attempt, even where the client never learnt the request's id. `group` is the
    Idempotency-Key that it shares with others; `is_afterwards` says that all trouble was over.
    `told_nano` is the cost that the answer named, `digest` the SHA-256 of its body, `words` how
    many the model said in it; `is_limited` that it ended for want of money, and said so.
    """

    number: int
    ip: str
    kind: str
    model: str
    group: str | None = None
    is_afterwards: bool = False
    started_s: float
    ended_s: float
    ending: Ending
    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    is_replay: bool = False
    digest: str | None = None
    told_nano: int | None = None
    words: int | None = None
    is_limited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One blow against the gateway or its database, from its beginning to its end."""

    kind: str
    started_s: float
    ended_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gift:
    """Credits that the operator added; `is_sure` where the command said that it was done."""

    wallet_id: str
    amount: int
    reason: str
    is_sure: bool


def address(number: int) -> str:
    """Return the address of the attempt with this number."""
    if not 0 <= number < 1 << 24:
        raise ValueError(f"there is no address for an attempt {number}")
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
