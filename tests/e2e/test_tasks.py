"""Media tasks over HTTP: begun, looked at, fetched, listed, cancelled; and what costs nothing.

Reports, by the numbers of the survey of other gateways: 2 (what failed costs nothing), 11 (one task
for one Idempotency-Key), 13 (cancelled and expired are ends), 14 (a success without a result), 16
(an end with an error), 42 (the result is there when the callback lands),
43 (a stranger finds nothing), 45 (OpenAI's own client works).
"""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook

from grip.services import callback_secrets, keys, members
from tests.e2e.conftest import Open
from tests.e2e.gateway import CONFIG
from tests.e2e.house import Customer, House
from tests.e2e.media import EACH, begin, ended, get, sell

STARTS = {"image": b"\x89PNG", "video": b"", "audio": b"RIFF"}
SHOWN = {
    *("id", "object", "model", "type", "status", "progress", "input", "metadata"),
    *("credits_reserved", "credits_charged", "credits_refunded", "results", "error"),
    *("created_at", "completed_at"),
}
VIDEO = {
    *("id", "object", "model", "status", "progress", "created_at", "completed_at", "expires_at"),
    *("prompt", "size", "seconds", "remixed_from_video_id", "error"),
}
"""Every field that OpenAI's object has; none may be left out."""


@pytest.mark.parametrize(("kind", "cost"), [("image", EACH), ("video", 2 * EACH), ("audio", 200)])
def test_a_task_is_begun_looked_at_and_fetched(house: House, kind: str, cost: int):
    """The answer is immediate; what it made is real, and charged as it was announced."""
    customer, model = house.customer(), sell(house, kind=kind)
    begun = begin(house, customer, model, kind, metadata={"order": 7})
    assert set(begun) == SHOWN
    assert (begun["status"], begun["credits_reserved"], begun["results"]) == ("pending", cost, [])
    found = ended(house, customer, begun["id"])
    (result,) = found["results"]
    got = get(house, customer, result["url"])
    (row,) = house.usage(customer)

    assert set(found) == SHOWN
    assert (found["status"], found["progress"], found["error"]) == ("completed", 100, None)
    assert (found["credits_charged"], found["credits_refunded"]) == (cost, 0)
    assert (found["metadata"], found["type"]) == ({"order": 7}, kind)
    assert found["created_at"] <= found["completed_at"] < 10**10
    assert (got.status_code, got.headers["content-type"]) == (200, result["content_type"])
    assert got.content.startswith(STARTS[kind])
    assert len(got.content) == result["bytes"]
    assert "private" in got.headers["cache-control"]
    assert (row.request_id, row.credits) == (begun["id"], cost)
    assert house.wallet(customer).balance == 1_000_000 - cost


@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
def test_openais_own_client_makes_a_video(house: House):
    """Report 45: create, poll, download, list and delete; every field, times in seconds."""
    customer, model = house.customer(), sell(house, "delay_s=1", kind="video")
    client = customer.client
    video = client.videos.create_and_poll(
        model=model, prompt="A cat", seconds="4", poll_interval_ms=200
    )
    content = client.videos.download_content(video.id).read()
    listed = [one.id for one in client.videos.list(limit=1)]

    assert (video.status, video.progress, video.seconds, video.error) == (
        "completed",
        100,
        "4",
        None,
    )
    shown = get(house, customer, f"/v1/videos/{video.id}").json()
    assert set(shown) == VIDEO
    assert shown["created_at"] <= shown["completed_at"] < shown["expires_at"] < 10**10
    assert content[4:8] == b"ftyp"
    assert listed == [video.id]
    assert house.wallet(customer).balance == 1_000_000 - 4 * EACH
    assert client.videos.delete(video.id).deleted
    assert get(house, customer, f"/v1/videos/{video.id}/content").status_code == 404


def test_an_idempotency_key_stands_for_one_task(house: House):
    """Report 11: the same body the same task and one hold, another body 422, two at once one."""
    customer, model = house.customer(), sell(house, "delay_s=30")
    headers = {"authorization": f"Bearer {customer.secret}", "idempotency-key": "once"}

    def send(prompt: str, key: str = "once") -> httpx2.Response:
        body = {"model": model, "input": {"prompt": prompt}}
        with house.fresh_http() as http:
            sent = headers | {"idempotency-key": key}
            return http.post("/v1/tasks", json=body, headers=sent)

    first, again, other = send("A cat"), send("A cat"), send("A dog")
    with ThreadPoolExecutor(8) as pool:
        racing = list(pool.map(lambda _: send("A cat", "race"), range(8)))

    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 422)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert {answer.status_code for answer in racing} == {200}
    assert len({answer.json()["id"] for answer in racing}) == 1
    assert house.wallet(customer).held == 2 * EACH


def test_results_are_their_owners_alone(house: House):
    """Report 43: a stranger finds neither task nor result; a member their own, the owner all."""
    owner, model = house.customer(tier="team"), sell(house)
    stranger, ben = house.customer(), house.customer()
    house.do(members.add, owner.email, ben.email, actor="test")
    made = house.do(keys.create, owner.email, actor="test", name="ben", member=ben.email)
    member = Customer(
        email=ben.email,
        wallet_id=owner.wallet_id,
        key_id=made.key.id,
        secret=made.secret,
        client=house.client(made.secret),
    )
    of_owner, of_member = (begin(house, one, model)["id"] for one in (owner, member))
    for one, task_id in ((owner, of_owner), (member, of_member)):
        assert ended(house, one, task_id)["status"] == "completed"

    def may(customer: Customer, task_id: str) -> set[int]:
        paths = (f"/v1/tasks/{task_id}", f"/v1/tasks/{task_id}/results/0")
        shown, content = (get(house, customer, path) for path in paths)
        if content.status_code == 200:
            assert content.headers["cache-control"].startswith("private")
        return {shown.status_code, content.status_code}

    assert (may(owner, of_owner), may(owner, of_member)) == ({200}, {200})
    assert (may(member, of_owner), may(member, of_member)) == ({404}, {200})
    assert (may(stranger, of_owner), may(stranger, of_member)) == ({404}, {404})
    assert house.post(stranger, {}, path=f"/v1/tasks/{of_owner}/cancel").status_code == 404
    assert house.http.get(f"/v1/tasks/{of_owner}/results/0").status_code == 401
    listed = get(house, member, "/v1/tasks").json()["data"]
    assert [task["id"] for task in listed] == [of_member]


