"""No bytes of a vendor's make an adapter raise, or end a task without a documented word."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grip.providers.port import Target
from grip.providers.task_adapters import TASK_ADAPTERS
from grip.providers.task_port import (
    MAX_STEPS,
    Ambiguous,
    Finished,
    Found,
    Further,
    Probed,
    Rejected,
    Snapshot,
    Submitted,
    Unclear,
    WebhookRefused,
)
from tests.providers.task_calls import NOW_US, task

TARGET = Target(base_url="https://vendor.example/v1", secret="sk-secret")
IDS = {"fal": "a/b/requests/x", "openai": "x", "replicate": "x", "sandbox": "x"}
CARRIED = [
    (kind, each) for kind, adapter in TASK_ADAPTERS.items() for each in sorted(adapter.types)
]
TERMINAL = {"completed", "succeeded", "failed", "canceled", "cancelled", "aborted", "expired"}

words = st.sampled_from(
    [
        *("id", "status", "error", "data", "output", "results", "usage", "url", "b64_json", "x"),
        *("request_id", "response_url", "images", "video", "detail", "type", "msg", "metrics"),
        *("progress", "seconds", "message", "code", "input", "version", "model", "error_type"),
    ]
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["x", "https://x/y", "data:image/png;base64,aGk=", "IN_QUEUE", "starting"])
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=12,
)
bodies = st.binary(max_size=200) | st.dictionaries(words, values, max_size=8).map(
    lambda found: json.dumps(found).encode()
)
statuses = st.integers(100, 599)
heads = st.dictionaries(
    st.sampled_from(
        ["content-type", "retry-after", "openai-poll-after-ms", "x-fal-billable-units"]
    ),
    st.text(max_size=20),
)


def _says_the_end(body: bytes) -> bool:
    """Return whether a body holds any of the words that end a task, on any wire."""
    text = body.decode(errors="replace").lower()
    return any(word in text for word in TERMINAL)


@pytest.mark.parametrize(("kind", "made"), CARRIED)
@settings(max_examples=60)
@given(status=statuses, headers=heads, body=bodies)
def test_any_answer_to_a_submission_means_something(
    kind: str, made: str, status: int, headers: dict[str, str], body: bytes
):
    """A status that is no success makes no task; a success that cannot be read is ambiguous."""
    call = task(made)
    found = TASK_ADAPTERS[kind].submitted(call, status, headers, body)

    assert isinstance(found, Submitted | Finished | Rejected | Ambiguous)
    if status >= 300:
        assert isinstance(found, Rejected | Ambiguous)
    if isinstance(found, Submitted):
        assert found.upstream_id.isprintable()
    if isinstance(found, Rejected):
        assert found.message.isprintable()


@pytest.mark.parametrize(("kind", "made"), CARRIED)
@settings(max_examples=60)
@given(status=statuses, headers=heads, body=bodies)
def test_report_15_no_answer_to_a_look_ends_a_task_but_by_a_word(
    kind: str, made: str, status: int, headers: dict[str, str], body: bytes
):
    """The state stays where no documented word of an end was said with a success."""
    call = task(made, upstream_id=IDS[kind])
    answer = Probed(status=status, headers=headers, body=body)
    found = TASK_ADAPTERS[kind].snapshot(call, TARGET, answer)

    assert isinstance(found, Snapshot | Unclear | Further)
    if status >= 300 or not _says_the_end(body):
        is_open = isinstance(found, Unclear) or (
            isinstance(found, Snapshot) and found.state in {"queued", "running"}
        )
        assert is_open


@pytest.mark.parametrize(("kind", "made"), CARRIED)
@settings(max_examples=60)
@given(status=statuses, headers=heads, body=bodies)
def test_a_look_comes_to_an_end(
    kind: str, made: str, status: int, headers: dict[str, str], body: bytes
):
    """Whatever is answered to all that it asks further."""
    call = task(made, upstream_id=IDS[kind])
    answer = Probed(status=status, headers=headers, body=body)
    step, steps = "", 0
    found: Any = TASK_ADAPTERS[kind].snapshot(call, TARGET, Probed(status=200, body=_over(kind)))
    while isinstance(found, Further):
        step, steps = found.step, steps + 1
        found = TASK_ADAPTERS[kind].snapshot(call, TARGET, answer, step)

    assert steps <= MAX_STEPS
    if isinstance(found, Snapshot):
        assert (found.state == "failed") == (found.error is not None)
        assert (found.state == "completed") == bool(found.results)


def _over(kind: str) -> bytes:
    words = {"fal": "COMPLETED", "replicate": "succeeded"}
    return json.dumps({"id": "x", "status": words.get(kind, "completed")}).encode()


@pytest.mark.parametrize("kind", TASK_ADAPTERS)
@settings(max_examples=60)
@given(status=statuses, body=bodies)
def test_any_answer_to_a_search_is_a_list_or_nothing(kind: str, status: int, body: bytes):
    """And what it asks further goes to the same place."""
    adapter, call = TASK_ADAPTERS[kind], task("image")
    answer = Probed(status=status, body=body)
    found = adapter.found(call, TARGET, answer)

    assert isinstance(found, Found | Unclear)
    assert adapter.matches(call, answer) in {True, False}
    if isinstance(found, Found) and found.further is not None:
        assert found.further.url.startswith(TARGET.base_url)


@pytest.mark.parametrize("kind", TASK_ADAPTERS)
@settings(max_examples=60)
@given(raw=bodies, keys=bodies, told=st.text(max_size=20))
def test_report_40_nothing_unsigned_is_a_webhook(kind: str, raw: bytes, keys: bytes, told: str):
    """Whatever it claims."""
    names = ("id", "timestamp", "signature", "request-id", "user-id")
    headers = {f"webhook-{name}": told for name in names} | {
        f"x-fal-webhook-{name}": told for name in names
    }
    headers |= {name: str(NOW_US // 10**6) for name in headers if name.endswith("timestamp")}
    with pytest.raises(WebhookRefused):
        TASK_ADAPTERS[kind].verify_webhook(task("image"), raw, headers, keys)


@pytest.mark.parametrize(("kind", "made"), CARRIED)
def test_report_44_the_key_is_in_no_address_and_no_body(kind: str, made: str):
    """It is a header of requests to the channel's own address, and of no other."""
    adapter = TASK_ADAPTERS[kind]
    call = task(made, upstream_id=IDS[kind], webhook_url="https://grip.example/hooks/up/x")
    asked: list[Any] = [adapter.submit(call, TARGET), adapter.probe(call, TARGET)]
    asked += [
        adapter.cancel(call, TARGET),
        adapter.find(call, TARGET),
        adapter.webhook_keys(TARGET),
    ]

    for request in filter(None, asked):
        assert b"sk-secret" not in request.body
        assert "sk-secret" not in request.url
        if "sk-secret" in str(request.headers):
            assert request.url.startswith(f"{TARGET.base_url}/")
