"""fal's queue: documented answers as recorded, and all that may come instead."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from grip.providers.fal import FalTasks
from grip.providers.fal.adapter import STATES
from grip.providers.task_port import (
    Ambiguous,
    Artifact,
    Event,
    Further,
    Rejected,
    Submitted,
    Unclear,
    WebhookRefused,
)
from tests.providers.task_calls import NOW_US, SECRET, answer, asked, code, seen, sent, target, task

ADAPTER = FalTasks()
FAL = target("https://queue.fal.run")
REQUEST = "80e732af-660e-45cd-bd63-580e4f2a94cc"
JOB = f"fal-ai/flux/requests/{REQUEST}"
TAKEN: dict[str, Any] = {
    "status": "IN_QUEUE",
    "request_id": REQUEST,
    "response_url": f"https://queue.fal.run/{JOB}",
    "status_url": f"https://queue.fal.run/{JOB}/status",
    "cancel_url": f"https://queue.fal.run/{JOB}/cancel",
    "logs": None,
    "metrics": {},
    "queue_position": 0,
}
WAITING = TAKEN | {"queue_position": 3}
OVER = TAKEN | {"status": "COMPLETED", "metrics": {"inference_time": 3.7}}
IMAGES = {
    "images": [
        {
            "url": "https://v3.fal.media/files/rabbit/9b.jpeg",
            "content_type": "image/jpeg",
            "width": 1024,
            "height": 768,
        }
    ],
    "timings": {"inference": 1.4},
    "seed": 761506470,
    "has_nsfw_concepts": [False],
    "prompt": "a wombat",
}
VIDEO = {
    "video": {
        "url": "https://v3.fal.media/files/a/output.mp4",
        "content_type": "video/mp4",
        "file_size": 1,
        "duration": 3.008,
    },
    "thumbnail": {"url": "https://v3.fal.media/files/a/thumb.png"},
}


def _submitted(body: Any, status: int = 200, model: str = "fal-ai/flux/dev") -> Any:
    told = answer(body, status)
    return ADAPTER.submitted(task("image", model), told.status, told.headers, told.body)


def _look(body: Any, status: int = 200, kind: str = "image", step: str = "", **headers: str) -> Any:
    call = task(kind, "fal-ai/flux/dev", upstream_id=JOB)
    return ADAPTER.snapshot(call, FAL, answer(body, status, **headers), step)


def _result(body: Any, status: int = 200, kind: str = "image", **headers: str) -> Any:
    return _look(body, status, kind, "result", **headers)


def test_a_task_is_submitted_to_its_models_queue():
    """With the callback in the address, the deadline in a header, and the key in another."""
    call = task(
        "image",
        "fal-ai/flux/dev",
        webhook_url="https://grip.example/hooks/up/fal/task_1/t?a=b",
        deadline_us=NOW_US + 90_000_000,
    )
    request = asked(ADAPTER.submit(call, FAL))
    parts = urlsplit(request.url)

    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://queue.fal.run/fal-ai/flux/dev"
    assert parse_qs(parts.query) == {"fal_webhook": [call.webhook_url]}
    assert ("authorization", f"Key {SECRET}") in request.headers
    assert ("x-fal-request-timeout", "90") in request.headers
    assert sent(request) == {
        "prompt": "a wombat",
        "num_images": 1,
        "image_size": {"width": 1024, "height": 1024},
    }


def test_a_model_with_a_bad_spelling_is_the_operators_to_mend():
    """Nothing is sent."""
    found = ADAPTER.submit(task("image", "fal-ai/flux?n=x:y"), FAL)

    assert isinstance(found, Rejected)
    assert (found.code, found.retry) == ("config_error", True)


def test_the_address_that_fal_names_is_the_jobs():
    """It leaves out parts of the model's name."""
    assert _submitted(TAKEN) == Submitted(upstream_id=JOB)


@pytest.mark.parametrize(
    "url",
    [
        *(None, 7, "", "https://queue.fal.run/", f"https://x/requests/{REQUEST}", "http://[", "//"),
        *(f"https://x/a/../../b/requests/{REQUEST}", f"https://x/a/b/requests/{REQUEST}?x=y/z"),
        "https://queue.fal.run/fal-ai/flux/requests/another",
    ],
)
def test_without_a_usable_address_it_is_built(url: Any):
    """From the model's owner and app."""
    found = _submitted(TAKEN | {"response_url": url})

    assert isinstance(found, Submitted)
    assert found.upstream_id.endswith(f"/requests/{REQUEST}")
    assert ".." not in found.upstream_id


def test_report_44_the_key_goes_to_the_channels_own_address():
    """Wherever fal's answer says that the job stands."""
    found = _submitted(TAKEN | {"response_url": f"https://evil.example/{JOB}"})
    call = task("image", upstream_id=found.upstream_id)
    requests = [ADAPTER.probe(call, FAL), ADAPTER.cancel(call, FAL)]
    picture = ADAPTER.fetch(Artifact(url="https://v3.fal.media/x"), FAL)

    assert [request.url for request in requests if request] == [
        f"https://queue.fal.run/{JOB}/status",
        f"https://queue.fal.run/{JOB}/cancel",
    ]
    assert picture.headers == ()


