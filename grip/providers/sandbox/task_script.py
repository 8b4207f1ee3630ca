"""The sandbox's tasks: what it answers to whoever submits, looks, cancels, finds and fetches.

It keeps nothing. A job's id says when it was submitted and what was asked for, and the time comes
with each look, so that any process can answer, and tells the same after a crash. Refuses to judge:
whether a job was ever submitted, it takes the id's word for.
"""

import base64
import binascii
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from grip.providers.sandbox import media
from grip.providers.sandbox.behaviour import POLL, Behaviour, parse
from grip.providers.sandbox.script import Script
from grip.providers.sandbox.video import video

TASKS: Final = "/tasks"
"""Where tasks are on the sandbox's wire."""

_PREFIX: Final = "sb_"
_LOUD: Final = 1_000
_HUGE: Final = 2 * 1024
_MEGABYTE: Final = bytes(1024 * 1024)
_MAX_SECONDS: Final = 3_600
_BREAKS: Final = {"connect": "connect", "stall": "stall", "close": "close", "lost": "close"}
_REFUSALS: Final = {"blocked": (400, "content_policy_violation"), "error": (200, "sandbox")}
_ENDS: Final = {
    "failed": ("failed", "upstream_failed", "the sandbox was told to fail"),
    "policy": ("failed", "content_policy", "the sandbox was told to refuse the content"),
    "cancelled": ("cancelled", "cancelled", "the sandbox cancelled it"),
    "expired": ("expired", "expired", "the sandbox let it expire"),
}


