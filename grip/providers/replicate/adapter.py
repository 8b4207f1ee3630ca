"""Replicate's predictions: create, look, cancel, list.

Owns the words of that wire. Nothing that is sent comes back as a mark of the task, so a submission
that was lost is looked for among the predictions of its minutes, and recognised by its model and
input. Wire facts: Replicate documentation, "HTTP API", "Webhooks", "Prediction deadlines".
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlencode

import msgspec

from grip import clock, standard_webhooks
from grip.providers import task_policy, task_reading
from grip.providers.port import Report, Target, UpstreamRequest
from grip.providers.task_port import (
    PACES,
    Ambiguous,
    ErrorCode,
    Event,
    Facts,
    Finished,
    Found,
    Further,
    Headers,
    Probed,
    Rejected,
    Snapshot,
    State,
    Submitted,
    TaskCall,
    TaskError,
    Unclear,
    WebhookRefused,
)
from grip.providers.task_spelling import Spelling, spelling
from grip.providers.task_vendor import SUCCESS, Vendor, ended, looked, misnamed

STATES: Final[Mapping[str, State]] = MappingProxyType(
    {
        "starting": "queued",
        "processing": "running",
        "succeeded": "completed",
        "failed": "failed",
        "canceled": "failed",
        "aborted": "failed",
    }
)
"""Every documented word. What is aborted never began and is not charged, what is canceled is."""

USUAL: Final[Mapping[str, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        "image": (
            ("prompt", "prompt"),
            ("n", "num_outputs"),
            ("size", "width:width_height"),
            ("images", "image:one"),
        ),
        "video": (
            ("prompt", "prompt"),
            ("seconds", "duration"),
            ("size", "aspect_ratio:ratio"),
            ("images", "image:one"),
        ),
        "audio": (
            ("prompt", "prompt"),
            ("input", "text"),
            ("seconds", "duration"),
            ("voice", "voice"),
        ),
    }
)
"""How most of Replicate's models of a type spell grip's words."""

_LIFETIME_S: Final = 1800
_RESULT_LIFETIME_S: Final = 3600
_SHORTEST_S: Final = 5
_WINDOW_US: Final = 120_000_000
_SLACK_US: Final = 5_000_000
_MAX_LISTED: Final = 200
_VERSION: Final = re.compile(r"[0-9a-f]{64}\Z")
_MODEL: Final = re.compile(r"[\w.-]+/[\w.-]+\Z", re.ASCII)
_PROVIDED: Final = re.compile(
    r"\bnsfw\b|flagged as sensitive|content (?:policy|moderation)|safety (?:filter|checker|system)",
    re.IGNORECASE,
)
_FAILED: Final = "the upstream could not make it"
_ENDS: Final[Mapping[str, tuple[ErrorCode, str]]] = {
    "canceled": ("cancelled", "the task was cancelled at the upstream"),
    "aborted": ("expired", "the upstream gave the task up before it began"),
}


class ReplicateTasks(Vendor):
    """Tasks at Replicate."""

    types: ClassVar[frozenset[str]] = frozenset(USUAL)

    def facts(self, type: str) -> Facts:  # noqa: A002 - the word for it everywhere
        """Return what Replicate can do."""
        return Facts(
            pace=PACES[type],
            lifetime_s=_LIFETIME_S,
            finds=True,
            webhook=True,
            cancel="any",
            cancel_is_billed=True,
            result_lifetime_s=_RESULT_LIFETIME_S,
        )

    def submit(self, call: TaskCall, target: Target) -> UpstreamRequest | Rejected:
        """Return the request, with Replicate's own deadline set to grip's."""
        try:
            spelt = spelling(call.model, USUAL[call.type])
        except ValueError as error:
            return misnamed(error)
        body: dict[str, Any] = {"input": spelt.spelt(call.input)}
        path = "/predictions"
        if _MODEL.match(spelt.model):
            path = f"/models/{quote(spelt.model)}/predictions"
        else:
            body["version"] = spelt.model
        if call.webhook_url:
            body |= {"webhook": call.webhook_url, "webhook_events_filter": ["start", "completed"]}
        heads = [("content-type", "application/json"), *self.credentials(target)]
        if call.left_s is not None:
            heads.append(("cancel-after", f"{max(call.left_s, _SHORTEST_S)}s"))
        return UpstreamRequest(
            method="POST",
            url=target.base_url + path,
            headers=tuple(heads),
            body=msgspec.json.encode(body),
        )

    def submitted(
        self,
        call: TaskCall,  # noqa: ARG002 - the answer is whole
        status: int,
        headers: Headers,
        body: bytes,
    ) -> Submitted | Finished | Rejected | Ambiguous:
        """Read the id of the prediction, whatever else is said of it."""
        if status >= SUCCESS:
            return task_policy.refused(status, headers, _as_error(body))
        found = task_reading.object_in(body) or {}
        upstream_id = task_reading.identity(found.get("id"))
        if upstream_id is None:
            return Ambiguous(reason="no_id", detail=task_policy.shown(body))
        is_running = found.get("status") == "processing"
        return Submitted(upstream_id=upstream_id, state="running" if is_running else "queued")

    def probe(self, call: TaskCall, target: Target) -> UpstreamRequest:
        """Return the look at a prediction."""
        return self.asking(target, _where(call))

    def snapshot(
        self,
        call: TaskCall,
        target: Target,  # noqa: ARG002 - the answer is whole
        answer: Probed,
        step: str = "",  # noqa: ARG002 - the same
    ) -> Snapshot | Unclear | Further:
        """Return what a prediction says."""
        seen = looked(call, answer, STATES)
        if isinstance(seen, Unclear):
            return seen
        state, found = seen
        if state == "failed":
            return _failed(str(found["status"]), found)
        if state == "completed":
            return _completed(call, found)
        return Snapshot(state=state)

    def cancel(self, call: TaskCall, target: Target) -> UpstreamRequest | None:
        """Ask to stop."""
        return self.asking(target, f"{_where(call)}/cancel", "POST")

    def find(self, call: TaskCall, target: Target) -> UpstreamRequest | None:
        """List the predictions of the minutes in which the task was submitted."""
        asked = urlencode(
            {
                "created_after": clock.to_iso(call.submitted_us - _SLACK_US),
                "created_before": clock.to_iso(call.submitted_us + _WINDOW_US),
            }
        )
        return self.asking(target, f"/predictions?{asked}")

    def found(self, call: TaskCall, target: Target, answer: Probed) -> Found | Unclear:
        """Return the predictions of the task's model, and where the list goes on."""
        found = task_reading.object_in(answer.body) if answer.status < SUCCESS else None
        listed = (found or {}).get("results")
        if found is None or not isinstance(listed, list):
            return task_policy.unclear(answer.status, answer.headers, answer.body)
        spelt = _spelling(call)
        candidates = tuple(
            upstream_id
            for each in listed[:_MAX_LISTED]
            if isinstance(each, dict)
            and _is_of(spelt, each)
            and (upstream_id := task_reading.identity(each.get("id")))
        )
        return Found(upstream_ids=candidates, further=self._next(found, target))

    def matches(self, call: TaskCall, answer: Probed) -> bool:
        """Return whether a prediction was made of exactly what this task sends."""
        found = task_reading.object_in(answer.body) if answer.status < SUCCESS else None
        spelt = _spelling(call)
        if found is None or spelt is None or not _is_of(spelt, found):
            return False
        sent = msgspec.json.decode(msgspec.json.encode(spelt.spelt(call.input)))
        return bool(found.get("input") == sent)

    def webhook_keys(self, target: Target) -> UpstreamRequest | None:
        """Return the request for the account's signing secret."""
        return self.asking(target, "/webhooks/default/secret")

    def verify_webhook(self, call: TaskCall, raw: bytes, headers: Headers, keys: bytes) -> Event:
        """Return which prediction Replicate calls about; raises WebhookRefused."""
        secret = (task_reading.object_in(keys) or {}).get("key")
        known = secret if isinstance(secret, str) else ""
        try:
            event_id = standard_webhooks.verify(raw, headers, [known], call.now_us)
        except standard_webhooks.Unproven as error:
            raise WebhookRefused(str(error)) from None
        except standard_webhooks.UnusableSecret:
            raise WebhookRefused("there is no usable secret to check it with") from None
        found = task_reading.object_in(raw) or {}
        upstream_id = task_reading.identity(found.get("id"))
        if upstream_id is None:
            raise WebhookRefused("it names no prediction")
        return Event(event_id=event_id, upstream_id=upstream_id)

    def _next(self, found: Mapping[str, Any], target: Target) -> UpstreamRequest | None:
        """Return the request for more of a list; what leads elsewhere is not followed."""
        url = found.get("next")
        if not isinstance(url, str) or not url.startswith(f"{target.base_url}/predictions?"):
            return None
        return self.asking(target, url.removeprefix(target.base_url))