def test_cancelling_is_a_put():
    """A request, not an outcome."""
    request = ADAPTER.cancel(task("image", upstream_id=JOB), FAL)

    assert request is not None
    assert request.method == "PUT"


@pytest.mark.parametrize("model", ["workflows/acme/film", "fal-ai/veo3", "acme/app/sub/path"])
def test_a_built_address_drops_what_is_below_the_app(model: str):
    """Workflows have one part more."""
    found = _submitted({"request_id": REQUEST}, model=model)
    expected = {"workflows/acme/film": "workflows/acme/film", "acme/app/sub/path": "acme/app"}

    assert found.upstream_id == f"{expected.get(model, model)}/requests/{REQUEST}"


@pytest.mark.parametrize("body", [{}, b"<html>", b"", {"request_id": None}, {"request_id": "a/b"}])
def test_report_6_a_success_without_an_id_is_ambiguous(body: Any):
    """The webhook may still bring it."""
    assert isinstance(_submitted(body), Ambiguous)
    assert ADAPTER.facts("image").webhook
    assert ADAPTER.find(task("image"), FAL) is None


def test_a_refusal_of_the_input_is_the_customers():
    """With fal's own sentence."""
    detail = [{"loc": ["body", "prompt"], "msg": "field required", "type": "value_error.missing"}]
    found = _submitted({"detail": detail}, 422)

    assert isinstance(found, Rejected)
    assert (found.retry, found.code, found.message) == (False, "submit_rejected", "field required")


def test_a_refusal_of_the_content_says_so():
    """By the type in its details."""
    detail = [{"loc": ["body"], "msg": "flagged", "type": "content_policy_violation"}]

    assert _submitted({"detail": detail}, 422).code == "content_policy"


@pytest.mark.parametrize(("word", "state"), [("IN_QUEUE", "queued"), ("IN_PROGRESS", "running")])
@pytest.mark.parametrize("status", [200, 202])
def test_report_12_words_on_the_way(word: str, state: str, status: int):
    """202 while it waits, 200 else."""
    assert seen(_look(WAITING | {"status": word}, status)).state == state
    assert set(STATES) == {"IN_QUEUE", "IN_PROGRESS", "COMPLETED"}


def test_a_job_that_is_over_has_its_result_asked_for():
    """The status does not say how it ended."""
    found = _look(OVER)

    assert isinstance(found, Further)
    assert found.request.url == f"https://queue.fal.run/{JOB}"
    assert found.step == "result"


def test_a_result_is_what_the_vendor_made():
    """With fal's own count, whose unit differs from model to model."""
    found = seen(_result(IMAGES, x_fal_billable_units="1.048576"))

    assert found.state == "completed"
    assert found.results == (
        Artifact(url="https://v3.fal.media/files/rabbit/9b.jpeg", content_type="image/jpeg"),
    )
    assert (found.usage.images, found.units) == (1, "1.048576")
    assert seen(_result(IMAGES, x_fal_billable_units="1e9; drop")).units is None


def test_a_video_is_the_video_and_not_its_thumbnail():
    """As long as its description says, rounded up."""
    found = seen(_result(VIDEO, kind="video"))

    assert [each.url for each in found.results] == ["https://v3.fal.media/files/a/output.mp4"]
    assert (found.usage.seconds, found.usage.images) == (4, None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": "Request timed out", "error_type": "request_timeout"}, "upstream_failed"),
        ({"error": "Runner disconnected"}, "upstream_failed"),
        ({"error_type": "runner_scheduling_failure"}, "upstream_failed"),
        ({"error": "cancelled", "error_type": "client_cancelled"}, "cancelled"),
    ],
)
def test_report_16_completed_with_an_error_has_failed(body: dict[str, str], expected: str):
    """Without another look."""
    assert code(_look(OVER | body)) == expected


def test_report_16_a_result_that_is_a_refusal_has_failed():
    """The status of the result says it."""
    detail = [
        {"loc": ["body", "image_url"], "msg": "cannot be read", "type": "file_download_error"}
    ]
    blocked = [{"loc": ["body"], "msg": "flagged", "type": "content_policy_violation"}]

    assert code(_result({"detail": detail}, 422)) == "upstream_failed"
    assert seen(_result({"detail": detail}, 422)).error.message == "cannot be read"  # type: ignore[union-attr]
    assert code(_result({"detail": blocked}, 422)) == "content_policy"
    assert code(_result({"detail": "boom"}, 500, x_fal_error_type="internal_error")) == (
        "upstream_failed"
    )
    assert code(_result({"detail": "late", "error_type": "request_timeout"}, 504)) == (
        "upstream_failed"
    )


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((500, b"<html>"), (502, {"detail": "bad gateway"}), (503, {}), (401, {"detail": "x"})),
        *((403, {"detail": "x"}), (404, {"detail": "x"}), (408, {}), (429, {"detail": "x"})),
        *((400, {"detail": "Request is still in progress"}), (422, b"<html>"), (200, b"<html>")),
    ],
)
def test_report_15_a_result_that_could_not_be_had_is_no_verdict(status: int, body: Any):
    """Not even a 500: a proxy says that too."""
    assert isinstance(_result(body, status), Unclear)


