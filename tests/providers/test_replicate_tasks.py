"""Replicate's predictions: documented answers as recorded, and all that may come instead."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from grip.providers.replicate import ReplicateTasks
from grip.providers.replicate.adapter import STATES
from grip.providers.task_port import (
    Ambiguous,
    Artifact,
    Event,
    Found,
    Rejected,
    Submitted,
    Unclear,
    WebhookRefused,
)
from tests.providers.task_calls import NOW_US, SECRET, answer, asked, code, seen, sent, target, task

ADAPTER = ReplicateTasks()
REPLICATE = target("https://api.replicate.com/v1")
ID = "gm3qorzdhgbfurvjtvhg6dckhu"
MODEL = "black-forest-labs/flux-schnell"
VERSION = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"
PREDICTION: dict[str, Any] = {
    "id": ID,
    "model": MODEL,
    "version": VERSION,
    "input": {"prompt": "a wombat", "num_outputs": 1, "width": 1024, "height": 1024},
    "logs": "",
    "output": None,
    "data_removed": False,
    "error": None,
    "status": "starting",
    "created_at": "2027-01-15T08:00:01.234Z",
    "metrics": {},
    "urls": {
        "get": f"https://api.replicate.com/v1/predictions/{ID}",
        "cancel": f"https://api.replicate.com/v1/predictions/{ID}/cancel",
    },
}
MADE = PREDICTION | {
    "status": "succeeded",
    "output": ["https://replicate.delivery/xezq/out-0.webp"],
    "metrics": {"predict_time": 4.484541},
}


def _submitted(body: Any, status: int = 201) -> Any:
    told = answer(body, status)
    return ADAPTER.submitted(task("image", MODEL), told.status, told.headers, told.body)


def _look(body: Any, status: int = 200, kind: str = "image") -> Any:
    call = task(kind, MODEL, upstream_id=ID)
    return ADAPTER.snapshot(call, REPLICATE, answer(body, status))


def test_an_official_model_is_submitted_by_its_name():
    """With the callback, whose first call brings a lost id, and its own deadline set to grip's."""
    hook = "https://grip.example/hooks/up/replicate/task_1/t"
    call = task("image", MODEL, webhook_url=hook, deadline_us=NOW_US + 90_000_000)
    request = asked(ADAPTER.submit(call, REPLICATE))

    assert request.url == f"https://api.replicate.com/v1/models/{MODEL}/predictions"
    assert sent(request) == {
        "input": PREDICTION["input"],
        "webhook": hook,
        "webhook_events_filter": ["start", "completed"],
    }
    assert ("authorization", f"Bearer {SECRET}") in request.headers
    assert ("cancel-after", "90s") in request.headers


@pytest.mark.parametrize("model", [VERSION, f"acme/model:{VERSION}"])
def test_another_model_is_submitted_by_its_version(model: str):
    """Alone, or behind its name."""
    request = asked(ADAPTER.submit(task("image", model), REPLICATE))

    assert request.url == "https://api.replicate.com/v1/predictions"
    assert sent(request)["version"] == model


def test_no_deadline_is_shorter_than_replicate_takes():
    """Five seconds."""
    request = asked(ADAPTER.submit(task("image", MODEL, deadline_us=NOW_US), REPLICATE))

    assert ("cancel-after", "5s") in request.headers


def test_a_model_with_a_bad_spelling_is_the_operators_to_mend():
    """Nothing is sent."""
    assert isinstance(ADAPTER.submit(task("image", "a/b?n=x:y"), REPLICATE), Rejected)


@pytest.mark.parametrize("word", STATES)
def test_a_prediction_that_was_taken_has_an_id(word: str):
    """Whatever is said of it: looking tells the rest."""
    found = _submitted(PREDICTION | {"status": word})

    assert found == Submitted(upstream_id=ID, state="running" if word == "processing" else "queued")


@pytest.mark.parametrize("body", [{}, b"", b"<html>", {"id": None}, {"id": "../files"}, b"[1]"])
def test_report_6_a_success_without_an_id_is_ambiguous(body: Any):
    """It may have been taken."""
    assert isinstance(_submitted(body), Ambiguous)


def test_a_refusal_of_the_input_is_the_customers():
    """With Replicate's own sentence."""
    body = {
        "title": "Input validation failed",
        "detail": "- input: prompt is required",
        "status": 422,
    }
    found = _submitted(body, 422)

    assert isinstance(found, Rejected)
    assert (found.retry, found.message) == (False, "- input: prompt is required")


