"""Every failure of `/v1/messages`, as Anthropic's own client raises it."""

import threading
from typing import Any

import anthropic
import pytest

from grip.money.amounts import NANO
from grip.services import keys
from tests.e2e import scripts
from tests.e2e.anthropic_wire import BEGUN, SAID, client, error, event, polite, sell
from tests.e2e.house import HELLO, Customer, Good, House
from tests.e2e.scripts import STREAM_HEAD, after, part, raw, resets, whole
from tests.e2e.upstream import Script


def hello(good: Good, **more: Any) -> dict[str, Any]:
    """Return a request that says hello."""
    return {"model": good.name, "max_tokens": 100, "messages": HELLO, **more}


def _refused(house: House, customer: Customer, **asked: Any) -> anthropic.APIStatusError:
    """Return how a message is refused, whole and as a stream: alike, but for their ids."""
    found = []
    with client(house, customer) as client_:
        for stream in (False, True):
            with pytest.raises(anthropic.APIStatusError) as raised:
                client_.messages.create(**asked, stream=stream)
            found.append(raised.value)
    one, two = found
    assert (type(one), one.status_code, one.type) == (type(two), two.status_code, two.type)
    for each in found:
        body = each.response.json()
        assert body["type"] == "error"
        assert body["request_id"] == each.request_id
        assert each.request_id == each.response.headers["x-grip-request-id"]
    return one


def _told(refusal: anthropic.APIStatusError) -> tuple[int, str | None, str]:
    return refusal.status_code, refusal.type, refusal.response.json()["error"]["code"]


def test_a_key_that_ended_is_told(house: House):
    """As is one that nobody holds."""
    ana, good = house.customer(), sell(house, polite)
    house.do(keys.revoke, ana.key_id, actor="test")
    refusal = _refused(house, ana, **hello(good))

    assert isinstance(refusal, anthropic.AuthenticationError)
    assert _told(refusal) == (401, "authentication_error", "invalid_api_key")


def test_a_request_without_a_key_is_told_where_it_belongs(house: House):
    """Before its body is looked at."""
    said = house.post(None, b"{", path="/v1/messages")

    assert said.status_code == 401
    assert said.json()["error"]["type"] == "authentication_error"
    assert "x-api-key" in said.json()["error"]["message"]


def test_a_wallet_that_cannot_pay_is_told_what_is_missing(house: House):
    """Before any channel hears of it."""
    ana, good = house.customer(credits_=5), sell(house, polite)
    refusal = _refused(house, ana, **hello(good))

    assert _told(refusal) == (402, "billing_error", "insufficient_credits")
    assert refusal.response.json()["error"]["metadata"]["available"] == 5
    assert good.door.requests == []


def test_a_model_that_nobody_sells_is_told(house: House):
    """By its name."""
    refusal = _refused(house, house.customer(), model="nobody's", max_tokens=1, messages=HELLO)

    assert isinstance(refusal, anthropic.NotFoundError)
    assert _told(refusal) == (404, "not_found_error", "model_not_found")


def test_a_model_that_the_key_may_not_use_is_told(house: House):
    """It exists."""
    good, other = sell(house, polite), sell(house, polite)
    refusal = _refused(house, house.customer(models=[other.name]), **hello(good))

    assert isinstance(refusal, anthropic.PermissionDeniedError)
    assert _told(refusal) == (403, "permission_error", "model_not_allowed")


def test_a_limit_is_told_with_the_time_to_wait(house: House):
    """And how the limits stand."""
    ana, good = house.customer(rpm=1), sell(house, polite)
    with client(house, ana) as client_:
        client_.messages.create(**hello(good))
    refusal = _refused(house, ana, **hello(good))

    assert isinstance(refusal, anthropic.RateLimitError)
    assert _told(refusal) == (429, "rate_limit_error", "rate_limit_exceeded")
    assert int(refusal.response.headers["retry-after"]) >= 1
    assert refusal.response.headers["x-ratelimit-remaining-requests"] == "0"


@pytest.mark.parametrize("members", [{"messages": []}, {"max_tokens": -1}, {"system": 7}], ids=str)
def test_a_body_that_cannot_be_read_is_told(house: House, members: dict[str, Any]):
    """By the member that is wrong."""
    ana, good = house.customer(), sell(house, polite)
    refusal = _refused(house, ana, **(hello(good) | members))

    assert isinstance(refusal, anthropic.BadRequestError)
    assert _told(refusal) == (400, "invalid_request_error", "invalid_request_error")
    assert refusal.response.json()["error"]["param"] in members
    house.assert_untouched(ana)


