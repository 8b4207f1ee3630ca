"""Tasks over OpenAI's API: pictures and speech in one blocking call, videos as jobs.

Owns how a task is put into `/images/generations`, `/images/edits` and `/audio/speech`, and what
comes back. The video jobs are in `videos.py`. A blocking call has no id: where its answer is lost,
nobody can find out what became of it. Wire facts: OpenAI API reference, "Images" and "Audio".
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from grip.providers import task_policy, task_reading
from grip.providers.openai import responses, videos
from grip.providers.port import Report, Target, UpstreamRequest
from grip.providers.task_port import (
    LIFETIMES_S,
    PACES,
    Ambiguous,
    Artifact,
    Facts,
    Finished,
    Further,
    Headers,
    Probed,
    Rejected,
    Snapshot,
    Submitted,
    TaskCall,
    Unclear,
)
from grip.providers.task_reading import MAX_RESULTS
from grip.providers.task_vendor import SUCCESS, Vendor, ended

_FORMATS: Final = frozenset({"png", "jpeg", "webp"})


class OpenAITasks(Vendor):
    """An upstream that speaks OpenAI's API, at any base URL."""

    types: ClassVar[frozenset[str]] = frozenset({"image", "audio", "video"})

    def facts(self, type: str) -> Facts:  # noqa: A002 - the word for it everywhere
        """Return what such an upstream can do."""
        if type == "video":
            return videos.FACTS
        return Facts(pace=PACES[type], lifetime_s=LIFETIMES_S[type], blocking=True)

    def submit(self, call: TaskCall, target: Target) -> UpstreamRequest:
        """Return the request; what OpenAI calls as grip does goes under the same name."""
        values = call.input.rest() | {"model": call.model}
        match call.type:
            case "video":
                path, body = "/videos", videos.body(call, values)
            case "image":
                path, body = _pictures(call, values)
            case _:
                path, body = "/audio/speech", _speech(call, values)
        return UpstreamRequest(
            method="POST",
            url=target.base_url + path,
            headers=(*_heads(call), *self.credentials(target)),
            body=msgspec.json.encode(body),
        )

    def submitted(
        self, call: TaskCall, status: int, headers: Headers, body: bytes
    ) -> Submitted | Finished | Rejected | Ambiguous:
        """Read the id of a video, or the pictures or sound themselves."""
        if status >= SUCCESS:
            return task_policy.refused(status, headers, body, blocking=call.type != "video")
        if call.type == "audio":
            return _sound(headers, body)
        found = task_reading.object_in(body)
        if found is None:
            return Ambiguous(reason="garbage", detail=task_policy.shown(body))
        if call.type == "video":
            return videos.submitted(found, headers, body)
        return _shown(found, headers, body)

    def probe(self, call: TaskCall, target: Target) -> UpstreamRequest:
        """Return the look at a video; there are no other jobs."""
        return self.asking(target, videos.path(call))

    def snapshot(
        self,
        call: TaskCall,
        target: Target,  # noqa: ARG002 - the answer is whole
        answer: Probed,
        step: str = "",  # noqa: ARG002 - the same
    ) -> Snapshot | Unclear | Further:
        """Return what a look at a video shows."""
        return videos.snapshot(call, answer)


def _heads(call: TaskCall) -> tuple[tuple[str, str], ...]:
    return (
        ("content-type", "application/json"),
        ("accept", "*/*"),
        # The same for each submission of one task. Harmless where nobody reads it.
        ("idempotency-key", call.correlation_id),
    )


def _pictures(call: TaskCall, values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the route and body of pictures; those that start from others are edits."""
    asked = call.input
    body = values | {
        "prompt": asked.values["prompt"],
        "n": asked.images,
        "size": asked.size,
        "quality": asked.quality,
    }
    sources = asked.values.get("images")
    if not sources:
        return "/images/generations", body
    return "/images/edits", body | {"images": [{"image_url": url} for url in sources]}


def _speech(call: TaskCall, values: dict[str, Any]) -> dict[str, Any]:
    body = values | {"input": call.input.values.get("input") or call.input.values["prompt"]}
    if "input" in call.input.values and "prompt" in call.input.values:
        body["instructions"] = call.input.values["prompt"]
    return body | {"voice": call.input.values.get("voice", "alloy")}


def _shown(
    found: Mapping[str, Any], headers: Headers, body: bytes
) -> Finished | Rejected | Ambiguous:
    """Return the pictures in an answer; without any it says nothing that can be relied on."""
    if found.get("error") is not None:
        return task_policy.carried_error(headers, body)
    data = found.get("data")
    if not isinstance(data, list):
        return Ambiguous(reason="garbage", detail="no list of data in the answer")
    kind = found.get("output_format")
    content_type = f"image/{kind}" if isinstance(kind, str) and kind in _FORMATS else None
    results = tuple(
        picture for each in data[:MAX_RESULTS] if (picture := _picture(each, content_type))
    )
    if data and not results:
        return Ambiguous(reason="garbage", detail="no readable picture in the answer")
    counted = msgspec.structs.replace(responses.report(found.get("usage")), images=len(results))
    return Finished(snapshot=ended(results, counted))


def _picture(each: Any, content_type: str | None) -> Artifact | None:
    if not isinstance(each, dict):
        return None
    data = task_reading.decoded(each.get("b64_json"))
    if data:
        return Artifact(data=data, content_type=content_type)
    return task_reading.artifact(each.get("url"))


def _sound(headers: Headers, body: bytes) -> Finished | Rejected | Ambiguous:
    """Return the sound that an answer is; JSON or text is none, nor is nothing."""
    kind = headers.get("content-type", "").lower().partition(";")[0].strip()
    if kind == "application/json" and task_reading.object_in(body):
        return task_policy.carried_error(headers, body)
    if not body or kind == "application/json" or kind.startswith("text/"):
        return Ambiguous(reason="garbage", detail=task_policy.shown(body))
    sound = Artifact(data=body, content_type=kind or None)
    return Finished(snapshot=ended((sound,), Report()))
