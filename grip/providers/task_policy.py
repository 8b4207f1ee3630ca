"""What an answer that is no success does to a task: the policy of errors, as data.

Owns which statuses prove that nothing was made of a submission, and what a failed look may do.
Refuses to end a task for anything that a vendor has not said in so many words: but for one thing,
a job that the vendor keeps saying it does not know.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from grip.providers.openai import refusals
from grip.providers.task_port import Ambiguous, Effect, ErrorCode, Rejected, Unclear

NOT_SENT: Final = frozenset({"connect"})
"""The faults of a transport after which nothing has reached the upstream. All others leave a
submission ambiguous."""

MISSES_MAX: Final = 3
MISS_GRACE_S: Final = 60
"""A job that is not found so often, and so long after its submission, has expired."""

BACK_OFF_CAP_S: Final = 60

EFFECTS: Final[Mapping[int, Effect]] = MappingProxyType(
    {
        401: Effect.PAUSE_CHANNEL,
        402: Effect.PAUSE_CHANNEL,
        403: Effect.PAUSE_CHANNEL,
        404: Effect.COUNT_MISS,
        410: Effect.COUNT_MISS,
    }
)
"""What a status does to the polling; every other one only slows it."""

CHANNELS: Final = frozenset({401, 402, 403, 404, 405, 407, 408, 421, 425, 429, 501, 503, 529})
"""Statuses of a submission that say that nothing was made of it, and blame the channel for it."""

OPERATORS: Final = frozenset({401, 402, 403, 404, 405, 407})
"""Those of them that the operator has to mend: a key, a balance, an address, a model's name."""

CUSTOMERS: Final = frozenset({400, 406, 411, 413, 414, 415, 422, 431, 451})
"""Statuses of a submission that say the same, and blame the request: unless the vendor's error is
about the operator's account."""

POLICY_WORDS: Final = frozenset(
    {
        "blocked_by_policy",
        "content_filter",
        "content_moderation",
        "content_policy",
        "content_policy_violation",
        "moderation",
        "moderation_blocked",
        "moderation_failed",
        "nsfw",
        "nsfw_content",
        "policy_violation",
        "safety",
        "safety_violation",
        "sentinel_block",
    }
)
"""What vendors call a refusal of what was asked for."""

_TROUBLE: Final = "the upstream could not take the task"
_FAILURE: Final = 300
_SERVER: Final = 500
_DETAIL: Final = 2_000
_MESSAGE: Final = 500
_MAX_WAIT_S: Final = 86_400


def unclear(status: int, headers: Mapping[str, str], body: bytes) -> Unclear:
    """Return what a look that was answered with an error, or with nothing readable, does."""
    reason = f"status_{status}" if status >= _FAILURE else "garbage"
    return Unclear(
        reason=reason,
        detail=shown(body),
        effect=EFFECTS.get(status, Effect.BACK_OFF),
        retry_after_s=retry_after_s(headers),
    )


def is_expired(misses: int, since_submission_us: int) -> bool:
    """Return whether a job that was not found `misses` times in a row is gone for good."""
    return misses >= MISSES_MAX and since_submission_us > MISS_GRACE_S * 1_000_000


def back_off_s(failures: int) -> int:
    """Return how long to leave a task alone after so many failed looks in a row."""
    return min(1 << min(failures, 10), BACK_OFF_CAP_S)


def refused(
    status: int, headers: Mapping[str, str], body: bytes, *, blocking: bool = False
) -> Rejected | Ambiguous:
    """Return what a submission that was answered with an error has come to.

    A 5xx may come from a proxy that has lost the answer of a vendor that went to work. `blocking`
    calls have been made or not by then: their own error is one.
    """
    if status in CUSTOMERS:
        return _customers(status, headers, body)
    is_own = blocking and status == _SERVER and refusals.error_object(body) is not None
    if status in CHANNELS or is_own:
        return _channels(f"status_{status}", headers, body, is_operators=status in OPERATORS)
    return Ambiguous(reason=f"status_{status}", detail=shown(body))


def carried_error(headers: Mapping[str, str], body: bytes) -> Rejected:
    """Return what a success that carries an error instead of a task has come to."""
    return _channels("error_in_answer", headers, body)


def code_of(*words: Any) -> ErrorCode:
    """Return the code of a failure that a vendor describes by these words."""
    folded = {str(word).strip().lower().replace("-", "_").replace(" ", "_") for word in words}
    if folded & POLICY_WORDS:
        return "content_policy"
    return "upstream_failed"


def sentence(found: Any, otherwise: str) -> str:
    """Return a vendor's sentence as a customer may read it: short, and of printable characters."""
    if not isinstance(found, str) or not found.strip():
        return otherwise
    return "".join(each if each.isprintable() else " " for each in found.strip()[:_MESSAGE])


def shown(body: bytes) -> str:
    """Return the beginning of a body, for the operator."""
    return body[:_DETAIL].decode(errors="replace")


def retry_after_s(headers: Mapping[str, str]) -> int | None:
    """Return how long the upstream asked to be left alone, where it said so in seconds."""
    wait = headers.get("retry-after", "")
    if not (wait.isascii() and wait.isdigit() and len(wait) <= len(str(_MAX_WAIT_S))):
        return None
    return min(int(wait), _MAX_WAIT_S)


def _customers(status: int, headers: Mapping[str, str], body: bytes) -> Rejected:
    error = refusals.error_object(body)
    if error is not None and refusals.is_operators(error):
        return _channels(f"status_{status}", headers, body, is_operators=True)
    told = error or refusals.unexplained(status)
    code = code_of(told.get("code"), told.get("type"))
    return Rejected(
        code="content_policy" if code == "content_policy" else "submit_rejected",
        message=sentence(told.get("message"), _TROUBLE),
        retry=False,
        detail=shown(body),
    )


def _channels(
    reason: str, headers: Mapping[str, str], body: bytes, *, is_operators: bool = False
) -> Rejected:
    return Rejected(
        code="config_error" if is_operators else "submit_rejected",
        message=_TROUBLE,
        retry=True,
        reason=reason,
        detail=shown(body),
        retry_after_s=retry_after_s(headers),
    )