@pytest.mark.parametrize("body", [{}, {"images": []}, {"images": [{"url": "file:///x"}]}, {"a": 1}])
def test_report_14_a_success_without_a_result_is_none(body: Any):
    """It is refunded."""
    assert code(_result(body)) == "content_policy"


@pytest.mark.parametrize(
    "told",
    [
        *({"status": "DONE"}, {"status": "FAILED"}, {"status": None}, {"status": "completed"}),
        {"request_id": "another", "status": "COMPLETED", "error": "x"},
    ],
)
def test_report_12_a_word_that_nobody_has_documented_changes_nothing(told: dict[str, Any]):
    """Nor does an answer about another job."""
    assert isinstance(_look(OVER | told), Unclear)


KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
BODY = (
    f'{{"request_id":"{REQUEST}","gateway_request_id":"{REQUEST}","status":"OK","payload":{{}}}}'
).encode()


def _jwks(*keys: Ed25519PrivateKey) -> bytes:
    shown = (base64.urlsafe_b64encode(key.public_key().public_bytes_raw()) for key in keys)
    listed = ", ".join(
        f'{{"kty":"OKP","crv":"Ed25519","x":"{x.decode().rstrip("=")}"}}' for x in shown
    )
    return f'{{"keys": [{listed}]}}'.encode()


def _signed(key: Ed25519PrivateKey = KEY, at_s: int = NOW_US // 1_000_000) -> dict[str, str]:
    told = ["hook-1", "user-1", str(at_s)]
    message = "\n".join([*told, hashlib.sha256(BODY).hexdigest()]).encode()
    names = ("request-id", "user-id", "timestamp", "signature")
    values = [*told, key.sign(message).hex()]
    return {f"x-fal-webhook-{name}": value for name, value in zip(names, values, strict=True)}


def _verified(headers: dict[str, str], raw: bytes = BODY, keys: bytes = b"") -> Event:
    call = task("image", "fal-ai/flux/dev", upstream_id=JOB)
    return ADAPTER.verify_webhook(call, raw, headers, keys or _jwks(OTHER, KEY))


def test_report_40_a_call_that_fal_signed_names_its_job():
    """With any of its keys; the id is the one that was stored, or is built."""
    unknown = task("image", "fal-ai/flux/dev")

    assert _verified(_signed()) == Event(event_id="hook-1", upstream_id=JOB)
    assert ADAPTER.verify_webhook(unknown, BODY, _signed(), _jwks(KEY)).upstream_id == JOB


@pytest.mark.parametrize(
    "change",
    [
        *({"x-fal-webhook-signature": "00" * 64}, {"x-fal-webhook-signature": "zz"}),
        *({"x-fal-webhook-signature": ""}, {"x-fal-webhook-user-id": "user-2"}),
        *({"x-fal-webhook-timestamp": "soon"}, {"x-fal-webhook-timestamp": ""}),
        *({"x-fal-webhook-timestamp": "9" * 40}, {"x-fal-webhook-request-id": "hook-2"}),
    ],
)
def test_report_40_a_call_that_fal_did_not_sign_so_is_refused(change: dict[str, str]):
    """Whatever was changed on its way."""
    with pytest.raises(WebhookRefused):
        _verified(_signed() | change)


def test_report_40_strangers_old_calls_and_other_bodies_are_refused():
    """And so is everything where the keys are not known."""
    now_s = NOW_US // 1_000_000
    refused: list[tuple[dict[str, str], bytes, bytes]] = [
        ({}, BODY, b""),
        (_signed(Ed25519PrivateKey.from_private_bytes(b"s" * 32)), BODY, b""),
        (_signed(at_s=now_s - 301), BODY, b""),
        (_signed(at_s=now_s + 301), BODY, b""),
        (_signed(), BODY + b" ", b""),
        (_signed(), BODY, b"{}"),
        (_signed(), BODY, b"<html>"),
        (_signed(), BODY, b'{"keys":[{"x":"!"},{"x":7},7,{"x":"AAAA"}]}'),
    ]
    for headers, raw, keys in refused:
        with pytest.raises(WebhookRefused):
            _verified(headers, raw, keys)


def test_fals_keys_are_asked_for_without_the_channels():
    """They are public."""
    request = ADAPTER.webhook_keys(FAL)

    assert request is not None
    assert request.url == "https://rest.fal.ai/.well-known/jwks.json"
    assert request.headers == ()
