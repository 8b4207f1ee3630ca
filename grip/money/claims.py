"""Idempotency-Keys: what a second call with the same one is told.

A claim is a key's Idempotency-Key, held by one request. It is running until that request is
charged, then kept with its answer, or lost where the answer cannot be given again. A call that
fails frees it.
"""

from typing import Final

from grip import errors
from grip.money.states import ClaimState

RUNNING: Final = "running"
KEPT: Final = "kept"
LOST: Final = "lost"

KEPT_US: Final = 24 * 3600 * 1_000_000
"""How long an answer is kept (contract, part 4)."""


def is_over(claim: ClaimState, now_us: int) -> bool:
    """Whether the claim has had its time, and the Idempotency-Key may be used anew."""
    return claim.state != RUNNING and claim.created_us + KEPT_US <= now_us


def objection(claim: ClaimState, fingerprint: str | None) -> errors.GripError | None:
    """Return why a second call is not carried out; None where its answer is kept."""
    if claim.fingerprint != fingerprint:
        return errors.IdempotencyKeyReused(
            "this Idempotency-Key was used with another body; use a new one for a new request"
        )
    if claim.state == RUNNING:
        return in_use()
    if claim.state == LOST:
        return errors.IdempotencyResultUnavailable(
            f"the request {claim.request_id} with this Idempotency-Key was carried out and "
            "charged, but its answer was cut off or too large to keep; it is not sent again",
            metadata={"request_id": claim.request_id},
        )
    return None


def in_use() -> errors.IdempotencyKeyInUse:
    """Return what a call is told whose Idempotency-Key another one is using right now."""
    return errors.IdempotencyKeyInUse(
        "the first request with this Idempotency-Key is still running; retry when it has ended",
        retry_after_s=1,
    )