def _completed(call: TaskCall, found: Mapping[str, Any]) -> Snapshot:
    results = task_reading.links(found.get("output"), any_text=True)
    if not results and found.get("data_removed") is True:
        error = TaskError(code="result_unavailable", message="the upstream has removed the result")
        return Snapshot(state="failed", error=error)
    usage = Report(images=len(results) if call.type == "image" else None)
    return ended(results, usage, _time(found))


def _failed(word: str, found: Mapping[str, Any]) -> Snapshot:
    told = found.get("error")
    code: ErrorCode = "upstream_failed"
    message = task_policy.sentence(told, _FAILED)
    if word in _ENDS:
        code, message = _ENDS[word]
    elif isinstance(told, str) and _PROVIDED.search(told):
        code = "content_policy"
    error = TaskError(code=code, message=message, detail=word)
    return Snapshot(state="failed", error=error, billed=word == "canceled", units=_time(found))


def _time(found: Mapping[str, Any]) -> str | None:
    """Return the seconds of hardware that a prediction took, as Replicate counts them."""
    metrics = found.get("metrics")
    took = metrics.get("predict_time") if isinstance(metrics, dict) else None
    if isinstance(took, bool) or not isinstance(took, int | float):
        return None
    return str(took) if 0 <= took <= task_reading.MAX_SECONDS else None


def _as_error(body: bytes) -> bytes:
    """Return a refusal (RFC 7807: title, detail, status) with its sentence where others have it."""
    found = task_reading.object_in(body)
    if found is None or not isinstance(found.get("detail"), str):
        return body
    return msgspec.json.encode({"error": {"message": found["detail"], "code": found.get("title")}})


def _is_of(spelt: Spelling | None, found: Mapping[str, Any]) -> bool:
    """Return whether a prediction is of the model: by its name, or by its version."""
    if spelt is None:
        return False
    version = spelt.model.rpartition(":")[2]
    if _VERSION.match(version):
        return found.get("version") == version
    return found.get("model") == spelt.model


def _spelling(call: TaskCall) -> Spelling | None:
    try:
        return spelling(call.model, USUAL[call.type])
    except ValueError:
        return None


def _where(call: TaskCall) -> str:
    return f"/predictions/{quote(call.upstream_id or '', safe='')}"
