"""Calls of tasks, as adapters get them, and answers as they come back."""

import json
from typing import Any

from grip.providers.port import Target, UpstreamRequest
from grip.providers.task_input import normalised
from grip.providers.task_port import Probed, Snapshot, TaskCall

NOW_US = 1_800_000_000_000_000
SECRET = "sk-of-the-channel"
INPUTS: dict[str, dict[str, Any]] = {
    "image": {"prompt": "a wombat"},
    "video": {"prompt": "a wombat runs"},
    "audio": {"input": "a wombat says something"},
}


def task(kind: str, model: str = "m", /, given: Any = None, **members: Any) -> TaskCall:
    """Return a task of a type with an input."""
    return TaskCall(
        **{
            "task_id": "task_1",
            "type": kind,
            "model": model,
            "input": normalised(kind, INPUTS[kind] if given is None else given),
            "correlation_id": "corr_1",
            "submitted_us": NOW_US,
            "now_us": NOW_US,
            **members,
        }
    )


def target(base_url: str) -> Target:
    return Target(base_url=base_url, secret=SECRET)


def answer(body: Any, status: int = 200, **headers: str) -> Probed:
    """Return an answer whose body is JSON, or bytes as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Probed(status=status, headers=named, body=raw)


def asked(found: object) -> UpstreamRequest:
    """Return a request that is one."""
    assert isinstance(found, UpstreamRequest), found
    return found


def sent(request: object) -> Any:
    """Return the JSON of a request's body."""
    return json.loads(asked(request).body)


def seen(found: object) -> Snapshot:
    """Return a snapshot that is one."""
    assert isinstance(found, Snapshot), found
    return found


def code(found: object) -> str:
    """Return the code of a failure."""
    error = seen(found).error
    assert error is not None
    assert seen(found).state == "failed"
    return error.code
