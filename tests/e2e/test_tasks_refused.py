"""Media tasks that may not be: refused in a sentence, with nothing held and nothing begun.

Reports, by the numbers of the survey of other gateways: 25 (counts of any shape, which must never
hold a negative), 40 (calls of strangers about tasks).
"""

import json
from typing import Any

import pytest

from grip.services import models
from tests.e2e.house import Customer, House
from tests.e2e.media import EACH, INPUTS, RATES, begin, ended, get, sell

# What no database sees is tried on one engine.
pytestmark = pytest.mark.parametrize("house", ["sqlite"], indirect=True, scope="session")

BAD: list[tuple[str, dict[str, Any], int]] = [
    *(("image", {"input": {"prompt": "x", "n": n}}, 400) for n in (-1, 0, 1.5, "2", 10**6, True)),
    ("image", {"input": {"prompt": "x", "n": 10**30}}, 400),
    *(
        ("video", {"input": {"prompt": "x", "seconds": seconds}}, 400)
        for seconds in (-4, 0, 4.5, "4", 10**9, [4])
    ),
    *(("audio", {"input": {"input": "x", "seconds": s}}, 400) for s in (-1, 0.5, "9", 10**30)),
    *((kind, {"input": INPUTS[kind] | {"n": n}}, 400) for kind in RATES for n in (-1, "1", 1.5)),
    *(
        ("image", {"input": {"prompt": "x", "size": size}}, 400)
        for size in (-1, "0x0", "-1x5", "99999x99999", "big", 1024, "1.5x2")
    ),
    ("image", {"input": {}}, 400),
    ("image", {"input": "A cat"}, 400),
    ("image", {"input": {"prompt": "x", "num_images": 4}}, 400),
    ("image", {"made_up": 1}, 400),
    ("image", {"metadata": "x"}, 400),
    ("image", {"metadata": {"x": "y" * 17_000}}, 400),
    *(
        ("image", {"callback_url": url}, 400)
        for url in (
            *("", "ftp://example.com/", "http://169.254.169.254/", "https://127.0.0.1/", "/x"),
            *("https://0x7f000001/", "https://[::1]/", "https://user:x@example.com/", 7),
        )
    ),
]


@pytest.mark.parametrize(("kind", "changes", "status"), BAD, ids=str)
def test_what_may_not_be_costs_nothing(
    house: House, kind: str, changes: dict[str, Any], status: int
):
    """Report 25: refused, with nothing held and nothing begun."""
    customer, model = house.customer(), sell(house, kind=kind)
    body = {"model": model, "input": INPUTS[kind]} | changes
    answer = house.post(customer, body, path="/v1/tasks")

    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]
    assert get(house, customer, "/v1/tasks").json()["data"] == []
    house.assert_untouched(customer)


@pytest.mark.parametrize(
    "seconds", ["-4", "4.5", "٤", "9" * 5_000, "9" * 12, "", " 4", -1, 10**30], ids=repr
)
def test_a_video_of_no_length_costs_nothing(house: House, seconds: Any):
    """Report 25: OpenAI writes seconds as a text, which may be any."""
    customer, model = house.customer(), sell(house, kind="video")
    body = json.dumps({"model": model, "prompt": "x", "seconds": seconds}).encode()
    answer = house.post(customer, body, path="/v1/videos")

    assert answer.status_code == 400, answer.text
    house.assert_untouched(customer)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"model": "image-well"}',
        b'{"model": "image-well", "input": ' + b"[" * 8_000 + b"]" * 8_000 + b"}",
        b'{"model": "image-well", "input": {"prompt": "x", "n": ' + b"1" * 5_000 + b"}}",
        b'{"model": "image-well", "input": {"prompt": "x", "deep": '
        + b"[" * 50
        + b"]" * 50
        + b"}}",
        b'{"model": "image-well", "input": {"prompt": "\\ud800"}}',
        b'{"model": "image-well", "input": {"prompt": "x", "n": NaN}}',
        b'{"model": "image-well", "input": {"prompt": "x"}, "metadata": {"x": '
        + b"[" * 900
        + b"]" * 900
        + b"}}",
    ],
    ids=lambda body: body[:60].decode(),
)
def test_a_body_that_is_no_task_costs_nothing(house: House, body: bytes):
    """Refused by grip's own sentence, not by a failure."""
    customer = house.customer()
    sell(house)
    answer = house.post(customer, body, path="/v1/tasks")

    assert answer.status_code == 400, answer.text
    house.assert_untouched(customer)


