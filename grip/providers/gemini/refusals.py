"""What Gemini's errors mean: the client's mistake, or trouble with the operator's account.

An error says its kind in `status`, and more in `details`. Those of the domain `googleapis.com`
are Google's own about keys, billing, quotas and services, whatever the status of the answer is.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from grip.providers.openai import refusals
from grip.providers.port import ChannelFault, RequestRefused

DETAIL_CHARACTERS: Final = 2000

_REQUEST_FAULTS: Final = frozenset({400, 413, 422})
_PLATFORM: Final = "googleapis.com"
_WAIT: Final = re.compile(r"([0-9]{1,9})(\.[0-9]+)?s")


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> Exception:
    """Return RequestRefused for what is wrong with the request, else the channel's fault."""
    error = refusals.error_object(body)
    if status in _REQUEST_FAULTS and not (error and _is_operators(error)):
        return RequestRefused(status, _shown(error or refusals.unexplained(status)))
    return ChannelFault(
        f"status_{status}",
        body[:DETAIL_CHARACTERS].decode(errors="replace"),
        retry_after_s=_wait_s(error, headers),
    )


def fault(reason: str, error: object) -> ChannelFault:
    """Return the fault of an error that came inside a success."""
    found = error if isinstance(error, dict) else None
    return ChannelFault(reason, str(error)[:DETAIL_CHARACTERS], retry_after_s=_wait_s(found, {}))


def blocked(why: str) -> RequestRefused:
    """Return the refusal of a prompt that Gemini does not answer: a success without an answer."""
    return RequestRefused(
        400,
        {
            "message": f"the provider's content policy refused the prompt: {why}",
            "type": "invalid_request_error",
            "param": None,
            "code": "content_policy_violation",
        },
    )


def _is_operators(error: Mapping[str, Any]) -> bool:
    if error.get("status") == "FAILED_PRECONDITION":
        return True  # a place or a plan that may not use the API
    if any(detail.get("domain") == _PLATFORM for detail in _details(error)):
        return True
    return refusals.is_operators(error)


def _shown(error: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an error in OpenAI's shape."""
    status = error.get("status")
    code = status.lower() if isinstance(status, str) else "invalid_request_error"
    return {
        "message": error["message"],
        "type": "invalid_request_error",
        "param": None,
        "code": code,
    }


def _details(error: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict):
            yield detail


def _wait_s(error: Mapping[str, Any] | None, headers: Mapping[str, str]) -> int | None:
    """Return what the vendor asks to wait, rounded up to seconds."""
    for detail in _details(error or {}):
        delay = detail.get("retryDelay")
        if isinstance(delay, str) and (found := _WAIT.fullmatch(delay)):
            return int(found[1]) + (1 if (found[2] or "").strip(".0") else 0)
    wait = headers.get("retry-after", "")
    return int(wait) if wait.isascii() and wait.isdigit() else None
