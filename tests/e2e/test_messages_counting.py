"""`/v1/messages/count_tokens`: free, asked of who counts, and estimated where nobody does."""

from typing import Any

import anthropic
import pytest

from tests.e2e import scripts
from tests.e2e.anthropic_wire import client, error, polite, sell
from tests.e2e.house import HELLO, Good, House
from tests.e2e.scripts import resets, whole
from tests.e2e.upstream import Script

PATH = "/v1/messages/count_tokens"


def hello(good: Good, **more: Any) -> dict[str, Any]:
    """Return a request that says hello."""
    return {"model": good.name, "messages": HELLO, **more}


def test_the_upstreams_own_count_is_given(house: House):
    """For nothing: not a credit is needed, no limit counts it, and the books know nothing."""
    ana = house.customer(credits_=0, rpm=1)
    good = sell(house, polite, upstream_name="claude-fake")
    with client(house, ana) as client_:
        for _ in range(3):
            raw = client_.messages.with_raw_response.count_tokens(**hello(good))
            assert raw.parse().input_tokens == 17
            assert raw.headers["request-id"] == raw.headers["x-grip-request-id"]
            assert "x-grip-credits" not in raw.headers
    asked = good.door.requests[0]

    assert asked.path.endswith(PATH)
    assert asked.json["model"] == "claude-fake"
    house.assert_untouched(ana, balance=0)


FAILS: dict[str, Script] = {
    "no such route": whole(b"not found", status=404),
    "overloaded": whole(error("overloaded_error"), status=529),
    "garbage": whole(b"<html>"),
    "no count": whole(b'{"tokens": 1}'),
    "resets": resets(),
}


@pytest.mark.parametrize("script", FAILS.values(), ids=FAILS)
def test_where_a_channel_does_not_count_grip_estimates(house: House, script: Script):
    """A short sentence is some ten tokens."""
    ana, good = house.customer(), sell(house, script)
    with client(house, ana) as client_:
        said = client_.messages.count_tokens(**hello(good))

    assert 5 <= said.input_tokens <= 15
    house.assert_untouched(ana)


def test_where_no_channel_can_count_none_is_asked(house: House):
    """OpenAI's wire has no such route."""
    ana, good = house.customer(), house.sell(scripts.polite)
    with client(house, ana) as client_:
        said = client_.messages.count_tokens(**hello(good, system="Be brief.", tools=[]))

    assert 5 <= said.input_tokens <= 20
    assert good.door.requests == []


def test_a_channel_that_does_not_count_serves_all_the_same(house: House):
    """Its health is not touched."""
    ana = house.customer()
    good = sell(house, whole(b"not found", status=404))
    with client(house, ana) as client_:
        for _ in range(10):
            client_.messages.count_tokens(**hello(good))
        good.door.script = polite
        said = client_.messages.create(**hello(good), max_tokens=10)

    assert said.stop_reason == "end_turn"


def test_what_an_upstream_says_of_the_request_reaches_the_client(house: House):
    """As with a message."""
    ana = house.customer()
    good = sell(house, whole(error("invalid_request_error", "odd role"), status=400))
    with client(house, ana) as client_, pytest.raises(anthropic.BadRequestError) as raised:
        client_.messages.count_tokens(**hello(good))

    assert raised.value.response.json()["error"]["message"] == "odd role"


@pytest.mark.parametrize(
    ("members", "status", "code"),
    [
        ({"model": "nobody's"}, 404, "model_not_found"),
        ({"messages": []}, 400, "invalid_request_error"),
        ({"speed": "fast"}, 400, "invalid_request_error"),
    ],
    ids=str,
)
def test_a_count_that_cannot_be_is_refused(
    house: House, members: dict[str, Any], status: int, code: str
):
    """In Anthropic's shape."""
    ana, good = house.customer(), sell(house, polite)
    said = house.post(ana, hello(good) | members, path=PATH)

    assert (said.status_code, said.json()["error"]["code"]) == (status, code)
    assert said.json()["type"] == "error"
    assert good.door.requests == []


def test_only_who_has_a_key_may_count(house: House):
    """A stranger is refused before the body is looked at."""
    said = house.post(None, b"{", path=PATH)

    assert (said.status_code, said.json()["error"]["type"]) == (401, "authentication_error")