@pytest.mark.parametrize("where", ["prompt", "member", "metadata"])
def test_a_text_with_a_zero_in_it_does_no_harm(house: House, where: str):
    """PostgreSQL keeps no such text: it is refused, or kept in another way, on both engines."""
    customer, model = house.customer(), sell(house)
    body: dict[str, Any] = {"model": model, "input": {"prompt": "x"}, "metadata": {}}
    body["metadata" if where == "metadata" else "input"][where] = "a\0b"
    answer = house.post(customer, body, path="/v1/tasks")

    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 200:
        assert ended(house, customer, answer.json()["id"])["status"] == "completed"


NAMES = ("task_nobody", "%00", "task%00", "%ED%A0%80", "%F0%9F%90%88", "x" * 90)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *((f"/v1/tasks?{query}", 400) for query in ("limit=0", "limit=101", "limit=x")),
        *((f"/v1/tasks?status={status}", 400) for status in ("done", "%00", "")),
        *((f"/v1/tasks?after={name}", 404) for name in NAMES),
        *((f"/v1/videos?after={name}", 404) for name in NAMES),
        *((f"/v1/tasks/{name}", 404) for name in NAMES),
        *((f"/v1/tasks/{name}/results/0", 404) for name in NAMES),
        *((f"/v1/videos/{name}", 404) for name in NAMES),
        *((f"/v1/videos/{name}/content", 404) for name in NAMES),
    ],
)
def test_what_there_is_not_is_not_found(house: House, path: str, status: int):
    """Whatever it is called, on both engines."""
    assert get(house, house.customer(), path).status_code == status


@pytest.mark.parametrize("name", NAMES)
def test_what_there_is_not_is_not_cancelled(house: House, name: str):
    """The same."""
    customer = house.customer()

    assert house.post(customer, b"", path=f"/v1/tasks/{name}/cancel").status_code == 404


def test_who_cannot_be_served_pays_nothing(house: House):
    """A chat model, a model of nobody's, one without a channel, a wallet with too little."""
    customer, poor = house.customer(), house.customer(credits_=EACH - 1)
    chat, image = house.sell().name, sell(house)
    draft = models.Draft(name="nowhere", type="image", sell=RATES["image"])
    house.do(models.add, draft, actor="test")

    def refused(who: Customer, model: str) -> tuple[int, str]:
        body = {"model": model, "input": INPUTS["image"]}
        answer = house.post(who, body, path="/v1/tasks")
        return answer.status_code, answer.json()["error"]["code"]

    assert refused(customer, chat)[0] == 400
    assert refused(customer, "nobody")[0] == 404
    assert refused(customer, "nowhere")[0] == 503
    assert refused(poor, image)[0] == 402
    house.assert_untouched(customer)
    house.assert_untouched(poor, EACH - 1)


def test_who_may_not_call_about_tasks_is_told_nothing(house: House):
    """Report 40: no key is asked for, nobody learns whether there is a task, nothing is read."""
    customer, model = house.customer(), sell(house, "delay_s=30")
    task_id = begin(house, customer, model)["id"]
    token = "A" * 43
    paths = [
        f"/hooks/up/{kind}/{task}/{end}"
        for kind in ("sandbox", "fal", "replicate", "nobody")
        for task in (task_id, "task_1")
        for end in (token, "x")
    ]
    paths += ["/hooks/up/", f"/hooks/up/fal/{task_id}", f"/hooks/up/fal/%00/{token}"]
    answers = [house.http.post(path, json={"status": "completed"}) for path in paths]
    huge = house.http.post(paths[0], content=bytes(1024 * 1024 + 1))

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert {answer.headers["x-grip-request-id"][:4] for answer in answers} == {"req_"}
    assert huge.status_code == 413
    assert house.http.get(paths[0]).status_code == 405
    assert "/hooks/" not in house.http.get("/openapi.json").text
    assert get(house, customer, f"/v1/tasks/{task_id}").json()["status"] == "pending"
