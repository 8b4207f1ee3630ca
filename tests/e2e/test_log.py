"""The log of a running gateway: whose request a line comes of, and no secret in any of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.gateway import SECRET
from tests.e2e.house import House
from tests.e2e.scripts import STREAM_HEAD, TEXT, error_body, part, raw, whole
from tests.e2e.upstream import Exchange, Script

MARK = "said-in-confidence"
IDEM = "idem-said-in-confidence"


def echoes(status: int) -> Script:
    """Fail with an error that repeats all that was sent, the key included."""

    def script(exchange: Exchange) -> None:
        request = exchange.request
        said = f"{request.body.decode()} {request.headers['authorization']}"
        whole(error_body(said), status=status)(exchange)

    return script


def garbles(exchange: Exchange) -> None:
    """Succeed with what is no answer, and repeats the request."""
    whole(b"<p>" + exchange.request.body, kind="text/html")(exchange)


def errs_in_stream(exchange: Exchange) -> None:
    """Say more than is read at a time, then in an event what was sent."""
    event = b"data: " + error_body(exchange.request.body.decode()) + b"\n\n"
    raw(STREAM_HEAD + part(b"".join(TEXT) * 500) + part(event))(exchange)


FAILURES: dict[str, tuple[Script, dict[str, Any], str]] = {
    "500": (echoes(500), {}, "channel.failed"),
    "401": (echoes(401), {}, "channel.failed"),
    "429 of a stream": (echoes(429), {"stream": True}, "channel.failed"),
    "garbage": (garbles, {}, "channel.failed"),
    "an error in a stream": (errs_in_stream, {"stream": True}, "stream.failed"),
    "a refusal": (echoes(400), {}, ""),
}


@pytest.fixture
def lines(house: House) -> Callable[[], list[dict[str, Any]]]:
    """Return what was logged since the test began."""
    begun = len(house.gateway.log)
    return lambda: [json.loads(line) for line in house.gateway.log[begun:].splitlines()]


@pytest.mark.parametrize("failure", FAILURES)
def test_what_is_logged_of_a_failure_names_its_request_and_no_secret(
    house: House, failure: str, lines: Callable[[], list[dict[str, Any]]]
):
    """Whatever the upstream repeats: neither content nor keys, of either side."""
    script, asked, event = FAILURES[failure]
    good, customer = house.sell(script), house.customer()
    body = {"model": good.name, "messages": [{"role": "user", "content": MARK}], **asked}
    headers = {"authorization": f"Bearer {customer.secret}", "idempotency-key": IDEM}
    answer = house.http.post("/v1/chat/completions", json=body, headers=headers)

    told = lines()
    own = [line for line in told if line.get("request_id") == answer.headers["x-grip-request-id"]]
    assert [line["event"] for line in own] == ([event] if event else [])
    assert all("fault" in line for line in own)
    for secret in (MARK, IDEM, customer.secret, SECRET):
        assert secret not in json.dumps(told)


def test_what_is_no_call_is_logged_without_secrets_too(
    house: House, lines: Callable[[], list[dict[str, Any]]]
):
    """A stranger's key, a body that is none, and routes that nobody knows."""
    customer = house.customer()
    house.post(None, b"{}")
    for path in ("/v1/chat/completions", f"/v1/{MARK}", f"/v1/tasks/{MARK}", "/v1/models"):
        for secret in (customer.secret, f"sk-grip-{MARK}"):
            headers = {"authorization": f"Bearer {secret}", "x-api-key": secret}
            for method in ("POST", "GET"):
                house.http.request(method, path, content=MARK.encode(), headers=headers)

    said = json.dumps(lines())
    assert MARK not in said
    assert customer.secret not in said
