"""Tasks over OpenAI's API: blocking pictures and speech, and the video jobs that outlived Sora."""

import base64
from typing import Any

import pytest

from grip.providers.openai import videos
from grip.providers.openai.tasks import OpenAITasks
from grip.providers.port import Report
from grip.providers.task_port import (
    Ambiguous,
    Artifact,
    Finished,
    Rejected,
    Submitted,
    Unclear,
    WebhookRefused,
)
from tests.providers.task_calls import SECRET, answer, code, seen, sent, target, task

ADAPTER = OpenAITasks()
OPENAI = target("https://api.openai.com/v1")
PNG = b"\x89PNG\r\n\x1a\n"
VIDEO = {
    "id": "video_68d7512d",
    "object": "video",
    "model": "sora-2",
    "status": "queued",
    "progress": 0,
    "created_at": 1758941485,
    "completed_at": None,
    "expires_at": None,
    "prompt": "a wombat runs",
    "size": "1280x720",
    "seconds": "8",
    "remixed_from_video_id": None,
    "error": None,
}
IMAGES = {
    "created": 1713833628,
    "data": [{"b64_json": base64.b64encode(PNG).decode()}],
    "background": "opaque",
    "output_format": "png",
    "usage": {
        "total_tokens": 100,
        "input_tokens": 50,
        "output_tokens": 50,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    },
}


def _submitted(kind: str, body: Any, status: int = 200, **headers: str) -> Any:
    told = answer(body, status, **headers)
    return ADAPTER.submitted(task(kind), told.status, told.headers, told.body)


def _look(body: Any, status: int = 200, **headers: str) -> Any:
    call = task("video", upstream_id="video_68d7512d")
    return ADAPTER.snapshot(call, OPENAI, answer(body, status, **headers))


def test_report_23_pictures_are_asked_for_as_they_were_priced():
    """With every default; the rest goes along, and the model is the upstream's."""
    call = task("image", "gpt-image-2", {"prompt": "x", "n": 2, "background": "opaque"})
    request = ADAPTER.submit(call, OPENAI)

    assert request.url == "https://api.openai.com/v1/images/generations"
    assert sent(request) == {
        "model": "gpt-image-2",
        "prompt": "x",
        "n": 2,
        "size": "1024x1024",
        "quality": "auto",
        "background": "opaque",
    }
    assert ("idempotency-key", "corr_1") in request.headers


def test_pictures_from_pictures_are_edits():
    """By their addresses."""
    call = task("image", "m", {"prompt": "x", "images": ["https://a/b.png"]})
    request = ADAPTER.submit(call, OPENAI)

    assert request.url.endswith("/images/edits")
    assert sent(request)["images"] == [{"image_url": "https://a/b.png"}]


def test_speech_is_asked_for_with_its_voice_and_manner():
    """A prompt beside the text is how it is to be said."""
    call = task("audio", "tts-1", {"input": "Hi", "prompt": "softly", "voice": "nova"})
    request = ADAPTER.submit(call, OPENAI)

    assert request.url.endswith("/audio/speech")
    assert sent(request) == {
        "model": "tts-1",
        "input": "Hi",
        "instructions": "softly",
        "voice": "nova",
    }


def test_a_video_is_asked_for_with_its_seconds_as_a_text():
    """And its first picture as a reference."""
    given = {"prompt": "x", "seconds": 8, "size": "1280x720", "image": "https://a/b.png"}
    request = ADAPTER.submit(task("video", "sora-2", given), OPENAI)

    assert request.url == "https://api.openai.com/v1/videos"
    assert sent(request) == {
        "model": "sora-2",
        "prompt": "x",
        "seconds": "8",
        "size": "1280x720",
        "input_reference": {"image_url": "https://a/b.png"},
    }


def test_pictures_come_with_the_call():
    """Decoded, typed, counted, with the tokens that were reported."""
    found = _submitted("image", IMAGES)

    assert isinstance(found, Finished)
    assert found.snapshot.results == (Artifact(data=PNG, content_type="image/png"),)
    assert found.snapshot.usage.images == 1
    assert (found.snapshot.usage.input_tokens, found.snapshot.usage.output_tokens) == (50, 50)


def test_pictures_may_come_as_addresses():
    """From those that do not encode them."""
    found = _submitted("image", {"data": [{"url": "https://x/1.png"}, {"url": "file:///x"}]})

    assert isinstance(found, Finished)
    assert found.snapshot.results == (Artifact(url="https://x/1.png"),)
    assert found.snapshot.usage == Report(images=1)


def test_report_14_no_pictures_is_no_success():
    """Vendors finish with nothing where they refuse to show it."""
    found = _submitted("image", {"data": []})

    assert isinstance(found, Finished)
    assert code(found.snapshot) == "content_policy"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html>", b"[]", b"null", b'"x"', {}, {"data": None}, {"data": {}}),
        *({"data": [{"b64_json": "!"}]}, {"data": [1]}, b'{"data":', b"\xff\xfe"),
    ],
)
def test_report_6_a_success_that_cannot_be_read_is_ambiguous(body: Any):
    """The upstream may have made and charged it."""
    assert isinstance(_submitted("image", body), Ambiguous)


def test_a_success_with_an_error_in_it_made_nothing():
    """Another channel may do better."""
    for kind in ("image", "video"):
        found = _submitted(kind, {"error": {"message": "overloaded", "code": "x"}})
        assert isinstance(found, Rejected)
        assert found.retry
    heard = _submitted("audio", {"error": {"message": "x"}}, content_type="application/json")
    assert isinstance(heard, Rejected)


