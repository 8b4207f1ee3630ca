"""OpenAI's Videos API as an upstream: the shape that outlived its service.

Owns the words of video jobs, as OpenAI, OpenRouter, vLLM, Dynamo, LiteLLM and grip itself use them.
Wire facts: OpenAI API reference, "Videos"; OpenRouter's, "Video generation".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, cast
from urllib.parse import quote

from grip.providers import task_policy, task_reading
from grip.providers.port import Report
from grip.providers.task_port import (
    ERROR_CODES,
    LIFETIMES_S,
    PACES,
    Ambiguous,
    Artifact,
    ErrorCode,
    Facts,
    Headers,
    Probed,
    Rejected,
    Snapshot,
    State,
    Submitted,
    TaskCall,
    TaskError,
    Unclear,
)
from grip.providers.task_vendor import ended, looked

FACTS: Final = Facts(pace=PACES["video"], lifetime_s=LIFETIMES_S["video"], result_lifetime_s=3600)

STATES: Final[Mapping[str, State]] = MappingProxyType(
    {
        "queued": "queued",
        "pending": "queued",
        "in_progress": "running",
        "processing": "running",
        "completed": "completed",
        "failed": "failed",
        "cancelled": "failed",
        "expired": "failed",
    }
)
"""Every documented word; any other one says nothing."""

_ENDS: Final[Mapping[str, ErrorCode]] = {"cancelled": "cancelled", "expired": "expired"}
_FAILED: Final = "the upstream could not make it"
_POLL_AFTER: Final = "openai-poll-after-ms"


def body(call: TaskCall, values: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a new video; its seconds are a text on this wire."""
    asked = call.input.values
    members = values | {"seconds": str(call.input.seconds)}
    members |= {name: asked[name] for name in ("prompt", "size", "quality") if name in asked}
    if "images" in asked:
        members["input_reference"] = {"image_url": asked["images"][0]}
    return members


def submitted(
    found: Mapping[str, Any], headers: Headers, raw: bytes
) -> Submitted | Rejected | Ambiguous:
    """Return the id of a video that was taken, whatever else is said of it."""
    video_id = task_reading.identity(found.get("id"))
    if video_id is None:
        if found.get("error") is not None and "id" not in found:
            return task_policy.carried_error(headers, raw)
        return Ambiguous(reason="no_id", detail=task_policy.shown(raw))
    state = STATES.get(str(found.get("status")), "queued")
    return Submitted(
        upstream_id=video_id,
        state="running" if state == "running" else "queued",
        poll_after_s=task_reading.wait_s(headers.get(_POLL_AFTER)),
    )


def path(call: TaskCall) -> str:
    """Return where a video stands."""
    return f"/videos/{quote(call.upstream_id or '', safe='')}"


def snapshot(call: TaskCall, answer: Probed) -> Snapshot | Unclear:
    """Return what a look at a video shows."""
    seen = looked(call, answer, STATES)
    if isinstance(seen, Unclear):
        return seen
    state, found = seen
    if state == "failed":
        return Snapshot(state=state, error=_error(str(found["status"]), found.get("error")))
    if state == "completed":
        expires_us = task_reading.time_us(found.get("expires_at"))
        content = Artifact(url=f"{path(call)}/content", own=True, expires_us=expires_us)
        return ended((content,), Report(seconds=task_reading.seconds(found.get("seconds"))))
    return Snapshot(
        state=state,
        progress=task_reading.percent(found.get("progress")),
        poll_after_s=task_reading.wait_s(answer.headers.get(_POLL_AFTER)),
    )


def _error(word: str, told: Any) -> TaskError:
    error = told if isinstance(told, dict) else {"message": told}
    code = error.get("code")
    named = _ENDS.get(word) or task_policy.code_of(code, error.get("type"))
    if isinstance(code, str) and code in ERROR_CODES:
        named = cast("ErrorCode", code)
    return TaskError(code=named, message=task_policy.sentence(error.get("message"), _FAILED))
