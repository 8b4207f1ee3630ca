"""fal's queue: submit, look at the status, then ask for the result.

Owns the words of that wire. A job's id here is what its own address ends with, from the owner on
(`fal-ai/flux/requests/…`): fal names the address, and it leaves out parts of the model's name. What
fal names is read as a path alone, so that the key goes nowhere else. Wire facts: fal documentation,
"Queue", "Webhooks", "Model errors", "Request errors".
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from grip.providers import task_policy, task_reading
from grip.providers.port import Report, Target, UpstreamRequest
from grip.providers.task_port import (
    LIFETIMES_S,
    PACES,
    Ambiguous,
    Artifact,
    Event,
    Facts,
    Finished,
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
)
from grip.providers.task_spelling import spelling
from grip.providers.task_vendor import SUCCESS, Vendor, ended, looked, misnamed

STATES: Final[Mapping[str, State]] = MappingProxyType(
    {"IN_QUEUE": "queued", "IN_PROGRESS": "running", "COMPLETED": "completed"}
)
"""Every documented word. The last one says that the job is over, not how."""

USUAL: Final[Mapping[str, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        "image": (
            ("prompt", "prompt"),
            ("n", "num_images"),
            ("size", "image_size:object"),
            ("images", "image_urls:list"),
        ),
        "video": (
            ("prompt", "prompt"),
            ("seconds", "duration"),
            ("size", "aspect_ratio:ratio"),
            ("images", "image_url:one"),
        ),
        "audio": (
            ("prompt", "prompt"),
            ("input", "text"),
            ("seconds", "duration"),
            ("voice", "voice"),
        ),
    }
)
"""How most of fal's models of a type spell grip's words."""

_OUTPUTS: Final = {
    "image": ("images", "image"),
    "video": ("videos", "video"),
    "audio": ("audios", "audio", "audio_file", "audio_url"),
}
_RESULT: Final = "result"
_KEYS_URL: Final = "https://rest.fal.ai/.well-known/jwks.json"
_RESULT_LIFETIME_S: Final = 24 * 3600
_PATH: Final = re.compile(r"(?:[A-Za-z0-9][\w.-]*/){2,6}requests/([A-Za-z0-9][\w-]*)\Z", re.ASCII)
_REQUEST: Final = re.compile(r"[A-Za-z0-9][\w-]{0,99}\Z", re.ASCII)
_UNITS: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?\Z", re.ASCII)
_FAILED: Final = "the upstream could not make it"
_WAITING: Final = "still in progress"


class FalTasks(Vendor):
    """Tasks at fal, or behind an address that speaks its queue's wire."""

    types: ClassVar[frozenset[str]] = frozenset(USUAL)
    scheme = "Key"

    def facts(self, type: str) -> Facts:  # noqa: A002 - the word for it everywhere
        """Return what fal can do."""
        return Facts(
            pace=PACES[type],
            lifetime_s=LIFETIMES_S[type],
            webhook=True,
            cancel="any",
            result_lifetime_s=_RESULT_LIFETIME_S,
        )

    def submit(self, call: TaskCall, target: Target) -> UpstreamRequest | Rejected:
        """Return the request, with the address that fal calls back on."""
        try:
            spelt = spelling(call.model, USUAL[call.type])
        except ValueError as error:
            return misnamed(error)
        heads = [("content-type", "application/json"), *self.credentials(target)]
        if call.left_s is not None:
            # A job that has not begun by then is given up by fal as well.
            heads.append(("x-fal-request-timeout", str(max(call.left_s, 1))))
        asked = urlencode({"fal_webhook": call.webhook_url}) if call.webhook_url else ""
        return UpstreamRequest(
            method="POST",
            url=f"{target.base_url}/{quote(spelt.model)}" + (f"?{asked}" if asked else ""),
            headers=tuple(heads),
            body=msgspec.json.encode(spelt.spelt(call.input)),
        )

    def submitted(
        self, call: TaskCall, status: int, headers: Headers, body: bytes
    ) -> Submitted | Finished | Rejected | Ambiguous:
        """Read the address of the job."""
        if status >= SUCCESS:
            return task_policy.refused(status, headers, _as_error(body))
        found = task_reading.object_in(body) or {}
        request_id = found.get("request_id")
        if not isinstance(request_id, str) or not _REQUEST.match(request_id):
            return Ambiguous(reason="no_id", detail=task_policy.shown(body))
        path = _path(found.get("response_url"), request_id)
        return Submitted(upstream_id=path or _built(call, request_id))

    def probe(self, call: TaskCall, target: Target) -> UpstreamRequest:
        """Return the look at the status."""
        return self.asking(target, f"{_where(call)}/status")

    def snapshot(
        self, call: TaskCall, target: Target, answer: Probed, step: str = ""
    ) -> Snapshot | Unclear | Further:
        """Return what the status says; where the job is over, its result has to be asked for."""
        if step == _RESULT:
            return _result(call, answer)
        seen = looked(call, answer, STATES, "request_id")
        if isinstance(seen, Unclear):
            return seen
        state, found = seen
        if state != "completed":
            return Snapshot(state=state)
        if found.get("error") or found.get("error_type"):
            return _failed(found)
        return Further(request=self.asking(target, _where(call)), step=_RESULT)

    def cancel(self, call: TaskCall, target: Target) -> UpstreamRequest | None:
        """Ask to stop: fal takes it out of the queue, or tells the runner."""
        return self.asking(target, f"{_where(call)}/cancel", "PUT")

    def webhook_keys(self, target: Target) -> UpstreamRequest | None:  # noqa: ARG002
        """Return the request for fal's public keys, which takes no key."""
        return UpstreamRequest(method="GET", url=_KEYS_URL, headers=())

    def verify_webhook(self, call: TaskCall, raw: bytes, headers: Headers, keys: bytes) -> Event:
        """Return which job fal calls about; raises WebhookRefused."""
        # Verifying takes megabytes of a library, in each worker.
        from grip.providers.fal import webhooks  # noqa: PLC0415

        signed_id, request_id = webhooks.verified(raw, headers, keys, call.now_us)
        known = call.upstream_id
        is_known = known is not None and known.endswith(f"/requests/{request_id}")
        upstream_id = known if known and is_known else _built(call, request_id)
        return Event(event_id=signed_id, upstream_id=upstream_id)


