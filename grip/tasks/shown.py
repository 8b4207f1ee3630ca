"""How tasks look on the wire: grip's own shape, and that of OpenAI's Videos API.

Owns the words that clients see. Refuses to show what an upstream said, and who it was.
"""

from collections.abc import Sequence
from typing import Any, Final

from grip.clock import to_iso
from grip.store.results import Result
from grip.store.tasks import Task
from grip.tasks import phases

_VIDEO_STATUS: Final = {
    phases.PENDING: "queued",
    phases.PROCESSING: "in_progress",
    phases.COMPLETED: "completed",
    phases.FAILED: "failed",
}
_SECOND_US: Final = 1_000_000


def task_view(task: Task, results: Sequence[Result], now_us: int) -> dict[str, Any]:
    """Return a task as `/v1/tasks` shows it; times are unix seconds, as OpenAI's API has them."""
    charged = task.credits or 0
    return {
        "id": task.id,
        "object": "task",
        "model": task.model,
        "type": task.type,
        "status": task.status,
        "progress": task.progress,
        "input": task.input,
        "metadata": task.metadata,
        "credits_reserved": task.hold_credits,
        "credits_charged": charged,
        "credits_refunded": task.hold_credits - charged if task.is_over else 0,
        "results": [_result_view(task, result) for result in results if not result.is_over(now_us)],
        "error": _error(task),
        "created_at": task.created_us // _SECOND_US,
        "completed_at": None if task.completed_us is None else task.completed_us // _SECOND_US,
    }


def video_view(task: Task, results: Sequence[Result]) -> dict[str, Any]:
    """Return a task as a video of OpenAI's API; every field of its object is there."""
    ended = task.completed_us if task.status == phases.COMPLETED else None
    expires = [result.expires_us for result in results if result.expires_us is not None]
    return {
        "id": task.id,
        "object": "video",
        "model": task.model,
        "status": _VIDEO_STATUS[task.status],
        "progress": task.progress,
        "created_at": task.created_us // _SECOND_US,
        "completed_at": None if ended is None else ended // _SECOND_US,
        "expires_at": min(expires) // _SECOND_US if expires else None,
        "prompt": task.input.get("prompt"),
        "size": task.input.get("size", ""),
        "seconds": str(task.input.get("seconds", "")),
        "remixed_from_video_id": None,
        "error": _error(task),
    }


def operator_view(task: Task) -> dict[str, Any]:
    """Return a task as operators see it: with its phase, its channel and its trouble."""
    return {
        "id": task.id,
        "created_at": to_iso(task.created_us),
        "wallet_id": task.wallet_id,
        "key_name": task.key_name,
        "model": task.model,
        "type": task.type,
        "status": task.status,
        "phase": task.phase,
        "progress": task.progress,
        "channel": task.channel,
        "upstream_id": task.upstream_id,
        "attempts": task.attempts,
        "fault": task.fault,
        "credits_reserved": task.hold_credits,
        "credits_charged": task.credits,
        "error": _error(task),
        "completed_at": None if task.completed_us is None else to_iso(task.completed_us),
    }


def _result_view(task: Task, result: Result) -> dict[str, Any]:
    return {
        "index": result.n,
        "url": f"/v1/tasks/{task.id}/results/{result.n}",
        "content_type": result.content_type,
        "bytes": result.size,
        "expires_at": None if result.expires_us is None else result.expires_us // _SECOND_US,
    }


def _error(task: Task) -> dict[str, Any] | None:
    if task.error_code is None:
        return None
    return {"code": task.error_code, "message": task.error_message}