def test_sound_comes_with_the_call():
    """As the bytes that the answer is."""
    found = _submitted("audio", b"ID3", content_type="audio/mpeg; x=y")

    assert isinstance(found, Finished)
    assert found.snapshot.results == (Artifact(data=b"ID3", content_type="audio/mpeg"),)


@pytest.mark.parametrize(
    ("body", "kind"), [(b"", "audio/mpeg"), (b"<p>", "text/html"), (b"[", "application/json")]
)
def test_what_is_no_sound_is_ambiguous(body: bytes, kind: str):
    """A page, or nothing."""
    assert isinstance(_submitted("audio", body, content_type=kind), Ambiguous)


def test_blocking_calls_have_nothing_to_look_at_and_nothing_to_find():
    """So that a crash in the middle of one is ambiguous, always."""
    for kind in ("image", "audio"):
        facts = ADAPTER.facts(kind)
        assert facts.blocking
        assert not facts.finds
        assert not facts.webhook
    assert ADAPTER.find(task("image"), OPENAI) is None
    assert ADAPTER.cancel(task("image"), OPENAI) is None
    with pytest.raises(WebhookRefused):
        ADAPTER.verify_webhook(task("video"), b"{}", {}, b"")


def test_a_video_that_was_taken_has_an_id():
    """And the upstream's own hint when to look, in milliseconds."""
    found = _submitted("video", VIDEO, openai_poll_after_ms="2500")

    assert found == Submitted(upstream_id="video_68d7512d", poll_after_s=2.5)


@pytest.mark.parametrize("body", [{}, {"id": None}, {"id": "../x"}, {"id": 7}, b"<html>", b"[]"])
def test_a_video_without_a_usable_id_is_ambiguous(body: Any):
    """It may have been taken."""
    assert isinstance(_submitted("video", body), Ambiguous)


STATES = [
    ("queued", "queued"),
    ("in_progress", "running"),
    ("completed", "completed"),
    ("failed", "failed"),
    ("pending", "queued"),
    ("processing", "running"),
    ("cancelled", "failed"),
    ("expired", "failed"),
]


@pytest.mark.parametrize(("word", "state"), STATES)
def test_report_12_every_documented_word_is_known(word: str, state: str):
    """Those of OpenAI, and those of OpenRouter and grip."""
    assert seen(_look(VIDEO | {"status": word})).state == state
    assert {known for known, _ in STATES} == set(videos.STATES)


@pytest.mark.parametrize(("word", "expected"), [("cancelled", "cancelled"), ("expired", "expired")])
def test_report_13_what_ended_early_has_failed(word: str, expected: str):
    """It does not run on."""
    assert code(_look(VIDEO | {"status": word})) == expected


@pytest.mark.parametrize(
    "told",
    [
        *({"status": "pondering"}, {"status": None}, {"status": 7}, {"status": ["completed"]}),
        *({"status": "COMPLETED"}, {"status": ""}, {"id": "video_of_another", "status": "failed"}),
    ],
)
def test_report_12_a_word_that_nobody_has_documented_changes_nothing(told: dict[str, Any]):
    """Nor does an answer about another video."""
    assert isinstance(_look(VIDEO | told), Unclear)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 429, 500, 502])
def test_report_15_a_look_that_fails_changes_nothing(status: int):
    """Even with a verdict in its body."""
    assert isinstance(_look(VIDEO | {"status": "failed"}, status), Unclear)


def test_progress_and_the_next_look_come_with_the_state():
    """What is no percentage is none."""
    found = seen(
        _look(VIDEO | {"status": "in_progress", "progress": 33.9}, openai_poll_after_ms="900")
    )

    assert (found.progress, found.poll_after_s) == (33, 0.9)
    for progress in (-1, 101, "33", True, None, [33]):
        assert seen(_look(VIDEO | {"status": "queued", "progress": progress})).progress is None


def test_report_20_the_video_is_fetched_from_the_upstreams_own_route():
    """So that grip behind grip brings the media, and the key goes nowhere else."""
    found = seen(_look(VIDEO | {"status": "completed", "progress": 100}))
    (artifact,) = found.results
    request = ADAPTER.fetch(artifact, OPENAI)

    assert request.url == "https://api.openai.com/v1/videos/video_68d7512d/content"
    assert ("authorization", f"Bearer {SECRET}") in request.headers
    assert found.usage.seconds == 8


def test_report_44_a_link_elsewhere_takes_no_key():
    """Nor does any address carry it."""
    elsewhere = ADAPTER.fetch(Artifact(url="https://elsewhere.example/x"), OPENAI)
    call = task("video", upstream_id="video_68d7512d")
    requests = [ADAPTER.submit(call, OPENAI), ADAPTER.probe(call, OPENAI), elsewhere]

    assert elsewhere.headers == ()
    assert all(SECRET not in request.url for request in requests)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": "moderation_blocked", "message": "no"}, "content_policy"),
        ({"code": "server_error", "message": "no"}, "upstream_failed"),
        ({"code": "cancelled", "message": "stopped"}, "cancelled"),
        ({"code": "timeout", "message": "late"}, "timeout"),
        (None, "upstream_failed"),
        ("just a text", "upstream_failed"),
        (["x"], "upstream_failed"),
        ({"code": ["x"], "message": {}}, "upstream_failed"),
    ],
)
def test_a_failure_has_a_code_and_a_sentence(error: Any, expected: str):
    """Grip's own codes come through unchanged, of a grip behind grip."""
    found = _look(VIDEO | {"status": "failed", "error": error})

    assert code(found) == expected
    assert seen(found).error.message  # type: ignore[union-attr]
