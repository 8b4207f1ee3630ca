"""The policy of errors: what proves that nothing was made, and what a failed look may do."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.providers import task_policy, task_reading
from grip.providers.task_port import Ambiguous, Artifact, Effect, Rejected

STATUSES = range(300, 600)
MINUTE_US = 60_000_000


def _refused(status: int, body: bytes = b"", **options: Any) -> Rejected | Ambiguous:
    return task_policy.refused(status, {}, body, **options)


@pytest.mark.parametrize("status", [500, 502, 504, 520, 522, 524, 301, 302, 307, 409, 499])
def test_report_6_an_error_that_proves_nothing_is_ambiguous(status: int):
    """A proxy may have lost the answer of a vendor that went to work: never again blindly."""
    found = _refused(status, b"<html>")

    assert isinstance(found, Ambiguous)
    assert found.reason == f"status_{status}"


@pytest.mark.parametrize("status", sorted(task_policy.CHANNELS))
def test_what_blames_the_channel_may_go_to_another(status: int):
    """And the customer reads none of the operator's trouble."""
    found = _refused(status, b'{"error":{"message":"key sk-123 of acme is out of money"}}')

    assert isinstance(found, Rejected)
    assert found.retry
    assert "acme" not in found.message
    assert "acme" in found.detail
    is_operators = status in {401, 402, 403, 404, 405, 407}
    assert found.code == ("config_error" if is_operators else "submit_rejected")


@pytest.mark.parametrize("status", sorted(task_policy.CUSTOMERS))
def test_what_blames_the_request_goes_nowhere_else(status: int):
    """The customer reads the vendor's sentence."""
    found = _refused(status, b'{"error":{"message":"seconds must be 4, 8 or 12"}}')

    assert isinstance(found, Rejected)
    assert (found.retry, found.code) == (False, "submit_rejected")
    assert found.message == "seconds must be 4, 8 or 12"


def test_a_400_about_the_operators_account_is_the_channels():
    """Vendors refuse a key or an empty balance with a 400 at times."""
    found = _refused(400, b'{"error":{"message":"x","code":"insufficient_balance"}}')

    assert isinstance(found, Rejected)
    assert (found.retry, found.code) == (True, "config_error")


def test_a_refusal_of_what_was_asked_says_so():
    """By the vendors' words for it."""
    error = {"message": "no", "type": "image_generation_user_error", "code": "moderation_blocked"}
    body = msgspec.json.encode({"error": error})
    found = _refused(400, body)

    assert isinstance(found, Rejected)
    assert (found.retry, found.code) == (False, "content_policy")


def test_a_blocking_call_that_says_500_itself_has_made_nothing():
    """A page of a proxy's has not said that."""
    own = _refused(500, b'{"error":{"message":"server error"}}', blocking=True)
    proxys = _refused(500, b"<html>", blocking=True)

    assert isinstance(own, Rejected)
    assert own.retry
    assert isinstance(proxys, Ambiguous)


@pytest.mark.parametrize("status", [200, *STATUSES])
def test_report_15_no_status_of_a_look_is_a_verdict(status: int):
    """It slows the polling, pauses the channel, or counts a miss; the task stays as it is."""
    found = task_policy.unclear(status, {"retry-after": "7"}, b"<html>")
    expected = {401: Effect.PAUSE_CHANNEL, 402: Effect.PAUSE_CHANNEL, 403: Effect.PAUSE_CHANNEL}
    expected |= {404: Effect.COUNT_MISS, 410: Effect.COUNT_MISS}

    assert found.effect == expected.get(status, Effect.BACK_OFF)
    assert found.retry_after_s == 7


@pytest.mark.parametrize(
    ("misses", "since_us", "expired"),
    [
        (3, MINUTE_US + 1, True),
        (4, 60 * MINUTE_US, True),
        (2, 60 * MINUTE_US, False),
        (3, MINUTE_US, False),
        (0, 60 * MINUTE_US, False),
    ],
)
def test_report_15_only_a_job_that_stays_unknown_has_expired(
    misses: int,
    since_us: int,
    expired: bool,  # noqa: FBT001
):
    """Three times in a row, and a minute after it was submitted."""
    assert task_policy.is_expired(misses, since_us) == expired


def test_failed_looks_grow_apart_up_to_a_minute():
    """However many there are."""
    waits = [task_policy.back_off_s(failures) for failures in (0, 1, 2, 5, 6, 1_000_000)]

    assert waits == [1, 2, 4, 32, 60, 60]


@pytest.mark.parametrize("wait", ["", "-1", "1.5", "Fri, 31 Dec 1999 23:59:59 GMT", "9" * 40, "٣"])
def test_a_wait_that_is_no_number_of_seconds_is_none(wait: str):
    """Nobody waits for ever."""
    assert task_policy.retry_after_s({"retry-after": wait}) is None


def test_report_19_a_vendors_sentence_is_cut_and_cleaned():
    """What a customer reads is never a whole body, nor a terminal's commands."""
    told = task_policy.sentence("bad \x1b[31m\nprompt " + "x" * 9_000, "-")

    assert told.isprintable()
    assert len(told) == 500
    assert task_policy.sentence({"message": "x"}, "otherwise") == "otherwise"
    assert task_policy.sentence("  ", "otherwise") == "otherwise"


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "gopher://x/", "//x/y", "/x", "javascript:alert(1)", "x", ""),
        *("https://x/\ny", "https://x y", "https://" + "x" * 9_000, 3, None, ["https://x"]),
        *("data:", "data:image/png", "data:image/png;base64,", "data:image/png;base64,!!"),
    ],
)
def test_what_is_no_address_is_no_result(url: Any):
    """Only http and https lead to one; bytes come in `data:`."""
    assert task_reading.artifact(url) is None


def test_bytes_in_an_address_are_a_result():
    """With the type that they name."""
    found = task_reading.artifact("data:image/png;base64,aGk=")

    assert found == Artifact(data=b"hi", content_type="image/png")
    assert task_reading.artifact("data:text/plain,a%20b") == Artifact(
        data=b"a b", content_type="text/plain"
    )


def test_results_are_found_wherever_they_stand():
    """In their order, each once, up to a limit."""
    output = {
        "images": [{"url": "https://x/1", "content_type": "image/png"}, {"url": "https://x/2"}],
        "again": {"url": "https://x/1"},
        "text": "https://x/3",
    }

    assert [each.url for each in task_reading.links(output)] == ["https://x/1", "https://x/2"]
    assert len(task_reading.links(output, any_text=True)) == 3
    assert len(task_reading.links([f"https://x/{at}" for at in range(999)], any_text=True)) == 64


@pytest.mark.parametrize("found", ["", ".", "..", "../x", "a/b", "a?b", "a#b", "a b", "ä", 7, None])
def test_report_44_an_id_that_would_bend_an_address_is_none(found: Any):
    """It could lead the key elsewhere."""
    assert task_reading.identity(found) is None


@given(st.recursive(st.text() | st.none() | st.floats() | st.integers(), st.lists, max_leaves=9))
def test_no_value_makes_a_reader_raise(found: Any):
    """Whatever a stranger sends."""
    for read in (task_reading.percent, task_reading.seconds, task_reading.wait_s):
        told: Any = read(found)
        assert told is None or told >= 0
    task_reading.decoded(found)
    task_reading.links(found, any_text=True)
