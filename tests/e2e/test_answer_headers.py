"""What the headers of every answer say to browsers and caches, and what they keep to themselves."""

from typing import Any

import httpx2
import pytest

from tests.e2e.house import HELLO, House
from tests.e2e.media import begin, ended, get, sell
from tests.e2e.scripts import polite

pytestmark = pytest.mark.parametrize("house", ["sqlite"], indirect=True, scope="session")

TELLING = (
    *("server", "x-powered-by", "date"),
    *("access-control-allow-origin", "access-control-allow-credentials"),
)
FROM_A_PAGE = {
    "origin": "https://elsewhere.example",
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization",
}


def _answers(house: House) -> list[httpx2.Response]:
    """Return an answer of each kind of route, good and bad."""
    ana, good = house.customer(), house.sell(polite)
    key = {"authorization": f"Bearer {ana.secret}", **FROM_A_PAGE}
    call: dict[str, Any] = {"model": good.name, "messages": HELLO}
    task = begin(house, ana, sell(house))["id"]
    ended(house, ana, task)
    own = ("/v1/wallet", "/v1/usage", "/v1/models", "/v1/tasks", f"/v1/tasks/{task}", "/v1/videos")
    free = ("/healthz", "/readyz", "/openapi.json", "/v1/regions", "/nowhere", "/v1/wallet")
    return [
        *(house.http.get(path, headers=key) for path in own),
        *(house.http.get(path, headers=FROM_A_PAGE) for path in free),
        *(house.http.options(path, headers=FROM_A_PAGE) for path in own),
        house.http.options("/v1/chat/completions", headers=FROM_A_PAGE),
        house.http.post("/v1/chat/completions", json=call, headers=key),
        house.http.post("/v1/chat/completions", json=call),
        house.http.post("/v1/chat/completions", json=call | {"model": "none"}, headers=key),
        house.http.post("/hooks/up/fal/task/token"),
        house.http.post("/webhooks/nobody"),
    ]


def test_no_answer_is_guessed_at_kept_or_read_by_a_page_of_others(house: House):
    """Nor does one tell what serves it."""
    for answer in _answers(house):
        said = answer.request.method, answer.url.path, dict(answer.headers)

        assert answer.headers.get_list("x-content-type-options") == ["nosniff"], said
        assert answer.headers.get_list("cache-control") == ["no-store"], said
        assert not answer.headers.keys() & set(TELLING), said


def test_a_stream_and_a_result_are_not_guessed_at_either(house: House):
    """They have rules of their own for caches."""
    ana, good = house.customer(), house.sell(polite)
    task = begin(house, ana, sell(house))["id"]
    ended(house, ana, task)
    result = get(house, ana, f"/v1/tasks/{task}/results/0")
    call = {"model": good.name, "messages": HELLO, "stream": True}
    with house.streaming(ana, call) as stream:
        stream.read()

    for answer, rule in ((result, "private"), (stream, "no-cache")):
        assert answer.status_code == 200
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        assert answer.headers.get_list("cache-control") == [rule]
        assert not answer.headers.keys() & set(TELLING)
