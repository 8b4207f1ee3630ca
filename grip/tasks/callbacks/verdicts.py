"""What the end of an attempt means: delivered, to be tried again and when, or dead.

Owns the schedule. Pure: chance and times are handed in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Final

from grip.transport.port import Reply, TransportFault

SCHEDULE_S: Final = (0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600)
"""How long before each attempt; further ones wait as long as the last."""

JITTER: Final = 0.2
_SECOND_US: Final = 1_000_000
_GONE: Final = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How an attempt ended: `outcome` in a word, `state` for the callback, and when to try again.

    `detail` is the operator's sentence about a failure, `reason` why a callback is dead.
    """

    outcome: str
    state: str
    status: int | None = None
    detail: str = ""
    reason: str = ""
    wait_us: int = 0


def of_reply(reply: Reply, tries: int, tries_max: int, *, chance: float, now_us: int) -> Verdict:
    """Judge an answer to the attempt number `tries`; `chance` is from 0 to 1."""
    if reply.status // 100 == 2:  # noqa: PLR2004
        return Verdict(outcome="delivered", state="delivered", status=reply.status)
    failed = Verdict(
        outcome="status",
        state="dead",
        status=reply.status,
        detail=f"the receiver answered {reply.status}",
    )
    if reply.status == _GONE:
        return replace(failed, reason="gone")
    asked_us = _retry_after_us(reply.headers, now_us)
    return _again(failed, tries, tries_max, _wait_us(tries, chance, asked_us))


def of_fault(fault: TransportFault, tries: int, tries_max: int, *, chance: float) -> Verdict:
    """Judge an exchange that broke; what the guard refused is never tried again."""
    failed = Verdict(outcome=fault.reason, state="dead", detail=fault.detail)
    if fault.reason == "refused":
        return replace(failed, reason="refused")
    return _again(failed, tries, tries_max, _wait_us(tries, chance, 0))


def _again(failed: Verdict, tries: int, tries_max: int, wait_us: int) -> Verdict:
    if tries >= tries_max:
        return replace(failed, reason="exhausted")
    return replace(failed, state="pending", wait_us=wait_us)


def _wait_us(tries: int, chance: float, asked_us: int) -> int:
    """Return the wait after `tries` attempts; a receiver may ask for up to twice as long."""
    base_us = SCHEDULE_S[min(tries, len(SCHEDULE_S) - 1)] * _SECOND_US
    usual_us = base_us + round(base_us * JITTER * (2 * chance - 1))
    return max(usual_us, min(asked_us, 2 * usual_us))


def _retry_after_us(headers: Mapping[str, str], now_us: int) -> int:
    """Return how long a Retry-After asks to wait: seconds, or a date; 0 where it says nothing."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return int(text[:9]) * _SECOND_US
    try:
        return max(0, round(parsedate_to_datetime(text).timestamp() * _SECOND_US) - now_us)
    except (ValueError, OverflowError):
        return 0