class Job(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """All that there is of a job; it is its id."""

    submitted_us: int
    type: str
    model: str
    n: int
    seconds: int
    client_id: str

    @property
    def id(self) -> str:
        """The job's id."""
        text = base64.urlsafe_b64encode(msgspec.json.encode(self)).decode()
        return _PREFIX + text.rstrip("=")


def task_script(method: str, path: str, body: bytes) -> Script:
    """Return the answer to a request for `path`, which begins with `TASKS`."""
    route, _, asked = path.removeprefix(TASKS).partition("?")
    query = {name: values[-1] for name, values in parse_qs(asked).items()}
    try:
        if not route.strip("/"):
            return _submit(body) if method == "POST" else _find(query)
        return _about(route.strip("/").split("/"), query)
    except (ValueError, msgspec.MsgspecError) as error:
        return _error(400, "invalid_request_error", str(error))


def _submit(body: bytes) -> Script:
    job = msgspec.json.decode(body, type=_Asked).job()
    behaviour = parse(job.model)
    fail = behaviour.fail
    if fail in _BREAKS:
        return _broken(_BREAKS[fail])
    if fail in _REFUSALS or behaviour.status:
        status, code = _REFUSALS.get(fail, (behaviour.status, "sandbox"))
        return _error(status, code, "the sandbox was told to fail")
    said = msgspec.json.encode({"id": job.id, "status": "queued"})
    if fail == "garbage":
        said = b"<html>"
    return _answer(202, said[: len(said) // 2] if fail == "cut" else said)


def _find(query: dict[str, str]) -> Script:
    """Return the job that such a submission has job, where it has made one."""
    job = msgspec.convert(query, _Asked, strict=False).job()
    behaviour = parse(job.model)
    refused = behaviour.fail in ("connect", "close", "blocked", "error") or behaviour.status
    hidden = refused or behaviour.find == "none"
    return _json(200, {"data": [] if hidden else [{"id": job.id}]})


def _about(route: list[str], query: dict[str, str]) -> Script:
    """Return what there is to a job, by what stands behind its id."""
    found = job_of(route[0])
    if found is None:
        return _error(404, "not_found", "there is no such task")
    behaviour = parse(found.model)
    match route[1:]:
        case []:
            return _look(found, behaviour, query)
        case ["cancel"]:
            if behaviour.cancel == "refused":
                return _error(409, "conflict", "the sandbox was told to go on")
            return _json(202, {"id": found.id, "status": "cancelling"})
        case ["results", number] if number.isdigit():
            return _result(found, behaviour)
    return _error(404, "not_found", "there is no such route")


def _look(job: Job, behaviour: Behaviour, query: dict[str, str]) -> Script:
    now_us = int(query["now_us"])
    gone_us, needs_us = now_us - job.submitted_us, round(behaviour.delay_s * 1_000_000)
    is_over = gone_us >= needs_us
    if not is_over and behaviour.fail.startswith(POLL):
        return _sick(job, behaviour)
    if query.get("cancelling") and behaviour.cancel != "refused" and not is_over:
        billed = behaviour.cancel == "billed"
        ended = {"status": "cancelled", "billed": billed} | _usage(job, behaviour)
        return _json(200, _state(job, ended))
    if is_over and behaviour.fail != "never":
        return _json(200, _state(job, _end(job, behaviour)))
    return _json(200, _state(job, _running(gone_us, needs_us, behaviour)))


def _running(gone_us: int, needs_us: int, behaviour: Behaviour) -> dict[str, Any]:
    """Return a state on the way: a quarter in the queue, then at work."""
    part = min(gone_us * 100 // needs_us, 99) if needs_us else 99
    back = behaviour.fail == "backwards" and 50 <= part < 75  # noqa: PLR2004 - the third quarter
    if part < 25 or back:  # noqa: PLR2004 - the first quarter
        return {"status": "queued", "progress": 0}
    return {"status": "running", "progress": part}


def _end(job: Job, behaviour: Behaviour) -> dict[str, Any]:
    if behaviour.fail in _ENDS:
        status, code, message = _ENDS[behaviour.fail]
        return {"status": status, "error": {"code": code, "message": message}}
    count = job.n if behaviour.results is None else behaviour.results
    count = 0 if behaviour.fail == "empty" else count
    results = [
        {"url": f"{TASKS}/{job.id}/results/{at}", "content_type": _KINDS[job.type]}
        for at in range(count)
    ]
    used = _usage(job, behaviour, count)
    return {"status": "completed", "progress": 100, "results": results} | used


def _usage(job: Job, behaviour: Behaviour, count: int | None = None) -> dict[str, Any]:
    unit = "images" if job.type == "image" else "seconds"
    count = job.n if count is None else count
    used: Any = count if job.type == "image" else job.seconds
    match behaviour.usage:
        case "none":
            return {}
        case "zero":
            used = 0
        case "above":
            used *= _LOUD
        case "garbage":
            used = {"-1": ["NaN"]}
    return {"usage": {unit: used}}


def _sick(job: Job, behaviour: Behaviour) -> Script:
    """Return what a look finds that was told to fail."""
    if behaviour.poll_status:
        return _error(behaviour.poll_status, "sandbox", "the sandbox was told to fail")
    match behaviour.fail.removeprefix(POLL):
        case "garbage":
            return _answer(200, b"<html>", "text/html")
        case "empty":
            return _json(200, {})
        case "close":
            return _broken("close")
    return _json(200, _state(job, {"status": "pondering"}))


def _result(job: Job, behaviour: Behaviour) -> Script:
    match behaviour.fail:
        case "dead_link":
            return _error(404, "not_found", "the sandbox was told to lose it")
        case "lying_result":
            return _answer(200, b"<html><script>alert(1)</script></html>", _KINDS[job.type])
        case "huge_result":
            return _chunks((_MEGABYTE,) * _HUGE, _KINDS[job.type])
    found = result(job)
    whole = found[: len(found) // 2] if behaviour.fail == "cut_result" else found
    return _answer(200, whole, _KINDS[job.type])


def result(job: Job) -> bytes:
    """Return what a job makes: a real file of its type."""
    if job.type == "image":
        return media.picture()
    if job.type == "video":
        return video(min(max(job.seconds, 1), _MAX_SECONDS))
    return media.sound("x" * 15 * max(job.seconds, 1))


_KINDS: Final = {"image": "image/png", "video": "video/mp4", "audio": "audio/wav"}


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a submission says, and whoever looks for one."""

    type: str
    model: str
    client_id: str
    submitted_us: int
    n: int = 1
    seconds: int = 0

    def job(self) -> Job:
        """Return the job that it makes; raises ValueError where there is no such type."""
        if self.type not in _KINDS:
            raise ValueError(f"the sandbox makes no {self.type}")
        return Job(
            submitted_us=self.submitted_us,
            type=self.type,
            model=self.model,
            n=self.n,
            seconds=self.seconds,
            client_id=self.client_id,
        )


def job_of(text: str) -> Job | None:
    """Return the job that an id is, None where it is none."""
    told = text.removeprefix(_PREFIX)
    try:
        found = msgspec.json.decode(
            base64.urlsafe_b64decode(told + "=" * (-len(told) % 4)), type=Job
        )
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        return None
    return found if found.type in _KINDS and found.id == text else None


def _state(job: Job, told: dict[str, Any]) -> dict[str, Any]:
    return {"id": job.id} | told


def _error(status: int, code: str, message: str) -> Script:
    return _json(status, {"error": {"message": message, "type": code, "param": None, "code": code}})


def _json(status: int, answer: dict[str, Any]) -> Script:
    return _answer(status, msgspec.json.encode(answer))


def _answer(status: int, body: bytes, content_type: str = "application/json") -> Script:
    return Script(status=status, content_type=content_type, chunks=(body,), behaviour=Behaviour())


def _chunks(chunks: tuple[bytes, ...], content_type: str) -> Script:
    return Script(status=200, content_type=content_type, chunks=chunks, behaviour=Behaviour())


def _broken(fail: str) -> Script:
    """Return an exchange that breaks, for whoever plays it."""
    return Script(status=0, content_type="", chunks=(), behaviour=Behaviour(fail=fail))