def _result(call: TaskCall, answer: Probed) -> Snapshot | Unclear:
    """Return how a job ended that is over: fal says it with the status of the result."""
    found = task_reading.object_in(answer.body)
    if answer.status < SUCCESS:
        if found is None:
            return task_policy.unclear(answer.status, answer.headers, answer.body)
        return _completed(call, answer, found)
    named = answer.headers.get("x-fal-error-type") or (found or {}).get("error_type")
    is_verdict = answer.status in {400, 413, 415, 422} or bool(named)
    if found is None or not is_verdict or _WAITING in str(found.get("detail")):
        return task_policy.unclear(answer.status, answer.headers, answer.body)
    return _failed(found | {"error_type": named})


def _completed(call: TaskCall, answer: Probed, found: Mapping[str, Any]) -> Snapshot:
    results: tuple[Artifact, ...] = ()
    for name in _OUTPUTS[call.type]:
        results = results or task_reading.links(found.get(name), any_text=True)
    results = results or task_reading.links(found)
    units = answer.headers.get("x-fal-billable-units", "")
    images = len(results) if call.type == "image" else None
    usage = Report(images=images, seconds=_seconds(call, found))
    return ended(results, usage, units if _UNITS.match(units) else None)


def _seconds(call: TaskCall, found: Mapping[str, Any]) -> int | None:
    """Return how long a video or sound is, where the file's description says so."""
    for name in _OUTPUTS[call.type] if call.type != "image" else ():
        told = found.get(name)
        if isinstance(told, dict):
            return task_reading.seconds(told.get("duration"))
    return None


def _failed(found: Mapping[str, Any]) -> Snapshot:
    """Return a failure: a sentence, or a list of what was wrong with the input."""
    detail, kind = found.get("detail"), found.get("error_type")
    message = found.get("error") if isinstance(found.get("error"), str) else detail
    kinds = [kind]
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        message = detail[0].get("msg")
        kinds += [each.get("type") for each in detail if isinstance(each, dict)]
    code = task_policy.code_of(*kinds)
    if isinstance(kind, str) and "cancel" in kind.lower():
        code = "cancelled"
    told = TaskError(code=code, message=task_policy.sentence(message, _FAILED), detail=str(kind))
    return Snapshot(state="failed", error=told)


def _as_error(body: bytes) -> bytes:
    """Return a refusal with its sentence where other vendors have it."""
    found = task_reading.object_in(body)
    if found is None or "detail" not in found:
        return body
    error = _failed(found).error
    told = error.message if error else _FAILED
    code = "content_policy" if error and error.code == "content_policy" else found.get("error_type")
    return msgspec.json.encode({"error": {"message": told, "code": code}})


def _path(url: Any, request_id: str) -> str | None:
    """Return the path of a job's address, None where it is not this job's."""
    if not isinstance(url, str):
        return None
    try:
        path = urlsplit(url).path.lstrip("/")
    except ValueError:
        return None
    found = _PATH.match(path)
    return path if found and found[1] == request_id else None


def _built(call: TaskCall, request_id: str) -> str:
    """Return the path of a job whose address fal has not named: owner and app, then the job."""
    parts = call.model.partition("?")[0].split("/")
    keep = 3 if parts[0] in _NAMESPACES else 2
    return "/".join([*parts[:keep], "requests", request_id])


_NAMESPACES: Final = frozenset({"workflows", "comfy"})


def _where(call: TaskCall) -> str:
    return f"/{quote(call.upstream_id or '')}"
