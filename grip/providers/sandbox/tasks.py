"""Tasks at the sandbox: its own small wire, to an address that no network has.

A channel with a base URL speaks the same wire to that, which is how tests count what is sent.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, cast
from urllib.parse import quote, urlencode

import msgspec

from grip.providers import task_policy, task_reading
from grip.providers.port import Report, Target, UpstreamRequest
from grip.providers.sandbox.adapter import SCHEME
from grip.providers.sandbox.task_script import TASKS
from grip.providers.task_port import (
    ERROR_CODES,
    LIFETIMES_S,
    Ambiguous,
    Artifact,
    ErrorCode,
    Facts,
    Finished,
    Found,
    Further,
    Headers,
    Pace,
    Probed,
    Rejected,
    Snapshot,
    State,
    Submitted,
    TaskCall,
    TaskError,
    Unclear,
)
from grip.providers.task_vendor import SUCCESS, Vendor, ended, looked

STATES: Final[Mapping[str, State]] = MappingProxyType(
    {
        "queued": "queued",
        "running": "running",
        "completed": "completed",
        "failed": "failed",
        "cancelled": "failed",
        "expired": "failed",
    }
)
"""Every word that the sandbox knows but one, which it was told to make up."""

_PACE: Final = Pace(first_s=1, interval_s=1, cap_s=5)
_ENDS: Final[Mapping[str, ErrorCode]] = {"cancelled": "cancelled", "expired": "expired"}
_MAX_COUNT: Final = 1_000_000_000
_FAILED: Final = "the upstream could not make it"


class SandboxTasks(Vendor):
    """An upstream in the gateway's own process."""

    types: ClassVar[frozenset[str]] = frozenset({"image", "audio", "video"})

    def facts(self, type: str) -> Facts:  # noqa: A002 - the word for it everywhere
        """Return what the sandbox can do: it answers at once, so it is looked at often."""
        return Facts(
            pace=_PACE,
            lifetime_s=LIFETIMES_S[type],
            finds=True,
            cancel="any",
        )

    def submit(self, call: TaskCall, target: Target) -> UpstreamRequest:
        """Return the request that makes the job."""
        return UpstreamRequest(
            method="POST",
            url=_base(target) + TASKS,
            headers=(
                ("content-type", "application/json"),
                ("idempotency-key", call.correlation_id),
            ),
            body=msgspec.json.encode(call.input.rest() | _marks(call)),
        )

    def submitted(
        self,
        call: TaskCall,  # noqa: ARG002 - the answer is whole
        status: int,
        headers: Headers,
        body: bytes,
    ) -> Submitted | Finished | Rejected | Ambiguous:
        """Read the id of the job."""
        if status >= SUCCESS:
            return task_policy.refused(status, headers, body)
        found = task_reading.object_in(body)
        upstream_id = task_reading.identity((found or {}).get("id"))
        if found is not None and upstream_id is None and found.get("error") is not None:
            return task_policy.carried_error(headers, body)
        if upstream_id is None:
            return Ambiguous(reason="no_id", detail=task_policy.shown(body))
        return Submitted(upstream_id=upstream_id)

    def probe(self, call: TaskCall, target: Target) -> UpstreamRequest:
        """Return the look, which brings the time."""
        asked: dict[str, Any] = {"now_us": call.now_us}
        if call.cancelling:
            asked["cancelling"] = 1
        return self._get(target, f"{_where(call)}?{urlencode(asked)}")

    def snapshot(
        self,
        call: TaskCall,
        target: Target,  # noqa: ARG002 - the answer is whole
        answer: Probed,
        step: str = "",  # noqa: ARG002 - the same
    ) -> Snapshot | Unclear | Further:
        """Return what the job says."""
        seen = looked(call, answer, STATES)
        if isinstance(seen, Unclear):
            return seen
        state, found = seen
        usage = _usage(found.get("usage"))
        if state == "failed":
            error = _error(str(found["status"]), found.get("error"))
            is_billed = found.get("billed") is True
            return Snapshot(state=state, error=error, billed=is_billed, usage=usage)
        if state == "completed":
            return ended(_results(found.get("results")), usage)
        return Snapshot(state=state, progress=task_reading.percent(found.get("progress")))

    def cancel(self, call: TaskCall, target: Target) -> UpstreamRequest:
        """Ask to stop."""
        return UpstreamRequest(
            method="POST", url=f"{_base(target)}{_where(call)}/cancel", headers=()
        )

    def find(self, call: TaskCall, target: Target) -> UpstreamRequest:
        """Look for the job by what was submitted."""
        return self._get(target, f"{TASKS}?{urlencode(_marks(call))}")

    def found(self, call: TaskCall, target: Target, answer: Probed) -> Found | Unclear:  # noqa: ARG002
        """Return the job, which bears the task's own mark."""
        found = task_reading.object_in(answer.body) if answer.status < SUCCESS else None
        listed = (found or {}).get("data")
        if not isinstance(listed, list):
            return task_policy.unclear(answer.status, answer.headers, answer.body)
        ids = (task_reading.identity(each.get("id")) for each in listed if isinstance(each, dict))
        return Found(upstream_ids=tuple(each for each in ids if each), certain=True)

    def fetch(self, artifact: Artifact, target: Target) -> UpstreamRequest:
        """Return the request for a result."""
        if not artifact.own:
            return UpstreamRequest(method="GET", url=artifact.url, headers=())
        return self._get(target, artifact.url)

    def _get(self, target: Target, path: str) -> UpstreamRequest:
        return UpstreamRequest(method="GET", url=_base(target) + path, headers=())


def _base(target: Target) -> str:
    return target.base_url or SCHEME


def _where(call: TaskCall) -> str:
    return f"{TASKS}/{quote(call.upstream_id or '', safe='')}"


def _marks(call: TaskCall) -> dict[str, Any]:
    """Return what a job is made of."""
    seconds = call.input.seconds or -(-call.input.characters // 15)
    return {
        "type": call.type,
        "model": call.model,
        "client_id": call.correlation_id,
        "submitted_us": call.submitted_us,
        "n": max(call.input.images, 1),
        "seconds": 0 if call.type == "image" else seconds,
    }


def _usage(found: Any) -> Report:
    used = found if isinstance(found, dict) else {}
    return Report(images=_count(used.get("images")), seconds=_count(used.get("seconds")))


def _count(found: Any) -> int | None:
    return found if type(found) is int and 0 <= found <= _MAX_COUNT else None


def _results(found: Any) -> tuple[Artifact, ...]:
    """Return the results: paths of the sandbox's own."""
    listed = found if isinstance(found, list) else []
    urls = [each.get("url") for each in listed if isinstance(each, dict)]
    kinds = [each.get("content_type") for each in listed if isinstance(each, dict)]
    return tuple(
        Artifact(url=url, own=True, content_type=kind if isinstance(kind, str) else None)
        for url, kind in zip(urls, kinds, strict=True)
        if isinstance(url, str) and url.startswith(f"{TASKS}/")
    )[: task_reading.MAX_RESULTS]


def _error(word: str, told: Any) -> TaskError:
    error = told if isinstance(told, dict) else {}
    code = error.get("code")
    known = code if isinstance(code, str) and code in ERROR_CODES else "upstream_failed"
    named = _ENDS.get(word) or cast("ErrorCode", known)
    return TaskError(code=named, message=task_policy.sentence(error.get("message"), _FAILED))