def test_an_empty_account_is_the_operators():
    """402: another channel may do better."""
    found = _submitted({"title": "Insufficient credit", "detail": "buy some", "status": 402}, 402)

    assert isinstance(found, Rejected)
    assert (found.retry, found.code) == (True, "config_error")
    assert "buy" not in found.message


WORDS = [
    ("starting", "queued"),
    ("processing", "running"),
    ("succeeded", "completed"),
    ("failed", "failed"),
    ("canceled", "failed"),
    ("aborted", "failed"),
]


@pytest.mark.parametrize(("word", "state"), WORDS)
def test_report_12_every_documented_word_is_known(word: str, state: str):
    """Aborted too, which came in October 2025."""
    assert seen(_look(MADE | {"status": word})).state == state
    assert {known for known, _ in WORDS} == set(STATES)


@pytest.mark.parametrize(
    ("word", "expected", "billed"), [("canceled", "cancelled", True), ("aborted", "expired", False)]
)
def test_report_13_what_ended_early_has_failed(
    word: str,
    expected: str,
    billed: bool,  # noqa: FBT001
):
    """What was cancelled while it ran is charged, what never began is not."""
    found = _look(PREDICTION | {"status": word, "metrics": {"predict_time": 2.5}})

    assert code(found) == expected
    assert (found.billed, found.units) == (billed, "2.5")


@pytest.mark.parametrize(
    "told",
    [
        *({"status": "queued"}, {"status": None}, {"status": 7}, {"status": "SUCCEEDED"}, {}),
        {"id": "another", "status": "failed"},
    ],
)
def test_report_12_a_word_that_nobody_has_documented_changes_nothing(told: dict[str, Any]):
    """Nor does an answer about another prediction."""
    body = PREDICTION | told if told else {}

    assert isinstance(_look(body), Unclear)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 429, 500, 502])
def test_report_15_a_look_that_fails_changes_nothing(status: int):
    """Even with a verdict in its body."""
    assert isinstance(_look(PREDICTION | {"status": "failed"}, status), Unclear)


@pytest.mark.parametrize(
    ("output", "urls"),
    [
        ("https://replicate.delivery/a.mp4", ["https://replicate.delivery/a.mp4"]),
        (["https://r/1", "https://r/2"], ["https://r/1", "https://r/2"]),
        ({"video": "https://r/1", "frames": ["https://r/2"]}, ["https://r/1", "https://r/2"]),
        ([{"url": "https://r/1"}], ["https://r/1"]),
    ],
)
def test_an_output_is_a_text_a_list_or_an_object(output: Any, urls: list[str]):
    """Whatever the model makes of it."""
    found = seen(_look(MADE | {"output": output}))

    assert [each.url for each in found.results] == urls
    assert found.usage.images == len(urls)
    assert found.units == "4.484541"


def test_small_outputs_come_as_their_bytes():
    """In a `data:` URL."""
    found = seen(_look(MADE | {"output": "data:image/png;base64,aGk="}))

    assert found.results == (Artifact(data=b"hi", content_type="image/png"),)


@pytest.mark.parametrize("output", [None, [], "", "a text", {}, ["file:///x"], 7])
def test_report_14_a_success_without_a_result_is_none(output: Any):
    """It is refunded."""
    assert code(_look(MADE | {"output": output})) == "content_policy"


def test_a_result_that_replicate_has_removed_is_unavailable():
    """It keeps them for an hour."""
    found = _look(MADE | {"output": None, "data_removed": True})

    assert code(found) == "result_unavailable"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("NSFW content detected. Try running it again.", "content_policy"),
        ("The input or output was flagged as sensitive. (E005)", "content_policy"),
        ("CUDA out of memory", "upstream_failed"),
        ({"detail": "x"}, "upstream_failed"),
        (None, "upstream_failed"),
    ],
)
def test_a_failure_has_a_code_and_a_sentence(error: Any, expected: str):
    """A refusal of the content is told by its words alone."""
    found = _look(PREDICTION | {"status": "failed", "error": error})

    assert code(found) == expected
    assert seen(found).error.message  # type: ignore[union-attr]


def test_report_7_a_lost_submission_is_looked_for_in_its_minutes():
    """From a little before it began."""
    request = ADAPTER.find(task("image", MODEL), REPLICATE)

    assert request is not None
    assert parse_qs(urlsplit(request.url).query) == {
        "created_after": ["2027-01-15T07:59:55Z"],
        "created_before": ["2027-01-15T08:02:00Z"],
    }


def _found(listed: Any, *, model: str = MODEL, following: Any = None) -> Any:
    body = {"next": following, "previous": None, "results": listed}
    return ADAPTER.found(task("image", model), REPLICATE, answer(body))