def test_a_result_is_read_in_ranges(house: House):
    """As players do, and whoever goes on with a download."""
    customer, model = house.customer(), sell(house)
    task_id = begin(house, customer, model)["id"]
    (result,) = ended(house, customer, task_id)["results"]
    whole = get(house, customer, result["url"])
    part = get(house, customer, result["url"], range="bytes=4-7")
    none = get(house, customer, result["url"], range="bytes=99999999-")
    same = get(house, customer, result["url"], **{"if-none-match": whole.headers["etag"]})

    assert (part.status_code, part.content) == (206, whole.content[4:8])
    assert part.headers["content-range"] == f"bytes 4-7/{len(whole.content)}"
    assert (none.status_code, same.status_code) == (416, 304)
    assert get(house, customer, f"/v1/tasks/{task_id}/results/1").status_code == 404


def test_tasks_are_listed_page_by_page(house: House):
    """Newest first, each once, by the id of the last one."""
    customer, model = house.customer(), sell(house, "delay_s=30")
    made = [begin(house, customer, model)["id"] for _ in range(5)]
    seen: list[str] = []
    page: dict[str, Any] = {"has_more": True}
    while page["has_more"]:
        after = f"&after={seen[-1]}" if seen else ""
        page = get(house, customer, f"/v1/tasks?limit=2{after}").json()
        seen += [task["id"] for task in page["data"]]

    assert seen == made[::-1]
    assert get(house, customer, "/v1/tasks?status=failed").json()["data"] == []
    assert len(get(house, customer, "/v1/tasks?status=pending").json()["data"]) <= 5


def test_a_task_is_cancelled_and_given_back(house: House):
    """Whether it still waits or its upstream has it; a second time changes nothing."""
    customer, model = house.customer(), sell(house, "delay_s=60")
    task_id = begin(house, customer, model)["id"]
    path = f"/v1/tasks/{task_id}/cancel"
    answers = [house.post(customer, b"", path=path)]
    found = ended(house, customer, task_id)
    answers.append(house.post(customer, b"", path=path))

    assert [answer.status_code for answer in answers] in ([200, 200], [409, 200])
    assert (found["status"], found["error"]["code"]) == ("failed", "cancelled")
    assert (found["credits_charged"], found["credits_refunded"]) == (0, EACH)
    house.assert_untouched(customer)


FAILURES = {
    "400": "submit_rejected",
    "blocked": "content_policy",
    "failed": "upstream_failed",
    "policy": "content_policy",
    "cancelled": "cancelled",
    "expired": "expired",
    "empty": "content_policy",
    "dead_link": "result_unavailable",
    "lying_result": "result_unavailable",
    "cut_result": "result_unavailable",
}


def test_every_failure_gives_all_back(house: House):
    """Reports 2, 13, 14 and 16: each with its documented code, all at once, exact."""
    began = []
    for fail in FAILURES:
        customer = house.customer()
        began.append((fail, customer, begin(house, customer, sell(house, f"fail={fail}"))["id"]))
    told = {}
    for fail, customer, task_id in began:
        found = ended(house, customer, task_id)
        told[fail] = found["error"]["code"]
        assert (found["status"], found["results"]) == ("failed", [])
        assert (found["credits_charged"], found["credits_refunded"]) == (0, EACH)
        assert "sandbox?" not in json.dumps(found)
        house.assert_untouched(customer)

    assert told == FAILURES


def test_the_result_is_there_when_the_callback_lands(own_house: Open):
    """Report 42: signed, and whoever is told finds the task over and its result."""
    with receiver() as (url, place, told):
        config = f'{CONFIG}\n[callbacks]\nallow = ["{place}"]\n'
        with own_house(config=config) as house:
            customer = house.customer()
            secret = house.do(callback_secrets.create, customer.email, actor="test").secret
            for does in ("", "fail=failed"):
                begun = begin(house, customer, sell(house, does), callback_url=url)
                assert told.landed.wait(60)
                told.landed.clear()
                headers, body = told.posts[-1]
                heard = Webhook(secret).verify(body, headers)
                found = get(house, customer, f"/v1/tasks/{begun['id']}").json()

                assert heard["type"] == f"task.{found['status']}"
                assert heard["data"] == found
                for result in found["results"]:
                    assert get(house, customer, result["url"]).status_code == 200
            assert len(told.posts) == 2


class Told:
    """What a receiver of callbacks has heard."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.landed = threading.Event()


@contextmanager
def receiver() -> Iterator[tuple[str, str, Told]]:
    """Run a tenant's server on loopback; yield its URL, its place and what it heard."""
    told = Told()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            told.posts.append(({name.lower(): text for name, text in self.headers.items()}, body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()
            told.landed.set()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    port = server.server_address[1]
    try:
        yield f"http://127.0.0.1:{port}/hook", f"127.0.0.1:{port}", told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