def test_another_method_is_told(house: House):
    """In the same shape."""
    for path in ("/v1/messages", "/v1/messages/count_tokens"):
        said = house.http.get(path)

        assert (said.status_code, said.json()["type"]) == (405, "error")
        assert said.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (413, "request_too_large", anthropic.APIStatusError),
        (422, "invalid_request_error", anthropic.UnprocessableEntityError),
    ],
)
def test_what_an_upstream_says_of_the_request_reaches_the_client(
    house: House, status: int, kind: str, expected: type[anthropic.APIStatusError]
):
    """With its status and its message, for nothing, and no other channel is asked."""
    ana = house.customer()
    good = sell(house, whole(error(kind, "prompt is too long"), status=status), scripts.polite)
    refusal = _refused(house, ana, **hello(good))

    assert isinstance(refusal, expected)
    assert (refusal.status_code, refusal.type) == (status, kind)
    assert refusal.response.json()["error"]["message"] == "prompt is too long"
    assert "req_upstream" not in refusal.response.text
    assert good.calls == [2, 0]
    house.assert_untouched(ana)


FAILS: dict[str, Script] = {
    "401": whole(error("authentication_error"), status=401),
    "429": whole(error("rate_limit_error"), status=429),
    "529": whole(error("overloaded_error"), status=529),
    "garbage": whole(b"<html>"),
    "an error in a success": whole(error("overloaded_error")),
    "resets": resets(),
}


@pytest.mark.parametrize("script", FAILS.values(), ids=FAILS)
def test_the_operators_trouble_is_no_clients(house: House, script: Script):
    """Where nobody serves, the client hears that, and nothing more."""
    ana, good = house.customer(), sell(house, script)
    refusal = _refused(house, ana, **hello(good))

    assert _told(refusal) == (503, "overloaded_error", "service_unavailable")
    assert "operator" not in refusal.response.text
    house.assert_untouched(ana)


HEAD = STREAM_HEAD + b"".join(map(part, BEGUN))
BREAKS: dict[str, bytes] = {
    "breaks off": b"",
    "tells an error": part(
        event("error", error={"type": "overloaded_error", "message": "the operator's"})
    ),
    "sends garbage": part(b"event: content_block_delta\ndata: {oops\n\n"),
}


@pytest.mark.parametrize("rest", BREAKS.values(), ids=BREAKS)
def test_a_stream_that_dies_half_way_ends_with_an_error(house: House, rest: bytes):
    """Anthropic's client raises it; nothing is charged."""
    go_on = threading.Event()
    ana, good = house.customer(), sell(house, after(HEAD, go_on, raw(rest)))
    text = ""
    with (
        client(house, ana) as client_,
        client_.messages.stream(**hello(good)) as stream,
        pytest.raises(anthropic.APIStatusError) as raised,
    ):
        for piece in stream.text_stream:
            text += piece
            if text == SAID:
                go_on.set()

    assert text == SAID
    assert raised.value.type == "overloaded_error"
    body: Any = raised.value.body
    assert body["error"]["code"] == "service_unavailable"
    assert body["request_id"] == raised.value.request_id
    assert "operator" not in str(body)
    house.assert_untouched(ana)


def test_a_channel_that_fails_makes_room_for_one_of_another_wire(house: House):
    """The client sees no difference, and is charged what that one counted."""
    ana = house.customer()
    good = sell(house, whole(error("overloaded_error"), status=529), scripts.polite)
    with client(house, ana) as client_:
        said = client_.messages.create(**hello(good))
        with client_.messages.stream(**hello(good)) as stream:
            streamed = stream.get_final_message()

    for each in (said, streamed):
        assert [block.type for block in each.content] == ["text"]
        assert (each.stop_reason, each.usage.input_tokens, each.usage.output_tokens) == (
            "end_turn",
            10,
            5,
        )
    assert [row.cost_nano for row in house.usage(ana)] == [6 * NANO, 6 * NANO]
    assert {row.provider for row in house.usage(ana)} == {"openai"}
