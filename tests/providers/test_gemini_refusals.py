"""What Gemini's errors mean: whose fault they are, and how long to wait."""

import json
from typing import Any

import pytest

from grip.providers.gemini import GeminiAdapter
from grip.providers.port import ChannelFault, RequestRefused

ADAPTER = GeminiAdapter({})
INFO = "type.googleapis.com/google.rpc.ErrorInfo"
RETRY = "type.googleapis.com/google.rpc.RetryInfo"


def _error(code: int, status: str, message: str, *details: Any) -> bytes:
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    if details:
        error["details"] = list(details)
    return json.dumps({"error": error}).encode()


# Recorded: github.com/continuedev/continue, issue 9330.
KEY_INVALID = _error(
    400,
    "INVALID_ARGUMENT",
    "API key not valid. Please pass a valid API key.",
    {
        "@type": INFO,
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    },
    {
        "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
        "locale": "en-US",
        "message": "API key not valid. Please pass a valid API key.",
    },
)
# Recorded: github.com/google-gemini/gemini-cli, issue 24641.
NO_PLACE = _error(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")
# Recorded: issue-22372-live-errors.json of @ai-sdk/google (github.com/vercel/ai).
BAD_LEVEL = "Thinking level MINIMAL is not supported for this model. Please retry with other."
# Recorded: google-429-retry-info.json of the same.
EXHAUSTED = _error(
    429,
    "RESOURCE_EXHAUSTED",
    "You exceeded your current quota, please check your plan.",
    {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}],
    },
    {"@type": RETRY, "retryDelay": "34.4s"},
)


def _fault(status: int, body: bytes, headers: dict[str, str] | None = None) -> ChannelFault:
    found = ADAPTER.refusal(status, headers or {}, body)
    assert isinstance(found, ChannelFault)
    assert found.reason == f"status_{status}"
    return found


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("listed", [False, True])
def test_a_bad_argument_reaches_the_client_in_openais_shape(status: int, *, listed: bool):
    """Streams are refused with the error in a list."""
    body = _error(400, "INVALID_ARGUMENT", BAD_LEVEL)

    found = ADAPTER.refusal(status, {}, b"[" + body + b"]" if listed else body)

    assert isinstance(found, RequestRefused)
    assert found.status == status
    assert found.error == {
        "message": BAD_LEVEL,
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_argument",
    }


def test_a_refusal_without_a_reason_says_so():
    """And shows nothing of a proxy's page."""
    found = ADAPTER.refusal(400, {}, b"<html>10.0.0.7</html>")

    assert isinstance(found, RequestRefused)
    assert "status 400" in str(found.error["message"])
    assert "10.0.0.7" not in str(found.error)


@pytest.mark.parametrize("body", [KEY_INVALID, b"[" + KEY_INVALID + b"]", NO_PLACE])
def test_the_operators_trouble_is_the_channels_fault(body: bytes):
    """A key, a place or a plan, whatever the status: the client never sees it."""
    assert _fault(400, body).retry_after_s is None


@pytest.mark.parametrize("status", [401, 402, 403, 404, 408, 429, 500, 503, 504])
def test_every_other_status_is_the_channels_fault(status: int):
    """With what was said, for the log."""
    assert "went wrong" in str(_fault(status, _error(status, "X", "went wrong")))


@pytest.mark.parametrize(
    ("delay", "wait_s"),
    [
        ("30s", 30),
        ("34.4s", 35),
        ("0.000000001s", 1),
        ("47.000s", 47),
        ("-1s", None),
        ("soon", None),
        ("9" * 40 + "s", None),
        (30, None),
    ],
)
def test_the_wait_is_what_google_asks_for_rounded_up(delay: object, wait_s: int | None):
    """In the details of the error."""
    body = _error(429, "RESOURCE_EXHAUSTED", "quota", "x", {"@type": RETRY, "retryDelay": delay})

    assert _fault(429, body).retry_after_s == wait_s


def test_a_recorded_quota_error_says_when_to_come_back():
    """Its header says it where its details do not."""
    assert _fault(429, EXHAUSTED, {"retry-after": "5"}).retry_after_s == 35
    assert _fault(429, b"busy", {"retry-after": "5"}).retry_after_s == 5
    assert _fault(429, b"busy", {"retry-after": "Fri, 31 Dec 1999"}).retry_after_s is None


@pytest.mark.parametrize("details", [None, 5, "x", {}, [None, 5, {"domain": 1}, {"reason": []}]])
def test_details_of_any_type_do_no_harm(details: object):
    """The error itself is read all the same."""
    error = {"message": "bad", "status": ["odd"], "code": {}, "details": details}

    found = ADAPTER.refusal(400, {}, json.dumps({"error": error}).encode())

    assert isinstance(found, RequestRefused)
    assert found.error["code"] == "invalid_request_error"