def test_report_7_candidates_are_of_the_tasks_model():
    """By its name, or by its version; none of them is certain."""
    listed = [
        {"id": "a", "model": MODEL},
        {"id": "b", "model": "x/y"},
        {"id": "../c", "model": MODEL},
    ]
    versions = [{"id": "a", "version": VERSION}, {"id": "b", "version": "0" * 64}]

    assert _found(listed) == Found(upstream_ids=("a",))
    assert _found(versions, model=f"acme/m:{VERSION}") == Found(upstream_ids=("a",))
    assert _found([]) == Found()
    assert isinstance(_found(None), Unclear)


def test_report_44_a_list_goes_on_at_replicate_only():
    """The key follows no address that leads elsewhere."""
    further = "https://api.replicate.com/v1/predictions?cursor=x"
    found = _found([], following=further)

    assert found.further is not None
    assert found.further.url == further
    for url in ("https://evil.example/v1/predictions?x", "https://api.replicate.com.evil/", 7):
        assert _found([], following=url).further is None


def test_report_7_a_candidate_matches_by_what_was_sent():
    """Another prompt is another's, and what has been removed is nobody's."""
    call = task("image", MODEL)

    assert ADAPTER.matches(call, answer(PREDICTION))
    for change in (
        {"input": PREDICTION["input"] | {"prompt": "another"}},
        {"input": PREDICTION["input"] | {"seed": 1}},
        {"input": None},
        {"model": "x/y"},
    ):
        assert not ADAPTER.matches(call, answer(PREDICTION | change))
    assert not ADAPTER.matches(call, answer(PREDICTION, 500))
    assert not ADAPTER.matches(call, answer(b"<html>"))


KEY = bytes(range(32))
KEYS = json.dumps({"key": "whsec_" + base64.b64encode(KEY).decode()}).encode()
BODY = json.dumps(MADE).encode()


def _signed(key: bytes = KEY, at_s: int = NOW_US // 1_000_000, raw: bytes = BODY) -> dict[str, str]:
    made = hmac.digest(key, f"msg_1.{at_s}.".encode() + raw, hashlib.sha256)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,b2xk v1a,x v1,{base64.b64encode(made).decode()}",
    }


def _verified(headers: dict[str, str], raw: bytes = BODY, keys: bytes = KEYS) -> Event:
    return ADAPTER.verify_webhook(task("image", MODEL), raw, headers, keys)


def test_report_40_a_call_that_replicate_signed_names_its_prediction():
    """One of several signatures is enough."""
    assert _verified(_signed()) == Event(event_id="msg_1", upstream_id=ID)


@pytest.mark.parametrize(
    "change",
    [
        *({"webhook-signature": "v1,AAAA"}, {"webhook-signature": ""}, {"webhook-id": "msg_2"}),
        *({"webhook-timestamp": "soon"}, {"webhook-timestamp": "9" * 40}, {"webhook-id": ""}),
        {"webhook-signature": "v1,ÿ"},
    ],
)
def test_report_40_a_call_that_replicate_did_not_sign_so_is_refused(change: dict[str, str]):
    """Whatever was changed on its way."""
    with pytest.raises(WebhookRefused):
        _verified(_signed() | change)


def test_report_40_strangers_old_calls_and_unknown_secrets_are_refused():
    """Without a secret nothing is believed: also not what an empty one has signed."""
    now_s = NOW_US // 1_000_000
    empty = json.dumps({"key": "whsec_"}).encode()
    refused: list[tuple[dict[str, str], bytes, bytes]] = [
        ({}, BODY, KEYS),
        (_signed(b"k" * 32), BODY, KEYS),
        (_signed(at_s=now_s - 301), BODY, KEYS),
        (_signed(at_s=now_s + 301), BODY, KEYS),
        (_signed(), BODY + b" ", KEYS),
        (_signed(b""), BODY, empty),
        (_signed(), BODY, b""),
        (_signed(), BODY, b'{"key":7}'),
        (_signed(raw=b"{}"), b"{}", KEYS),
    ]
    for headers, raw, keys in refused:
        with pytest.raises(WebhookRefused):
            _verified(headers, raw, keys)


def test_the_secret_is_asked_for_with_the_channels_key():
    """It is the account's."""
    request = ADAPTER.webhook_keys(REPLICATE)

    assert request is not None
    assert request.url == "https://api.replicate.com/v1/webhooks/default/secret"
    assert ("authorization", f"Bearer {SECRET}") in request.headers
