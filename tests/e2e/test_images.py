"""Images over HTTP, with the official client: generated, edited, streamed; by image, by token."""

import base64
import io
import json
from typing import Any

import pytest
from openai import BadRequestError, InternalServerError

from grip.money.amounts import NANO
from grip.money.pricing import Rates
from tests.e2e.house import Customer, Good, House
from tests.e2e.scripts import event, fails, raw, streams, whole
from tests.e2e.upstream import Script

PIXEL = base64.b64encode(b"\x89PNG not much of a picture").decode()
USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 100,
    "total_tokens": 150,
}
EACH = Rates(image_nano=40 * NANO)
TOKENS = Rates(input_nano=NANO // 10, output_nano=NANO)
PARTIAL = event(
    json.dumps(
        {"type": "image_generation.partial_image", "b64_json": PIXEL, "partial_image_index": 0}
    ).encode()
)


def _pictures(count: int = 1, usage: Any = USAGE) -> bytes:
    data = [{"b64_json": PIXEL} for _ in range(count)]
    told = {} if usage is None else {"usage": usage}
    return json.dumps({"created": 1_700_000_000, "data": data, **told}).encode()


def _finished(usage: Any = USAGE) -> bytes:
    done = {"type": "image_generation.completed", "b64_json": PIXEL, "usage": usage}
    return event(json.dumps(done).encode())


def _sell(house: House, *scripts: Script, sell: Rates = EACH) -> Good:
    return house.sell(*scripts, sell=sell, kind="image")


def _generate(customer: Customer, good: Good, **members: Any) -> Any:
    return customer.client.images.generate(model=good.name, prompt="A quiet harbour", **members)


def test_pictures_are_charged_by_the_image(house: House):
    """As many as are in the answer, which goes through as it came; nothing is estimated."""
    good, customer = _sell(house, whole(_pictures(3, usage=None))), house.customer()
    body = {"model": good.name, "prompt": "A quiet harbour", "n": 3, "made_up": [1]}
    answer = house.post(customer, body, path="/v1/images/generations")
    (row,) = house.usage(customer)

    assert answer.content == _pictures(3, usage=None)
    assert answer.headers["x-grip-credits"] == "120"
    assert good.door.requests[0].json == body
    assert (row.images, row.cost_nano, row.estimated) == (3, 120 * NANO, False)
    assert (row.input_tokens, row.output_tokens, row.endpoint) == (0, 0, "/images/generations")


def test_pictures_are_charged_by_their_tokens(house: House):
    """By the upstream's own report."""
    good, customer = _sell(house, whole(_pictures()), sell=TOKENS), house.customer()
    answer = _generate(customer, good, size="1024x1024", quality="low")
    (row,) = house.usage(customer)

    assert answer.usage.output_tokens == 100
    assert (row.cost_nano, row.estimated, row.images) == (105 * NANO, False, 1)


def test_tokens_that_nobody_reported_are_estimated_by_size_and_quality(house: House):
    """196 for a square of low quality, by the vendor's own formula; and the row says so."""
    good, customer = _sell(house, whole(_pictures(2, usage=None)), sell=TOKENS), house.customer()
    _generate(customer, good, n=2, size="1024x1024", quality="low")
    (row,) = house.usage(customer)

    assert (row.output_tokens, row.estimated) == (2 * 196, True)


def test_all_pictures_are_held_for_before_dispatch(house: House):
    """What a wallet cannot pay is not asked for."""
    good, customer = _sell(house, whole(_pictures(3))), house.customer(credits_=119)
    refused = house.post(
        customer, {"model": good.name, "prompt": "x", "n": 3}, path="/v1/images/generations"
    )

    assert refused.json()["error"]["code"] == "insufficient_credits"
    assert refused.json()["error"]["metadata"]["required"] == 120
    assert good.calls == [0]
    house.assert_untouched(customer, balance=119)


def test_an_edit_goes_on_as_the_form_it_came_as(house: House):
    """Files byte for byte, fields untouched, under the name that the channel knows."""
    good = house.sell(whole(_pictures()), sell=EACH, kind="image", upstream_name="theirs")
    customer = house.customer()
    picture = bytes(range(256)) * 2_000
    answer = customer.client.images.edit(
        model=good.name,
        prompt="Make it snow",
        image=[("one.png", io.BytesIO(picture)), ("two.png", io.BytesIO(b"\r\n--\r\n"))],
        mask=("mask.png", io.BytesIO(b"mask")),
        extra_body={"made_up": "yes"},
    )
    (row,), (sent,) = house.usage(customer), good.door.requests

    assert (len(answer.data or ()), row.images, row.endpoint) == (1, 1, "/images/edits")
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert sent.body.count(picture) == 1
    assert b'name="model"\r\n\r\ntheirs\r\n' in sent.body
    assert b'name="made_up"\r\n\r\nyes\r\n' in sent.body
    assert b'filename="mask.png"' in sent.body
    assert good.name.encode() not in sent.body


def test_an_edit_is_tried_again_on_the_next_channel_from_its_beginning(house: House):
    """The files lie where they were put."""
    good, customer = _sell(house, fails(500), whole(_pictures())), house.customer()
    picture = b"picture " * 100_000
    customer.client.images.edit(model=good.name, prompt="x", image=io.BytesIO(picture))
    first, second = (door.requests[0].body for door in good.doors)

    assert first == second
    assert picture in second


def test_pictures_are_streamed_with_their_previews(house: House):
    """The last event waits for the charge, and its bytes are the upstream's."""
    events = [PARTIAL, PARTIAL, _finished()]
    good, customer = _sell(house, streams(events), sell=TOKENS), house.customer()
    stream = _generate(customer, good, stream=True, partial_images=2)
    kinds = [each.type.rpartition(".")[2] for each in stream]
    body = {"model": good.name, "prompt": "x", "stream": True}
    whole_stream = house.post(customer, body, path="/v1/images/generations")
    rows = house.usage(customer)

    assert kinds == ["partial_image", "partial_image", "completed"]
    assert whole_stream.content == b"".join(events)
    assert [(row.images, row.cost_nano, row.estimated) for row in rows] == [
        (1, 105 * NANO, False)
    ] * 2


def test_a_stream_that_breaks_before_its_picture_costs_nothing(house: House):
    """The client is told by an event, and there is no end."""
    good, customer = _sell(house, streams([PARTIAL])), house.customer()
    body = {"model": good.name, "prompt": "x", "stream": True}
    answer = house.post(customer, body, path="/v1/images/generations")

    assert answer.content.startswith(PARTIAL)
    assert b"service_unavailable" in answer.content
    house.assert_untouched(customer)


@pytest.mark.parametrize(
    "script",
    [whole(b'{"created":1}'), whole(b'{"error":{"message":"no"}}'), raw(b"nonsense\r\n\r\n")],
    ids=["no list", "an error", "no answer"],
)
def test_what_is_no_picture_is_the_channels_fault(house: House, script: Script):
    """A 200 without a list, with an error, or what is no answer at all."""
    good, customer = _sell(house, script), house.customer()
    with pytest.raises(InternalServerError) as refused:
        _generate(customer, good)

    assert refused.value.code == "service_unavailable"
    house.assert_untouched(customer)


def test_a_refused_prompt_reaches_the_client(house: House):
    """With the upstream's own words, and at no cost."""
    refusal = json.dumps({"error": {"message": "not this", "code": "moderation_blocked"}}).encode()
    good, customer = _sell(house, whole(refusal, status=400)), house.customer()
    with pytest.raises(BadRequestError) as refused:
        _generate(customer, good)

    assert refused.value.code == "moderation_blocked"
    house.assert_untouched(customer)


def test_an_edit_with_the_same_key_is_answered_once(house: House):
    """Although each form has a boundary of its own; another picture is another request."""
    good, customer = _sell(house, whole(_pictures())), house.customer()

    def edit(picture: bytes, boundary: str) -> Any:
        form = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\n{good.name}\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nx\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        ).encode() + b"%b\r\n--%b--\r\n" % (picture, boundary.encode())
        headers = {
            "authorization": f"Bearer {customer.secret}",
            "content-type": f"multipart/form-data; boundary={boundary}",
            "idempotency-key": "once",
        }
        return house.http.post("/v1/images/edits", content=form, headers=headers)

    first, again, other = edit(b"one", "aaa"), edit(b"one", "bbb"), edit(b"two", "ccc")

    assert (first.status_code, again.content) == (200, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert other.json()["error"]["code"] == "idempotency_key_reused"
    assert good.calls == [1]
    assert len(house.usage(customer)) == 1
